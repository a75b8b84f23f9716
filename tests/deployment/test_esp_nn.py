"""What ESP-NN, Espressif's kernels, does not compute as TFLM's reference kernels do, or not fast."""

import importlib.util

import pytest

import tfcompress
from tfcompress.deployment import target
from tfcompress.deployment.targets import esp_nn
from tfcompress.litert.op_facts import OpFacts, Tensor
from tfcompress.litert.tflite_model import TFLiteModel

micro = pytest.mark.skipif(importlib.util.find_spec("tflite_micro") is None, reason="needs tflite-micro")


def op(name, shapes, types):
    tensors = [
        Tensor(place, f"t{place}", shape, dtype, (0.1,), (0,), 0, 0)
        for place, (shape, dtype) in enumerate(zip(shapes, types, strict=True))
    ]
    return OpFacts(0, 0, name, 1, tuple(tensors), (tensors[0],))


IMAGE, KERNEL, GROUPED = (1, 8, 8, 4), (6, 3, 3, 4), (6, 3, 3, 2)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (op("CONV_2D", [IMAGE, KERNEL], ["int8", "int8"]), None),
        (op("CONV_2D", [IMAGE, GROUPED], ["int8", "int8"]), "as if they had one group"),
        (op("CONV_2D", [IMAGE, GROUPED], ["int16", "int8"]), "no int16"),
        (op("CONV_2D", [IMAGE, KERNEL], ["float32", "float32"]), None),
        (op("DEPTHWISE_CONV_2D", [IMAGE, (1, 3, 3, 4)], ["int8", "int4"]), "no int4 weights"),
        (op("FULLY_CONNECTED", [(1, 9), (5, 9)], ["int8", "int8"]), None),
        (op("ADD", [IMAGE, IMAGE], ["int8", "int8"]), None),
        (op("ADD", [IMAGE, (8, 8, 4)], ["int8", "int8"]), None),
        (op("MUL", [IMAGE, (1, 1, 1, 4)], ["int8", "int8"]), "no broadcasting"),
        (op("MAX_POOL_2D", [IMAGE], ["int8"]), None),
        (op("MAX_POOL_2D", [(1, 8, 8, 6)], ["int8"]), "4 channels together"),
        (op("SOFTMAX", [(1, 9)], ["int16"]), "no int16"),
        (op("TANH", [(1, 9)], ["int16"]), None),
    ],
)
def test_each_case_is_told_and_nothing_beside_it(asked, words, monkeypatch):
    monkeypatch.setattr(esp_nn, "layer_of", lambda tflite, op: "layer")
    found = esp_nn._finding(None, asked)
    assert (found is None) == (words is None)
    if found:
        assert words in found.reason
        assert found.blocks == ("one group" in words)


@micro
def test_a_grouped_convolution_stops_a_file_that_tflm_runs(rng):
    import keras

    entry = keras.Input((8, 8, 4))
    model = keras.Model(entry, keras.layers.Conv2D(6, 3, groups=2, name="grouped")(entry))
    tflite = tfcompress.convert(model, samples=rng.normal(size=(60, 8, 8, 4)).astype("float32"))
    assert isinstance(tflite, TFLiteModel)
    assert tfcompress.check(tflite, "tflm").passed
    findings = tfcompress.check(tflite, "esp-nn")
    assert [(row.layer, row.blocks) for row in findings] == [("grouped", True)]
    assert findings.facts["arena needed, bytes"] > 0
    assert "esp-nn" in target.targets()
