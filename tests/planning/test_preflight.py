"""The plan says what the other stages then do."""

import numpy as np
import pytest

import tfcompress
from tests.models import images, nested, small_cnn


@pytest.mark.parametrize("build", [small_cnn, nested])
def test_a_model_that_works_is_all_yes(k, rng, build):
    model = build(k)
    before = [np.array(w) for w in model.get_weights()]
    plan = tfcompress.preflight(model, "tflm")
    assert plan.passed, str(plan)
    assert {row.trained_quantized for row in plan.rows} == {"yes"}
    assert {row.int8 for row in plan.rows} | {row.target for row in plan.rows} <= {"yes", "fused"}
    sizes = {row.layer: row.weights for row in plan.rows if row.prunable}
    assert sum(sizes.values()) == sum(w.size for w in before if w.ndim >= 2)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_layer_that_stays_float_is_named(rng):
    import keras

    class Wave(keras.layers.Layer):
        def call(self, x):
            return keras.ops.sin(x)

    model = keras.Sequential([keras.Input((8, 8, 4)), keras.layers.Conv2D(4, 3, name="conv"), Wave(name="odd")])
    plan = tfcompress.preflight(model, "tflm")
    with pytest.raises(tfcompress.ConversionError):
        tfcompress.convert(model, samples=rng.random((60, 8, 8, 4), dtype=np.float32))
    assert not plan.passed
    rows = {row.layer: row for row in plan.rows}
    assert rows["odd"].int8 == "stays float"
    assert rows["conv"].int8 != "stays float"
    assert rows["conv"].prunable
    assert not rows["odd"].prunable
    assert "odd" in plan.int8_error


def test_what_pruning_is_good_for_depends_on_the_target(rng):
    import keras

    model = small_cnn(keras)
    model.get_layer("conv").trainable = False
    plan = tfcompress.preflight(model, "cpu", samples=images(rng))
    assert {row.layer for row in plan.rows if row.prunable} == {"depthwise", "digit"}
    assert "download" in str(plan)
    pool = keras.Sequential([keras.layers.Input((8, 8, 1)), keras.layers.MaxPooling2D(name="pool")])
    assert "nothing to prune" in str(tfcompress.preflight(pool, "cpu"))


def test_bad_calls_are_told():
    import keras

    with pytest.raises(tfcompress.SettingError, match="'tflm'"):
        tfcompress.preflight(small_cnn(keras), "esp32")
    with pytest.raises(tfcompress.ModelError):
        tfcompress.preflight("model.keras", "cpu")
    with pytest.raises(tfcompress.ModelError, match="size"):
        tfcompress.preflight(keras.Sequential([keras.layers.Input((None, 3)), keras.layers.Conv1D(2, 3)]), "cpu")
