"""Before stage 1: a Keras model in, what the other stages will make of it out."""
