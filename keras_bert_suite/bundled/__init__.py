"""A small encoder that comes with the package, and the recipe that made it."""
