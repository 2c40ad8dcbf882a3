"""Small models that keep what a large one knows: students, losses between two models' traces, recipes."""
