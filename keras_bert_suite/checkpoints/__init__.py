"""Anyone's checkpoint to our arrays and back."""
