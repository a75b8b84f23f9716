"""Kinds of integer files, and layers that are in another type than the rest."""

import numpy as np
import pytest

import tfcompress
from tests.models import images, nested, small_cnn
from tfcompress.litert.inspect import float_ops

pytestmark = pytest.mark.one_keras


def types(tflite, casts=("QUANTIZE", "DEQUANTIZE", "CAST")):
    return {op.name: op.outputs[0].dtype for op in tflite.ops if op.name not in casts}


def error(tflite, model, x, runtime="litert"):
    return float(np.abs(tfcompress.Runner(tflite, runtime=runtime).predict(x) - model.predict(x, verbose=0)).mean())


@pytest.mark.parametrize(("io", "inside"), [(None, "int16"), ("float32", "float32")])
def test_int16x8_is_integer_throughout_and_ten_times_as_fine(k, rng, io, inside):
    model, x = small_cnn(k), images(rng)
    fine = tfcompress.convert(model, "int16x8", samples=x, io=io)
    assert float_ops(fine) == []
    assert set(types(fine).values()) == {"int16"}
    assert {spec.dtype for spec in (*fine.inputs, *fine.outputs)} == {inside}
    kernels = [op.inputs[1] for op in fine.ops if op.name in {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}]
    assert {kernel.dtype for kernel in kernels} == {"int8"}
    coarse = tfcompress.convert(model, samples=x)
    for runtime in ("litert", "reference"):
        assert error(fine, model, x, runtime) < error(coarse, model, x, runtime) / 4
    assert fine.size < 1.2 * coarse.size


def test_int16x8_is_as_close_as_the_converters_own(k, rng):
    import tensorflow as tf

    model, x = small_cnn(k), images(rng)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row[np.newaxis]] for row in x)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    theirs = tfcompress.TFLiteModel(bytes(converter.convert()))
    ours = tfcompress.convert(model, "int16x8", samples=x)
    assert error(ours, model, x) < 1.1 * error(theirs, model, x)


def test_layers_are_kept_in_float_or_int16_and_no_others(k, rng):
    model, x = small_cnn(k), images(rng)
    tflite = tfcompress.convert(model, samples=x, keep_float="depthwise", keep_int16="digit")
    assert types(tflite) == {
        "CONV_2D": "int8",
        "DEPTHWISE_CONV_2D": "float32",
        "RESHAPE": "int8",
        "FULLY_CONNECTED": "int16",
        "SOFTMAX": "int16",
    }
    assert [spec.dtype for spec in (*tflite.inputs, *tflite.outputs)] == ["int8", "int8"]
    assert tflite.manifest["settings"]["keep_float"] == ["depthwise"]
    assert error(tflite, model, x) < 0.01
    assert error(tflite, model, x, "reference") < 0.01


def test_a_part_of_a_fused_op_means_the_op_and_a_model_means_its_layers(k, rng):
    x = images(rng)
    assert types(tfcompress.convert(small_cnn(k), samples=x, keep_float="relu"))["CONV_2D"] == "float32"
    ops = tfcompress.convert(nested(k), samples=x, keep_int16="inner").ops
    assert [op.outputs[0].dtype for op in ops if op.name == "CONV_2D"] == ["int8", "int16"]
    ops = tfcompress.convert(nested(k), samples=x, keep_float="left", keep_int16="right").ops
    assert [op.outputs[0].dtype for op in ops if op.name == "FULLY_CONNECTED"] == ["float32", "int16"]


def test_int16x8_with_a_layer_in_float(k, rng):
    model, x = small_cnn(k), images(rng)
    tflite = tfcompress.convert(model, "int16x8", samples=x, keep_float="*wise")
    assert types(tflite)["DEPTHWISE_CONV_2D"] == "float32"
    assert set(types(tflite).values()) == {"int16", "float32"}
    assert error(tflite, model, x) < 0.001


def test_patterns_without_a_layer_and_layers_without_an_op_are_errors(k, rng):
    x = images(rng)
    with pytest.raises(tfcompress.SelectionError, match=r"`keep_float` must match a layer.*depthwise"):
        tfcompress.convert(small_cnn(k), samples=x, keep_float="nothing")
    with pytest.raises(tfcompress.SelectionError, match=r"Received: norm.*becomes part of the convolution"):
        tfcompress.convert(small_cnn(k), samples=x, keep_int16="norm")


