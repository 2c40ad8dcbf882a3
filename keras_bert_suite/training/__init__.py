"""What `fit` needs beside a model: optimizers, schedules, callbacks. It knows nothing of models."""
