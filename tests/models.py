"""Small models that several tests use, built from the Keras module they are given."""

import numpy as np

import tfcompress


def small_cnn(k, name="small"):
    """A CNN on 8×8 images with everything the converter fuses: convolution, batch norm, ReLU."""
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((8, 8, 1), name="image"),
            layers.Conv2D(8, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.Flatten(name="flatten"),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name=name,
    )


def nested(k):
    """A functional model with a model inside, a residual sum and two outputs."""
    layers = k.layers
    inner = k.Sequential(
        [layers.Input((8, 8, 4)), layers.Conv2D(4, 3, padding="same", name="deep"), layers.BatchNormalization()],
        name="inner",
    )
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="stem")(image)
    x = layers.Add(name="sum")([x, inner(x)])
    x = layers.ReLU(name="relu")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return k.Model(image, [layers.Dense(3, name="left")(x), layers.Dense(2, name="right")(x)], name="nested")


def three_inputs(k):
    """Inputs whose names sort in another order than they are listed, with a size of their own each."""
    layers = k.layers
    zeta, alpha, mid = (layers.Input((size,), name=name) for name, size in (("zeta", 2), ("alpha", 3), ("mid", 4)))
    both = layers.Concatenate(name="both")([zeta, alpha, mid])
    return k.Model([zeta, alpha, mid], layers.Dense(2, name="out")(both), name="three")


def images(rng, count=64):
    return rng.random((count, 8, 8, 1), dtype=np.float32)


def image_files(folder, rng, count, size=(10, 12), classes=("cat", "dog"), channels=1):
    """Write PNG files of noise into one subfolder for each class."""
    import tensorflow as tf

    for number in range(count):
        place = folder / classes[number % len(classes)]
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (*size, channels), dtype=np.uint8)
        (place / f"{number:04}.png").write_bytes(tf.io.encode_png(pixels).numpy())
    return folder


def accumulator(initial):
    """A streaming file: its output is the sum of all that came in, and of an initial value."""
    import tensorflow as tf

    class Accumulator(tf.Module):
        def __init__(self):
            self.total = tf.Variable(tf.fill((1, 2), initial))

        @tf.function(input_signature=[tf.TensorSpec((1, 2), tf.float32)])
        def __call__(self, x):
            self.total.assign(self.total + x)
            return self.total + 0.0

    model = Accumulator()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([model.__call__.get_concrete_function()], model)
    converter.experimental_enable_resource_variables = True
    return tfcompress.TFLiteModel(bytes(converter.convert()))
