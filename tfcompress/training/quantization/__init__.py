"""A model in, the same model on int8 grids out, ready for training."""
