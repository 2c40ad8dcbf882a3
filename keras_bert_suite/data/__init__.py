"""Data: files to examples, and examples to padded batches."""
