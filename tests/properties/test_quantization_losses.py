"""What integers lose is found by computing with them, and the way out reaches back to where they still hold."""

import numpy as np
import pytest

from tests.properties.graphs import constant
from tfcompress.conversion.quantization_losses import quantization_losses
from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.serialization import options


def all_of(graph, drawn, whole_int16=False, is_integer=lambda op: True):
    for value, numbers in drawn.items():
        value.range = float(min(numbers.min(), 0)), float(max(numbers.max(), 0))
    return quantization_losses(graph, drawn, is_integer, whole_int16=whole_int16)


def of_power(kind, powers):
    """x → MUL(x, x) → ADD(…, 1e-9) → LOG, as of a spectrogram."""
    graph = Graph("main")
    x, power, more, y = (graph.add(Value(name, (1, 8))) for name in ("x", "power", "more", "y"))
    graph.append(Op("MUL", [x, x], [power], options("Mul")))
    graph.append(Op("ADD", [power, constant(graph, np.array(1e-9, np.float32))], [more], options("Add")))
    graph.append(Op(kind, [more], [y]))
    graph.inputs, graph.outputs = [x], [y]
    return graph, {x: np.sqrt(powers), power: powers, more: powers + 1e-9}


@pytest.mark.parametrize("whole_int16", [False, True])
def test_a_logarithm_over_decades_is_told_and_one_within_a_decade_is_not(rng, whole_int16):
    graph, drawn = of_power("LOG", 10 ** rng.uniform(-9, 0, 5000))
    (loss,) = all_of(graph, drawn, whole_int16)
    assert loss.op == "y"
    assert loss.sqnr < 10
    assert "LOG" in loss.what
    assert "9 decades" in loss.what
    graph, drawn = of_power("LOG", 10 ** rng.uniform(-1, 0, 5000))
    assert all_of(graph, drawn, whole_int16) == []


def test_the_way_out_reaches_back_to_what_integers_hold(rng):
    graph, drawn = of_power("LOG", 10 ** rng.uniform(-9, 0, 5000))
    (loss,) = all_of(graph, drawn)
    assert loss.keep == ("y", "more", "power")
    assert loss.io, "the input itself spans more than int8 holds"
    drawn[graph.inputs[0]] = np.where(rng.uniform(size=5000) < 0.5, -1.0, 1.0)
    (loss,) = all_of(graph, drawn)
    assert not loss.io


def test_a_root_is_told_by_what_it_loses(rng):
    graph, drawn = of_power("SQRT", 10 ** rng.uniform(-9, -2, 5000))
    drawn = {value: np.r_[numbers, 1.0] for value, numbers in drawn.items()}
    assert len(all_of(graph, drawn)) == 1
    graph, drawn = of_power("SQRT", rng.uniform(0, 1, 5000))
    assert all_of(graph, drawn) == []


def test_ops_that_are_no_integers_lose_nothing(rng):
    graph, drawn = of_power("LOG", 10 ** rng.uniform(-9, 0, 5000))
    assert all_of(graph, drawn, is_integer=lambda op: op.kind != "LOG") == []


def joined(small, large, size=1000, read_by=("RESHAPE", "Reshape")):
    """Two parts side by side, of which an op in the same scale gives a dense layer what it reads."""
    graph = Graph("main")
    x, y, both, made = (graph.add(Value(n, (1, s))) for n, s in (("x", 4), ("y", 4), ("both", 8), ("made", 2)))
    flat = graph.add(Value("flat", (8,)))
    graph.append(Op("CONCATENATION", [x, y], [both], options("Concatenation", axis=1)))
    kind, form = read_by
    graph.append(Op(kind, [both, constant(graph, np.array([8], np.int32))], [flat], options(form)))
    graph.append(Op("FULLY_CONNECTED", [flat, None], [made], options("FullyConnected")))
    graph.inputs, graph.outputs = [x, y], [made]
    rng = np.random.default_rng(0)
    drawn = {x: rng.uniform(-small, small, size), y: rng.uniform(-large, large, size)}
    return graph, drawn | {both: np.r_[drawn[x], drawn[y]]}


@pytest.mark.parametrize(("small", "large", "whole_int16", "told"), [
    (0.01, 800.0, False, True), (0.01, 800.0, True, True), (5.0, 800.0, False, True), (5.0, 800.0, True, False),
    (100.0, 800.0, False, False), (1e-6, 800.0, False, False),
])  # fmt: skip
def test_a_concatenation_of_large_and_small_is_told(small, large, whole_int16, told):
    graph, drawn = joined(small, large)
    found = all_of(graph, drawn, whole_int16)
    assert len(found) == told
    if told:
        assert found[0].keep == ("both", "flat", "made")
        assert not found[0].io
        graph.outputs = [graph.values[2]]
        assert all_of(graph, drawn, whole_int16)[0].io


@pytest.mark.parametrize(("low", "told"), [(0.0, False), (-100.0, True)])
def test_a_range_on_one_side_of_zero_has_steps_half_as_wide(rng, low, told):
    """Values up to 1.76 have 13 dB in steps of 100 / 255, and 7 in steps twice as wide."""
    graph, drawn = joined(1.0, 100.0)
    x, y, both = list(drawn)
    drawn[x], drawn[y] = rng.uniform(0, 1.76, 4000), np.r_[low, rng.uniform(0, 99, 998), 100.0]
    drawn[both] = np.r_[drawn[x], drawn[y]]
    assert len(all_of(graph, drawn)) == told


@pytest.mark.parametrize("read_by", [("MAX_POOL_2D", "Pool2D"), ("GATHER", "Gather"), ("PAD", "Pad")])
def test_whoever_reads_in_the_same_scale_must_be_in_float_too(read_by):
    (loss,) = all_of(*joined(0.01, 800.0, read_by=read_by))
    assert loss.keep == ("both", "flat", "made")


def test_zeros_that_are_joined_are_no_loss():
    graph, drawn = joined(0.0, 800.0)
    assert all_of(graph, drawn) == []


@pytest.mark.parametrize(("mean", "spread", "told"), [(40.0, 10.0, False), (40.0, 1.0, True), (40.0, 0.0, False)])
def test_what_changes_is_the_signal_and_a_constant_has_none(mean, spread, told):
    graph, drawn = joined(1.0, 800.0)
    drawn[graph.inputs[0]] = np.random.default_rng(1).normal(mean, spread, 1000)
    assert len(all_of(graph, drawn)) == told
