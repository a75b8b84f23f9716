"""The estimate of energy in closed form: MACs at the price of their type, and bytes that go through memory once."""

from types import SimpleNamespace

import numpy as np
import pytest

import tfcompress
from tests.foreign_files import Graph, empty_model, loop, schema
from tfcompress.deployment.energy import DRAM, PICOJOULES, SRAM, _bytes
from tfcompress.litert.flatbuffer import pack

PRICES = {"int8": 0.3, "float16": 1.5, "float32": 4.6}
"""Horowitz 2014: a multiplication and an addition, in picojoules."""


def dense(dtype, size):
    """(1, 4) → (1, 3) with weights of 24 bytes; activations of `size` bytes each."""
    model = empty_model()
    graph = Graph(model)
    x, y = graph.tensor((1, 4), dtype), graph.tensor((1, 3), dtype)
    graph.op(
        "FULLY_CONNECTED", [x, graph.constant(b"\1" * 24, "int8", (3, 4)), -1], [y], schema.FullyConnectedOptionsT()
    )
    graph.ends([x], [y])
    return tfcompress.TFLiteModel(pack(model)), 7 * size + 24


@pytest.mark.parametrize(
    ("dtype", "size", "price"),
    [("float32", 4, "float32"), ("float16", 2, "float16"), ("int8", 1, "int8"), ("uint8", 1, "int8"),
     ("int16", 2, "int8"), ("int32", 4, "float32"), ("int64", 8, "float32")],
)  # fmt: skip
def test_products_are_priced_by_the_type_of_their_activations(dtype, size, price):
    assert pytest.approx(PRICES) == PICOJOULES
    tflite, moved = dense(dtype, size)
    found = tfcompress.energy(tflite)
    assert (found.macs, found.bytes_moved) == (12, moved)
    assert found.arithmetic == pytest.approx(12 * PRICES[price] * 1e-6)
    assert found.from_sram == pytest.approx(moved * 100 / 8 * 1e-6)
    assert found.weights_from_dram == pytest.approx(24 * (1300 - 100) / 8 * 1e-6)
    assert (SRAM, DRAM) == (12.5, 162.5)
    assert found.total == found.arithmetic + found.from_sram


def test_the_body_of_a_loop_costs_as_often_as_it_runs():
    """Each trip adds to the counter, and multiplies a vector of 4 with a matrix of floats."""
    found = [tfcompress.energy(tfcompress.TFLiteModel(loop(trips))) for trips in (2, 3, 4)]
    assert [each.macs for each in found] == [32, 48, 64]
    assert [each.arithmetic for each in found] == pytest.approx([each.macs * 4.6e-6 for each in found])
    moved = np.diff([each.bytes_moved for each in found])
    assert moved[0] == moved[1] == (64 + 2 * 16) + (2 * 4 + 4) + (2 * 4 + 1), "the product, the counter, the condition"
    weights = np.diff([each.weights_from_dram for each in found])
    assert weights == pytest.approx(2 * [(64 + 4) * (1300 - 100) / 8 * 1e-6]), "the matrix and the step"


def test_an_op_without_a_result_and_a_tensor_of_an_open_size_are_counted():
    """A variable that is written; of an open size one is there."""
    model = empty_model()
    graph = Graph(model)
    form = schema.VarHandleOptionsT()
    form.container, form.sharedName = "", "state"
    x, handle, y = graph.tensor((1, 4)), graph.tensor((), "resource"), graph.tensor((1, 4))
    graph.op("VAR_HANDLE", [], [handle], form)
    graph.op("ASSIGN_VARIABLE", [handle, x], [])
    graph.op("RELU", [x], [y])
    graph.ends([x], [y])
    found = tfcompress.energy(tfcompress.TFLiteModel(pack(model)))
    assert (found.macs, found.arithmetic) == (0, 0)
    assert found.bytes_moved >= 3 * 16
    open_size = SimpleNamespace(bytes=0, shape=(0, 3, 4), dtype="float32")
    assert (_bytes(open_size), _bytes(SimpleNamespace(bytes=7))) == (48, 7)


def test_an_estimate_says_that_it_is_one():
    text = str(tfcompress.energy(dense("int8", 1)[0]))
    assert [" ".join(line.split()) for line in text.splitlines()] == [
        "ESTIMATE, not a measurement: 0.000391 µJ for one inference",
        "what energy",
        "12 MACs 3.6e-06 µJ",
        "31 bytes through on-chip memory 0.000387 µJ",
        "more, with weights in DRAM 0.0036 µJ",
        "45 nm figures: Horowitz, ISSCC 2014",
    ]


def test_a_file_on_disk_is_read(tmp_path):
    tflite, _ = dense("int8", 1)
    assert tfcompress.energy(tflite.save(tmp_path / "a.tflite")) == tfcompress.energy(tflite)
