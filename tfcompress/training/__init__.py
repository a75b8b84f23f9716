"""Keras model in, Keras model out: training that knows what compression will do."""
