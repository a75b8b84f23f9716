"""The catalogue finds what is known of a layer, and nothing that only has its name."""

from collections import Counter

import pytest

from tfcompress.layers.catalogue import SPECS, layer_spec, layout_of
from tfcompress.layers.layer_spec import Fusion, KernelLayout, LayerSpec
from tfcompress.training.float_graph import read


def test_a_name_stands_once():
    names = Counter(name for spec in SPECS for name in spec.names)
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.names[0])
def test_fixed_ranges_are_told_and_only_those(spec):
    assert (spec.result == "fixed_range") == (spec.range is not None)


def test_one_spec_for_layer_operation_and_function(k):
    relu = layer_spec(k.activations.relu)
    assert Fusion.FUSES_INTO_PREVIOUS in relu.fusion
    assert layer_spec(k.layers.Activation("relu")) is relu
    assert layer_spec(k.layers.ReLU()).slope == relu.slope == 0.0
    inputs = k.Input((3,))
    softmax = k.ops.softmax if hasattr(k, "ops") else k.activations.softmax
    assert layer_spec(softmax).range == layer_spec(k.layers.Softmax()).range is not None
    (call,) = read(k.Model(inputs, inputs + 1.0)).calls
    assert layer_spec(call.operation).fusion == Fusion.ABSORBS_NEXT


def test_settings_settle_what_the_answer_is(k):
    name = "negative_slope" if k.__name__ == "keras" else "alpha"
    assert layer_spec(k.layers.LeakyReLU(**{name: 0.3})).slope == pytest.approx(0.3)
    assert layer_spec(k.layers.ReLU(max_value=1.0)).result == "float"
    assert layer_spec(k.layers.UpSampling2D()).result == "passthrough"
    assert layer_spec(k.layers.UpSampling2D(interpolation="bilinear")).result == "input_range"
    assert layer_spec(k.layers.UpSampling2D(interpolation="bicubic")).note == "bicubic interpolation"


def test_what_has_the_name_of_a_layer_is_not_that_layer(k):
    class Dense(k.layers.Layer):
        pass

    def relu(x):
        return x

    assert layer_spec(Dense()).note == "a custom layer without int8_call"
    assert layer_spec(relu).note == "no rule for the activation relu"
    assert layer_spec(k.layers.Dense(2)).inline_activation


def test_a_custom_layer_brings_its_spec(k):
    class Gate(k.layers.Layer):
        layer_spec = LayerSpec(("Gate",), result="fixed_range", range=(0.0, 1.0))

    assert layer_spec(Gate()) is Gate.layer_spec


def test_axes_of_kernels(k):
    class Mine(k.layers.Conv2DTranspose):
        pass

    assert layout_of(Mine(2, 3), "kernel").outputs == (-2,), "as the class above it"
    assert layout_of(k.layers.EinsumDense("abc,cde->abde", (None, 2, 3)), "kernel").outputs == (1, 2)
    assert layout_of(object(), "kernel") == KernelLayout()
