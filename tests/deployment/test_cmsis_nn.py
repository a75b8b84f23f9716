"""What CMSIS-NN does not run as TFLM's reference kernels do."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfcompress
from tfcompress.litert.flatbuffer import pack
from tfcompress.litert.op_facts import OpFacts, Tensor
from tfcompress.litert.ops.op_catalogue import op_spec


def dense(k, rng):
    k.utils.set_random_seed(1)
    entry = k.Input((12,), name="x")
    return k.Model(entry, k.layers.Dense(4, name="head")(entry)), rng.normal(0, 1, (60, 12)).astype("float32")


def per_channel(tflite):
    """Return the file as other converters write it: a scale for each output of the dense layer."""
    model = schema.ModelT.InitFromPackedBuf(tflite.content, 0)
    graph = model.subgraphs[0]
    (op,) = (op for op in graph.operators if len(op.inputs) == 3)
    for index in op.inputs[1:]:
        held = graph.tensors[index].quantization
        held.scale, held.zeroPoint = np.repeat(held.scale, 4), np.zeros(4, np.int64)
    return tfcompress.TFLiteModel(pack(model))


def weights(tflite):
    return [op.inputs[1] for op in tflite.ops if op.name == "FULLY_CONNECTED"]


@pytest.mark.parametrize("kind", ["int16x8", "int8"])
def test_dense_layers_in_int16_have_one_scale_and_run_everywhere(rng, kind):
    import keras

    model, x = dense(keras, rng)
    if kind == "int8":
        entry = keras.Input((4, 6))
        model, x = keras.Model(entry, keras.layers.GRU(3)(entry)), rng.normal(0, 1, (60, 4, 6)).astype("float32")
    tflite = tfcompress.convert(model, kind, samples=x)
    assert weights(tflite)
    assert {len(kernel.scales) for kernel in weights(tflite)} == {1}
    for runtime in ("litert", "reference"):
        predicted = tfcompress.Runner(tflite, runtime=runtime).predict(x)
        assert np.abs(predicted - model.predict(x, verbose=0)).mean() < 0.02
    findings = tfcompress.check(tflite, "tflm")
    assert findings.passed, findings


def test_a_foreign_file_that_cmsis_nn_refuses_is_told_with_its_layer(rng):
    import keras

    model, x = dense(keras, rng)
    (row,) = findings = tfcompress.check(per_channel(tfcompress.convert(model, "int16x8", samples=x)), "tflm")
    assert not findings.passed
    assert row.layer == "head"
    assert "CMSIS-NN" in row.reason
    assert "one scale" in row.hint
    assert tfcompress.check(tfcompress.convert(model, samples=x), "tflm").passed


def op(name, shapes, types, scales=1):
    """An op that reads tensors of these shapes and types, and writes one like the first; the second has the scales."""
    tensors = [
        Tensor(place, "t", shape, dtype, (0.1,) * (scales if place == 1 else 1), (0,), 0, 0)
        for place, (shape, dtype) in enumerate(zip(shapes, types, strict=True))
    ]
    return OpFacts(0, 0, name, 1, tuple(tensors), (tensors[0],))


IMAGE, KERNEL, GROUPED, LONG = (1, 8, 8, 4), (6, 3, 3, 4), (6, 3, 3, 2), (1, 2, 2, 2, 2)


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        (op("FULLY_CONNECTED", [(1, 4), (3, 4)], ["int16", "int8"], scales=3), True),
        (op("FULLY_CONNECTED", [(1, 4), (3, 4)], ["int16", "int8"]), False),
        (op("FULLY_CONNECTED", [(1, 4), (3, 4)], ["int8", "int8"], scales=3), False),
        (op("FULLY_CONNECTED", [(1, 4), (3, 4)], ["int8", "int4"], scales=3), True),
        (op("CONV_2D", [IMAGE, KERNEL], ["int16", "int8"], scales=6), False),
        (op("CONV_2D", [IMAGE, GROUPED], ["int16", "int8"], scales=6), True),
        (op("CONV_2D", [IMAGE, GROUPED], ["int8", "int4"], scales=6), True),
        (op("CONV_2D", [IMAGE, GROUPED], ["int8", "int8"], scales=6), False),
        *((op(name, [LONG, LONG], ["int8", "int8"]), True) for name in ("TRANSPOSE", "MAXIMUM", "PAD", "BATCH_MATMUL")),
        *((op(name, [LONG, LONG], ["int16", "int16"]), False) for name in ("TRANSPOSE", "MAXIMUM", "PAD")),
        *((op(name, [IMAGE, IMAGE], ["int8", "int8"]), False) for name in ("TRANSPOSE", "MAXIMUM", "PAD")),
    ],
)
def test_each_gap_is_told_and_nothing_beside_it(asked, refused):
    assert any(gap.applies(asked) for gap in op_spec(asked.name).cmsis_nn) == refused
