"""Keras files are checked before any Keras reads them: their config, their archive, their HDF5, their graphs."""
