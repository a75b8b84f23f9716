"""What integers lose is told by the layer's name, and the way out that the warning names helps."""

import re
import warnings

import numpy as np
import pytest

import tfcompress
from tests.versions import older

OLD = older("tensorflow", "2.20")


def decibels(right, found):
    return 10 * np.log10(np.var(right) / np.mean(np.square(np.subtract(found, right, dtype=float))))


def told(model, x, kind="int8", **settings):
    """The words of a conversion's warnings, and how well its file does."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tflite = tfcompress.convert(model, kind, samples=x, **settings)
    words = [str(each.message) for each in caught if "Way out" in str(each.message)]
    return words, decibels(model.predict(x, verbose=0), tfcompress.Runner(tflite).predict(x))


def way_out(words):
    """The settings that warnings name, all together."""
    whole = " ".join(words)
    kept = [name for names in re.findall(r"keep_float=\[(.*?)\]", whole) for name in re.findall(r"'([^']+)'", names)]
    return {"keep_float": kept, **({"io": "float32"} if "io='float32'" in whole else {})}


def units(rng):
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    x = (rng.normal(size=(200, 5)) * [1, 100, 0.01, 1e4, 1]).astype("float32")
    norm = layers.Normalization(name="norm")
    norm.adapt(x)
    return keras.Sequential([keras.Input((5,)), norm, layers.Dense(16, activation="relu"), layers.Dense(1)]), x


def spectrum(rng):
    import keras
    from keras import layers, ops

    keras.utils.set_random_seed(0)
    x = (rng.normal(size=(200, 16)) * 10 ** rng.uniform(-4, 0, (200, 16))).astype("float32")
    inputs = keras.Input((16,))
    power = ops.multiply(
        inputs,
        inputs,
    )
    return keras.Model(inputs, layers.Dense(3, name="head")(ops.log(ops.add(power, 1e-8)))), x


def magnitude(rng):
    import keras
    from keras import layers, ops

    keras.utils.set_random_seed(0)
    x = (rng.normal(size=(200, 2, 16)) * 10 ** rng.uniform(-4, 0, (200, 1, 16))).astype("float32")
    inputs = keras.Input((2, 16))
    root = ops.sqrt(ops.sum(ops.square(inputs), axis=1) + 1e-10)
    return keras.Model(inputs, layers.Dense(3, name="head")(ops.log(root))), x


def joined(rng):
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    inputs = keras.Input((16,))
    tiny = keras.initializers.RandomNormal(stddev=0.002)
    large = layers.Dense(4, name="large", kernel_initializer=keras.initializers.RandomNormal(stddev=50.0))(inputs)
    small = layers.Dense(4, name="small", kernel_initializer=tiny)(inputs)
    both = layers.Concatenate(name="both")([large, small])
    head = layers.Dense(3, name="head")
    model = keras.Model(inputs, head(both))
    kernel = rng.normal(size=(8, 3)) * np.repeat([[1e-4], [100.0]], 4, axis=0)
    head.set_weights([kernel.astype("float32"), np.zeros(3, "float32")])
    return model, rng.normal(size=(200, 16)).astype("float32")


@pytest.mark.parametrize(
    ("make", "name", "kind"),
    [
        (units, "norm", "int8"),
        (units, "norm", "int16x8"),
        (spectrum, "log", "int8"),
        pytest.param(magnitude, "log", "int8", marks=pytest.mark.skipif(OLD, reason="its SQRT has no int8 form")),
        (joined, "both", "int8"),
    ],
)
def test_a_loss_is_told_and_the_way_out_helps(rng, make, name, kind):
    model, x = make(rng)
    words, before = told(model, x, kind)
    assert any(f"'{name}" in each for each in words)
    assert len(words) == 1
    assert "\n" not in " ".join(words)
    again, after = told(model, x, kind, **way_out(words))
    assert again == []
    assert after > max(25, before + 10)


def test_what_loses_little_is_not_told(rng):
    import keras
    from keras import layers, ops

    x = rng.normal(size=(100, 16)).astype("float32")
    inputs = keras.Input((16,))
    h = layers.Concatenate()([inputs, layers.Dense(4)(inputs)])
    model = keras.Model(inputs, layers.Dense(2)(ops.log(ops.abs(h) + 1.0)))
    assert told(model, x)[0] == []
    assert told(model, x, "int16x8")[0] == []
