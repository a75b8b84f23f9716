"""Sigmoid and tanh of the int16 kernels and of the fused LSTM, held against the kernels and against the functions."""

import numpy as np
import pytest

from tests.properties.graphs import graph_of, run
from tfcompress.layers import int16_activations
from tfcompress.layers.lstm_tables import sigmoid_table, tanh_table

ALL = np.arange(-32768, 32768)


@pytest.mark.parametrize(("kind", "name"), [("LOGISTIC", "sigmoid"), ("TANH", "tanh")])
@pytest.mark.parametrize("scale", [1 / 4096, 1 / 2048, 3e-5, 1.7e-4, 2.7e-4, 0.9, 2.0])
def test_they_are_those_of_the_kernels_for_every_number(kind, name, scale):
    graph = graph_of(kind, (1, ALL.size), [(1, ALL.size)], version=2)
    graph.inputs[0].quantize("int16", scale)
    graph.outputs[0].quantize("int16", 1 / 32768)
    (kernel,) = run(graph, ALL[None])
    x = ALL[1:].astype("float32") * np.float32(scale)  # without -32768, which no value of a file is
    ours = np.asarray(getattr(int16_activations, name)(x, np.float32(scale))) * 32768
    np.testing.assert_array_equal(ours, kernel[0, 1:])


@pytest.mark.parametrize("bits", range(5))
def test_the_tables_of_the_lstm_are_odd_rise_and_stay_near_the_function(bits):
    table = tanh_table(bits)
    real = np.tanh(ALL / 2.0 ** (15 - bits))
    assert np.abs(table - real).max() < 13 / 32768
    np.testing.assert_array_equal(table[1:], -table[:0:-1])
    assert np.diff(table).min() >= -16 / 32768
    assert table[32768] == 0


def test_the_sigmoid_of_the_lstm_sums_to_one_with_its_mirror():
    table = sigmoid_table()
    assert np.abs(table - 1 / (1 + np.exp(-ALL / 4096))).max() < 7 / 32768
    np.testing.assert_allclose(table[1:] + table[:0:-1], 32767 / 32768, atol=1.1 / 32768)
