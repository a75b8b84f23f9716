"""Scales of int16 in closed form: what shares one, what keeps its own, and where a value is read in another's."""

import numpy as np
import pytest

from tests.properties.graphs import constant
from tfcompress.errors import ConversionError
from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.passes.int16_scales import MIN_RANGE, int16_scales, magnitude, scale_of

TOP = 32767


class Net:
    """A graph whose values are named by single letters, of sizes that ranges tell: -size to size / 2."""

    def __init__(self, **sizes):
        self.graph, self.ranges = Graph("main"), {name: (-size, size / 2) for name, size in sizes.items()}
        self.values = {}

    def value(self, name):
        if isinstance(name, float):
            return constant(self.graph, np.full((1, 2), name, np.float32))
        if name not in self.values:
            self.values[name] = self.graph.add(Value(name, (1, 2)))
        return self.values[name]

    def op(self, kind, inputs, outputs):
        return self.graph.append(Op(kind, [*map(self.value, inputs)], [*map(self.value, outputs)]))

    def sizes(self):
        """What the scale of each value stretches to, by name."""
        made = int16_scales(self.graph.ops, self.ranges).made
        return {
            name: pytest.approx(made[value] * TOP, rel=1e-5) for name, value in self.values.items() if value in made
        }

    def read(self, op):
        found = int16_scales(self.graph.ops, self.ranges).read
        return [found[op, value] * TOP for value in op.inputs]


def test_what_is_joined_has_the_scale_of_the_widest():
    net = Net(a=2, b=1, y=2)
    op = net.op("CONCATENATION", "ab", "y")
    assert net.sizes() == {"a": 2, "b": 2, "y": 2}
    assert net.read(op) == pytest.approx([2, 2])


def test_scales_are_shared_through_chains_and_by_all_results():
    net = Net(x=3, y=0.5, z=3)
    net.op("RESHAPE", "x", "a")
    net.op("SPLIT", "a", "yz")
    net.op("RESHAPE", "z", "b")
    assert net.sizes() == dict.fromkeys("xayzb", 3)


def test_a_comparison_reads_both_sides_in_the_coarser_scale_and_others_read_what_they_read():
    net = Net(x=2, a=3, y=6, b=9, m=1)
    product = net.op("MUL", "xa", "y")
    less = net.op("LESS", "yb", "m")
    assert net.read(product) == pytest.approx([2, 3])
    assert net.read(less) == pytest.approx([9, 9])


@pytest.mark.parametrize(("held", "size"), [(10.0, 10), (31.0, 31), (33.0, 4)])
def test_a_constant_that_is_chosen_stretches_the_result_unless_it_is_far_beyond(held, size):
    """More than eight times what was measured: it may end there."""
    net = Net(x=4, y=4)
    net.op("SELECT_V2", ["x", "x", held], "y")
    assert net.sizes()["y"] == size


@pytest.mark.parametrize(("small", "own"), [(0.99, 0.99), (1.0, 8.0), (1.01, 8.0)])
def test_what_an_eighth_hides_keeps_its_scale_and_is_read_in_the_other(small, own):
    net = Net(a=8, b=small, y=8)
    op = net.op("CONCATENATION", "ab", "y")
    assert net.sizes() == {"a": 8, "b": own, "y": 8}
    assert net.read(op) == pytest.approx([8, 8])


def test_what_has_no_range_goes_with_what_it_becomes():
    net = Net(y=4)
    net.op("CONCATENATION", "ab", "y")
    assert net.sizes() == {"a": 4, "b": 4, "y": 4}
    net = Net(a=4)
    net.op("CONCATENATION", "ab", "y")
    assert net.sizes() == {"a": 4, "b": 4, "y": 4}


@pytest.mark.parametrize(("other", "group"), [(0.9, TOP / 32768), (1.0, TOP / 32768), (1.5, 1.5), (7.0, 7.0)])
def test_a_fixed_scale_is_that_of_its_op_and_of_a_group_that_fits(other, group):
    net = Net(x=5, s=1, b=other, y=max(1.0, other))
    logistic = net.op("LOGISTIC", "x", "s")
    op = net.op("CONCATENATION", "sb", "y")
    assert net.sizes() == {"x": 5, "s": TOP / 32768, "b": group, "y": group}
    assert net.read(op) == pytest.approx([group, group], rel=1e-5)
    assert net.read(logistic) == pytest.approx([5])


