"""The kinds of model that MLPerf Tiny uses, in legacy files, from load to proof."""

import numpy as np
import pytest

import tfcompress
from tfcompress.litert.inspect import float_ops


def depthwise_separable(k):
    """Keyword spotting: depthwise-separable CNN on 49×10 features (Banbury et al., 2021)."""
    layers = k.layers
    inputs = layers.Input((49, 10, 1))
    x = layers.Conv2D(64, (10, 4), strides=(2, 2), padding="same")(inputs)
    x = layers.Dropout(0.2)(layers.Activation("relu")(layers.BatchNormalization()(x)))
    for _ in range(4):
        for layer in (layers.DepthwiseConv2D(3, padding="same"), layers.Conv2D(64, 1, padding="same")):
            x = layers.Activation("relu")(layers.BatchNormalization()(layer(x)))
    x = layers.Flatten()(layers.AveragePooling2D((25, 5))(layers.Dropout(0.4)(x)))
    return k.Model(inputs, layers.Dense(12, activation="softmax")(x))


def residual(k):
    """Image classification: a residual network with a strided shortcut."""
    layers = k.layers
    inputs = layers.Input((32, 32, 3))
    x = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same")(inputs)))
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = layers.Conv2D(filters, 3, strides=strides, padding="same")(x)
        y = layers.Activation("relu")(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(y))
        if strides > 1:
            x = layers.Conv2D(filters, 1, strides=strides, padding="same")(x)
        x = layers.Activation("relu")(layers.add([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return k.Model(inputs, layers.Dense(10, activation="softmax")(x))


def autoencoder(k):
    """Anomaly detection: a dense autoencoder on 640 values."""
    layers = k.layers
    inputs = x = layers.Input((640,))
    for size in (128, 128, 8, 128, 128):
        x = layers.Activation("relu")(layers.BatchNormalization()(layers.Dense(size)(x)))
    return k.Model(inputs, layers.Dense(640)(x))


def trained(k, build, rng):
    """A model that has seen data: smooth patterns, one a class, under noise."""
    k.utils.set_random_seed(1)
    model = build(k)
    shape, classes = model.input_shape[1:], model.output_shape[-1]
    regression = classes == shape[-1]
    patterns = rng.normal(size=(classes if not regression else 10, *shape)).astype("float32")
    for axis in range(1, patterns.ndim):
        patterns = patterns + np.roll(patterns, 1, axis) + np.roll(patterns, 2, axis)
    y = rng.integers(0, len(patterns), 600)
    x = (patterns[y] / patterns.std() + 0.7 * rng.normal(size=(600, *shape))).astype("float32")
    model.compile("adam", "mse" if regression else "sparse_categorical_crossentropy")
    model.fit(x[:400], x[:400] if regression else y[:400], epochs=4, batch_size=32, verbose=0)
    return model, x, None if regression else y


QUICK = {(depthwise_separable, ""), (autoencoder, ".h5")}


@pytest.mark.parametrize(
    ("build", "suffix"),
    [
        pytest.param(
            build, suffix, id=f"{build.__name__}-{suffix}", marks=() if (build, suffix) in QUICK else pytest.mark.slow
        )
        for build in (depthwise_separable, residual, autoencoder)
        for suffix in (".h5", "")
    ],
)
def test_a_legacy_file_becomes_a_proven_int8_file(build, suffix, rng, tmp_path):
    import tf_keras

    model, x, y = trained(tf_keras, build, rng)
    model.save(tmp_path / f"old{suffix}")
    model = tfcompress.load_keras(tmp_path / f"old{suffix}")
    tflite = tfcompress.convert(model, "int8", samples=x[:200])
    assert float_ops(tflite) == []
    test = (x[400:], None if y is None else y[400:])
    result = tfcompress.compare(model, tflite, *test)
    if y is not None:
        assert result.accuracy_drop <= 0.005
    else:
        assert result.mean_error < 0.02 * result.output_range
    reference, tflm = (tfcompress.Runner(tflite, runtime=name).predict(x[400:450]) for name in ("reference", "tflm"))
    # TFLM rounds twice where LiteRT rounds once: seven dense layers in a row let that through more often.
    assert (reference != tflm).mean() <= (0.01 if y is not None else 0.04)
    assert np.abs(reference - tflm).max() <= 3.01 * tflite.outputs[0].scale
