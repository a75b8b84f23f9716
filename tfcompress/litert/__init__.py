"""Stage 3: bytes in, facts or bytes out; no TensorFlow, no Keras."""