def test_constants_of_what_copies_widen_the_result_and_guards_do_not():
    net = Net(x=1, y=1)
    op = net.op("CONCATENATION", ["x", 3.0], "y")
    assert net.sizes()["y"] == 3
    assert net.read(op) == pytest.approx([3, 3])
    for kind in ("MAXIMUM", "MINIMUM"):
        net = Net(x=1, y=1)
        net.op(kind, ["x", 1e6], "y")
        assert (net.sizes()["x"], net.sizes()["y"]) == (1, 1), kind


@pytest.mark.parametrize(("held", "found"), [(7.0, 7.0), (8.0, 8.0), (8.1, 1.0), (1e9, 1.0)])
def test_what_a_choice_holds_far_beyond_what_was_measured_is_a_guard(held, found):
    net = Net(x=1, y=0.5)
    net.op("SELECT_V2", ["x", held], "y")
    assert net.sizes()["y"] == found


def test_a_narrow_constant_does_not_narrow_the_result():
    net = Net(x=2, y=4)
    net.op("CONCATENATION", ["x", 0.5], "y")
    assert net.sizes() == {"x": 4, "y": 4}


def test_a_result_without_a_range_has_that_of_its_constants():
    net = Net()
    net.op("CONCATENATION", ["x", 0.5], "y")
    assert net.sizes()["y"] == 0.5


def test_of_constants_alone_the_result_has_no_other_scale():
    net = Net()
    net.op("CONCATENATION", [0.25, 0.5], "y")
    assert net.sizes()["y"] == 0.5


def test_what_is_compared_is_read_in_the_coarser_scale():
    net = Net(a=2, b=6)
    op = net.op("GREATER", "ab", "m")
    net.values["m"].dtype = "bool"
    assert net.sizes() == {"a": 2, "b": 6}
    assert net.read(op) == pytest.approx([6, 6])
    net = Net(a=2)
    op = net.op("GREATER", ["a", 1e6], "m")
    net.values["m"].dtype = "bool"
    assert net.read(op) == pytest.approx([2, 2]), "a constant ends at the scale"


def test_other_ops_have_a_scale_a_value_and_kernels_none():
    net = Net(a=2, b=6, y=9, z=1)
    net.op("ADD", "ab", "y")
    op = net.op("FULLY_CONNECTED", ["y", 3.0], "z")
    assert net.sizes() == {"a": 2, "b": 6, "y": 9, "z": 1}
    found = int16_scales(net.graph.ops, net.ranges)
    assert op.inputs[1] not in found.made
    assert {value for each, value in found.read if each is op} == {net.values["y"], net.values["z"]}


def test_no_scale_is_zero():
    net = Net(a=0, y=0)
    net.op("RELU", "a", "y")
    assert net.sizes() == {"a": MIN_RANGE, "y": MIN_RANGE}
    assert scale_of(net.values["a"], net.ranges) == MIN_RANGE / TOP
    assert scale_of(net.values["a"], {"a": (-1.0, 3.0)}) == 3 / TOP


def test_what_has_no_range_is_told_by_its_layer():
    net = Net(a=1)
    net.op("ADD", "ab", "y")
    for ask in (
        lambda: int16_scales(net.graph.ops, net.ranges, {"b": "my layer"}.__getitem__),
        lambda: scale_of(net.values["b"], net.ranges, {"b": "my layer"}.__getitem__),
    ):
        with pytest.raises(ConversionError, match=r"must have a range.*none for my layer.*keep_float="):
            ask()


def test_a_magnitude_is_stored_measured_or_possible():
    net = Net(a=3)
    assert magnitude(net.value(-2.5), {}) == 2.5
    assert magnitude(net.value("a"), net.ranges) == 3
    assert magnitude(net.value("a"), {"a": (-1.0, 4.0)}) == 4
    assert magnitude(net.value("a"), {}) is None
    whole = net.graph.add(Value("q", (1, 2)))
    whole.quantize("int8", 0.5)
    whole.quantization.zero_points[:] = 28
    net.graph.append(Op("DEQUANTIZE", [whole], [net.value("d")]))
    net.graph.append(Op("QUANTIZE", [net.value("e")], [whole]))
    net.graph.append(Op("RELU", [net.value("f")], [net.value("g")]))
    assert magnitude(net.value("d"), {}) == 0.5 * 156
    assert magnitude(net.value("e"), {}) == 0.5 * 156
    assert (magnitude(net.value("f"), {}), magnitude(net.value("g"), {})) == (None, None)
    whole.quantization.zero_points[:] = -28
    assert magnitude(net.value("d"), {}) == 0.5 * 155
    empty = constant(net.graph, np.zeros((0,), np.float32))
    assert magnitude(empty, {}) == 0
