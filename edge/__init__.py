"""From a fine-tuned model to a file that a device runs, and the runtime that runs it."""
