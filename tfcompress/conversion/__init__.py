"""Stage 2: a Keras model in, a `TFLiteModel` out."""
