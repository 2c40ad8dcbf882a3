"""Data: files to examples, and examples to padded batches; text to rows for pre-training."""
