"""A target is one file in this folder: how a file is held against it, and `TARGETS`, which says what it is called."""
