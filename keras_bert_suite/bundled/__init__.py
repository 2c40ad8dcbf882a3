"""The small encoder that the package brings along."""
