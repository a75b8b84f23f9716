"""Stage 6: a `TFLiteModel` in, what a device makes of it and what a device needs of it out."""
