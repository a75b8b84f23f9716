"""Activations in ops with int8 kernels: they compute what Keras does, and train as they run."""

from importlib.metadata import version

import keras
import numpy as np
import pytest

import tfcompress
from tests.layers.trained_files import require_agreement
from tfcompress.layers.catalogue import SPECS, layer_spec
from tfcompress.layers.layer_spec import LayerSpec
from tfcompress.layers.quantizer import Unrounded
from tfcompress.litert.inspect import float_ops
from tfcompress.training.quantization.quantization_aware_model import assemble, steps

FORMS = sorted(
    name for spec in SPECS if spec.form for name in spec.names if name.islower() and hasattr(keras.activations, name)
)


class Recorder(Unrounded):
    """Notes the names of cuts."""

    def __init__(self):
        super().__init__()
        object.__setattr__(self, "names", [])

    def activation(self, tensor, name):
        self.names.append(name)
        return tensor


def test_there_are_forms():
    assert {"elu", "selu", "softplus", "mish", "celu", "silu"} <= set(FORMS)


@pytest.mark.parametrize("name", FORMS)
def test_a_form_computes_what_keras_does_with_a_cut_of_its_own_at_each_value(name, rng):
    function, quantizer = getattr(keras.activations, name), Recorder()
    x = (rng.normal(size=(4, 6)) * 3).astype("float32")
    found = layer_spec(function).form(quantizer, function, keras.ops.convert_to_tensor(x))
    np.testing.assert_allclose(np.array(found), np.array(function(x)), atol=2e-6)
    assert len(set(quantizer.names)) == len(quantizer.names), "two values under one name would share a range"


def test_forms_know_the_settings_of_layers_and_operations(rng):
    x = (rng.normal(size=(4, 6)) * 3).astype("float32")
    entry = keras.Input((6,))
    for output in (
        keras.layers.ELU(0.3)(entry),
        keras.ops.celu(entry, alpha=0.5),
        keras.ops.elu(entry, alpha=2.0),
        keras.ops.squareplus(entry, b=2),
        keras.ops.soft_shrink(entry, threshold=0.2),
    ):
        model = keras.Model(entry, output)
        operation = output._keras_history[0]
        found = layer_spec(operation).form(Unrounded(), operation, keras.ops.convert_to_tensor(x))
        np.testing.assert_allclose(np.array(found), np.array(model(x)), atol=2e-6)


def test_trained_activations_are_integer_and_compute_what_the_file_does(rng):
    """Each on the result of a convolution, in one model."""
    names = [name for name in FORMS if layer_spec(getattr(keras.activations, name)).trained_since == 3]
    if version("tensorflow") < "2.20":  # whose quantizer has no int8 for divisions and roots: an error names the layer
        names = [name for name in names if name not in ("softsign", "squareplus")]
    assert len(names) > 10
    entry = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(4, 3, name="conv")(entry)
    branches = [keras.layers.Activation(name, name=name)(x) for name in [*names, "exponential", "log_softmax"]]
    model = keras.Model(entry, branches)
    data = rng.normal(size=(64, 6, 6, 3)).astype("float32")
    require_agreement(model, data)


def test_saved_models_of_older_layouts_keep_what_was_float():
    entry = keras.Input((6,))
    model = keras.Model(entry, keras.layers.Dense(3, activation="elu", name="out")(entry))
    kind = type(tfcompress.quantize_aware(model))
    older, newer = (assemble(kind, model, (), "m", layout) for layout in (2, 3))
    assert [row.quantized for row in older.quantization] == [True, False]
    assert [row.quantized for row in newer.quantization] == [True, True]
    names = {name for step in steps(older) for name in step.states}
    assert names == {"result", "sums"}, "those of the input, of the sums and of what stayed float"


def cube(quantizer, _, x):
    return x * quantizer.activation(x * x, "square")


class Cube(keras.layers.Layer):
    """Without a form its POW has no integer kernel."""

    layer_spec = LayerSpec(("Cube",), int8=cube)

    def call(self, x):
        return keras.ops.power(x, 3.0)


def test_a_custom_layer_with_a_spec_is_computed_in_its_form_by_calibration_and_by_training(rng):
    entry = keras.Input((4, 4, 2))
    model = keras.Model(entry, Cube(name="cube")(keras.layers.Conv2D(3, 2)(entry)))
    data = rng.normal(size=(64, 4, 4, 2)).astype("float32")
    qat_model = tfcompress.quantize_aware(model, samples=data)
    assert qat_model.quantization.gaps == []
    for tflite in (tfcompress.convert(model, samples=data), tfcompress.convert(qat_model)):
        assert float_ops(tflite) == []
        assert [op.name for op in tflite.ops] == ["CONV_2D", "MUL", "MUL"]
