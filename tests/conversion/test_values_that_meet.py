"""Values of different ranges meet in one op: each keeps its steps. Masks, ids and images enter as what they are."""

import numpy as np
import pytest

import tfcompress


def decibels(right, found):
    return 10 * np.log10(np.var(right) / np.mean(np.square(np.subtract(found, right, dtype=float))))


def meeting():
    """A model of many ends, and samples; names of outputs are those of the layers that make them."""
    import keras
    from keras import layers, ops

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x, ids = keras.Input((16,), name="x"), keras.Input((6,), dtype="int32", name="ids")
    h, g = layers.Dense(12, name="h")(x), layers.Dense(12, name="g")(x)
    mask = ops.concatenate([ids, ids], 1) > 2
    named = {
        "boxes": layers.Concatenate()([h * 80.0, layers.Activation("sigmoid")(g)]),
        "normalized": ops.normalize(h, axis=-1),
        "guarded": ops.minimum(h, 1e6),
        "chosen": layers.Dense(3)(ops.where(h > 0, h, 0.0)) + layers.Dense(3)(h),
        "gated": layers.Dense(3)(ops.where(mask, h, g * 100.0)) * 0.05 + layers.Dense(3)(h),
        "masked": ops.softmax(ops.where(mask, h, -1e9)),
        "added": ops.softmax(h + ops.cast(mask, "float32") * -1e9),
        "hot": layers.Dense(3)(ops.max(ops.one_hot(ids, 6), axis=1)),
        "ratio": h / (1.0 + ops.abs(g)),
        "peak": h / (ops.max(ops.abs(h), axis=-1, keepdims=True) + 1e-3),
        "counted": layers.Dense(3)(ops.cast(ids, "float32") / 6.0),
        "attended": ops.matmul(
            ops.softmax(ops.reshape(layers.Dense(1200)(x), (-1, 2, 600))), rng.normal(size=(600, 2)).astype("float32")
        ),
    }
    outputs = {name: layers.Identity(name=name)(value) for name, value in named.items()}
    data = {"x": rng.normal(size=(100, 16)).astype("float32"), "ids": rng.integers(0, 6, (100, 6)).astype("int32")}
    return keras.Model([x, ids], outputs), data


LEAST = {  # decibels in int8, in int16x8
    "boxes": (35, 42),
    "normalized": (33, 42),
    "guarded": (33, 42),
    "chosen": (33, 42),
    "gated": (28, 38),
    "masked": (25, 40),
    "added": (25, 40),
    "hot": (33, 42),
    "ratio": (30, 40),
    "peak": (28, 40),
    "counted": (33, 42),
    "attended": (20, 30),
}


@pytest.mark.parametrize("place", [0, 1], ids=["int8", "int16x8"])
def test_each_value_keeps_its_steps(place):
    model, data = meeting()
    right = model.predict(data, verbose=0)
    found = tfcompress.Runner(tfcompress.convert(model, ("int8", "int16x8")[place], samples=data)).predict(data)
    reached = {name: round(float(decibels(right[name], found[name])), 1) for name in LEAST}
    assert {name: value for name, value in reached.items() if value < LEAST[name][place]} == {}, reached


def test_masks_and_images_are_integer(rng):
    import keras
    from keras import layers

    ids, series = rng.integers(0, 50, (60, 12)).astype("int32"), rng.normal(size=(60, 12, 3)).astype("float32")
    series[:, 9:] = 0
    image = rng.integers(0, 256, (60, 4, 4, 3)).astype("uint8")
    text, steps = keras.Input((12,), dtype="int32", name="text"), keras.Input((12, 3), name="steps")
    picture = keras.Input((4, 4, 3), dtype="uint8", name="picture")
    embedded = layers.Embedding(50, 8, mask_zero=True)(text)
    ends = [
        layers.GlobalAveragePooling1D()(embedded),
        layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 4)(embedded, embedded)),
        layers.GRU(4)(layers.Masking()(steps)),
        layers.Flatten()(layers.Rescaling(1 / 255)(picture)),
        layers.CategoryEncoding(50, output_mode="one_hot")(text[:, :1]),
    ]
    model = keras.Model([text, steps, picture], [layers.Dense(2, name=f"end_{i}")(end) for i, end in enumerate(ends)])
    data = {"text": ids, "steps": series, "picture": image}
    tflite = tfcompress.convert(model, samples=data)
    assert {spec.name: spec.dtype for spec in tflite.inputs} == {"text": "int32", "steps": "int8", "picture": "uint8"}
    assert tfcompress.inspect(tflite).float_ops == ()
    right, found = model.predict(data, verbose=0), tfcompress.Runner(tflite).predict(data)
    for place, name in enumerate(found):
        assert decibels(right[place], found[name]) > 25, name
