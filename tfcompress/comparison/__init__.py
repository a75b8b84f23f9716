"""Stage 5: arrays in, a verdict out."""
