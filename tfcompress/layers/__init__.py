"""What is known of each kind of Keras layer, written once: a `LayerSpec` a layer, a file a family."""