def test_contradictions_are_errors(rng):
    import keras

    model, x = small_cnn(keras), images(rng)
    for settings in (
        {"quantization": "float32", "keep_float": "conv"},
        {"quantization": "int16x8", "samples": x, "keep_int16": "conv"},
        {"samples": x, "keep_float": "conv", "keep_int16": "c*"},
        {"samples": x, "extra_ops": ["Erf"]},
    ):
        with pytest.raises(tfcompress.SettingError):
            tfcompress.convert(model, **settings)
    ready = tfcompress.quantize_aware(model, samples=x)
    with pytest.raises(tfcompress.SettingError, match="exclude="):
        tfcompress.convert(ready, keep_float="conv")


def test_layers_that_training_left_in_float_are_in_float_and_no_others(k, rng, monkeypatch):
    import tensorflow as tf

    class Remainder(k.layers.Layer):
        def call(self, x):
            return tf.math.floormod(x, 0.3)

    layers = [k.layers.Input((4,)), k.layers.Dense(4), Remainder(name="remainder"), k.layers.Dense(2, name="last")]
    ready = tfcompress.quantize_aware(k.Sequential(layers), samples=rng.random((60, 4), dtype=np.float32))
    assert "FLOOR_MOD" in {op.name for op in float_ops(tfcompress.convert(ready))}
    # The same file is refused where another layer is the one that is to be in float.
    monkeypatch.setattr("tfcompress.conversion.chosen_layers.float_on_purpose", lambda _: ("last",))
    with pytest.raises(tfcompress.ConversionError, match=r"FLOOR_MOD \(layer remainder"):
        tfcompress.convert(ready)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("kind", ["int8", "int16x8", "trained"])
def test_an_untrained_classifier_runs_on_the_reference_kernels(rng, activation, kind):
    import keras

    layers = [keras.layers.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(3, activation=activation)]
    model = keras.Sequential(layers)
    model.set_weights([weight * 1e-7 for weight in model.get_weights()])
    x = rng.random((60, 4), dtype=np.float32)
    if kind == "trained":
        tflite = tfcompress.convert(tfcompress.quantize_aware(model, samples=x))
    else:
        tflite = tfcompress.convert(model, kind, samples=x)
    assert tflite.manifest["runs"]["reference"] is True
    assert error(tflite, model, x, "reference") < 0.01


def test_a_file_that_the_reference_kernels_refuse_is_told(rng):
    import keras
    import tensorflow as tf

    class Repeated(keras.layers.Layer):
        def call(self, x):
            return tf.tile(x, [1, 2])

    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(4), Repeated()])
    with pytest.warns(tfcompress.TfcompressWarning, match="TILE"):
        tflite = tfcompress.convert(model, samples=rng.random((60, 4)))
    assert tflite.manifest["runs"]["litert"] is True
    assert "TILE" in tflite.manifest["runs"]["reference"]


@pytest.mark.parametrize("name", ["Conv2D", "DepthwiseConv2D", "Dense"])
@pytest.mark.parametrize("runtime", ["litert", "reference", "tflm"])
def test_a_channel_of_zeros_keeps_its_bias_in_int16(k, rng, name, runtime):
    if runtime == "tflm":
        pytest.importorskip("tflite_micro")
    shape = (6,) if name == "Dense" else (6, 6, 3)
    layer = {"Conv2D": lambda: k.layers.Conv2D(4, 3), "Dense": lambda: k.layers.Dense(4)}.get(
        name, lambda: k.layers.DepthwiseConv2D(3)
    )()
    model = k.Sequential([k.layers.Input(shape), layer])
    kernel, bias = layer.get_weights()
    kernel.reshape(-1, len(bias))[:, 1] = 0
    layer.set_weights([kernel, bias + 0.5])
    x = rng.normal(size=(60, *shape)).astype("float32")
    found = tfcompress.Runner(tfcompress.convert(model, "int16x8", samples=x), runtime=runtime).predict(x[:4])
    np.testing.assert_allclose(found[..., 1], 0.5, atol=0.01)
