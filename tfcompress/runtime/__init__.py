"""Stage 4: a `TFLiteModel` in, arrays out."""
