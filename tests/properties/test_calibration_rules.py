"""Calibration of graphs built by hand: what was seen, whose range is clipped, and what a layer reads on average."""

import math

import numpy as np
import pytest

from tests.properties.graphs import constant
from tfcompress.conversion import batch_engine
from tfcompress.conversion import observers as module
from tfcompress.conversion.calibration import (
    MIN_RANGE,
    MIN_SOFTMAX_RANGE,
    WIDEST_INVERSE,
    await_ranges,
    calibrate,
    has_one_graph,
    hides_values,
)
from tfcompress.conversion.observers import Observer, _stride, measure
from tfcompress.conversion.range_estimators import choose
from tfcompress.conversion.samples import Calibration
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import ConversionError
from tfcompress.litert.graph import EditableFile, Graph, Op, Quantization, Signature, Value
from tfcompress.litert.serialization import options

METHODS = ["minmax", "percentile", "mse"]


# What was seen of one tensor


@pytest.mark.parametrize("wanted", [1, 7, 64, 1000])
def test_a_stride_meets_every_channel_row_and_column_alike(wanted):
    """It shares no factor with the size, and takes about as many values as are wanted."""
    for size in (1, 2, 30, 64, 97, 1000, 4096, 12 * 12 * 48):
        stride = _stride(size, wanted)
        assert math.gcd(stride, size) == 1
        assert len(range(0, size, stride)) <= max(1, 2 * wanted)
        assert stride - max(1, size // wanted) < 30
    assert _stride(1000, 1000) == 1
    assert _stride(1000, 100) == 11
    assert _stride(97, 10) == 9


@pytest.mark.parametrize("sizes", [[23], [10, 10, 3], [1] * 23])
def test_extremes_and_means_are_those_of_all_samples(rng, sizes):
    """The mean of a short last batch weighs by its rows."""
    x = rng.normal(size=(23, 4, 5, 3)).astype("float32")
    x[20:] += 9
    seen = Observer(10**6, with_means=True)
    for part in np.split(x, np.cumsum(sizes)[:-1]):
        seen.add(part)
    assert (seen.low, seen.high) == (x.min(), x.max())
    assert seen.means == pytest.approx(x.reshape(-1, 3).mean(0), rel=1e-4)
    assert np.array_equal(np.sort(seen.drawn), np.sort(x.reshape(-1)))
    for method in METHODS:
        expected = choose(method, float(x.min()), float(x.max()), x.reshape(-1))
        assert seen.range(method) == pytest.approx(expected)
    without = Observer(10**6, with_means=False)
    without.add(x)
    assert without.means is None


def test_of_many_rows_the_mean_is_drawn_evenly():
    """2,048 rows or more are thinned out; the stride shares no factor with them, so that no period is preferred."""
    rows = np.arange(6000)
    x = np.stack([rows % 2, rows % 3, rows / 6000], 1).astype("float32")
    seen = Observer(100, with_means=True)
    seen.add(x)
    assert seen.means == pytest.approx([0.5, 1.0, 0.5], abs=0.01)


def test_few_values_of_many_batches_tell_of_every_channel():
    """64 values of a batch of a thousand channels: those of the next batches are of other channels and places."""
    batches, places, channels = 100, 49, 1000
    seen = Observer(64, with_means=True)
    x = np.arange(places)[:, None] * channels + np.arange(channels)[None, :]
    for _ in range(batches):
        seen.add(x.astype("float32"))
    which, counts = np.unique(seen.drawn % channels, return_counts=True)
    assert len(which) == channels
    assert counts.max() <= 3 * counts.min()
    assert len(np.unique(seen.drawn // channels)) == places


def test_values_are_drawn_evenly_and_copied():
    x = np.arange(1000, dtype=np.float32)
    seen = Observer(100, with_means=False)
    seen.add(x)
    x[:] = 0
    assert 80 <= len(seen.drawn) <= 110
    assert np.array_equal(seen.drawn, np.arange(0, 1000, 11))


@pytest.mark.parametrize("place", [0, 5, 9])
def test_a_value_that_is_none_is_never_forgotten(monkeypatch, place):
    monkeypatch.setattr(module, "VALUES_IN_CACHE", 4)
    x = np.arange(10, dtype=np.float32)
    seen = Observer(100, with_means=False)
    seen.add(x)
    assert (seen.low, seen.high) == (0, 9), "in parts as in one"
    x[place] = np.nan
    for _ in range(2):
        seen.add(x)
        seen.add(np.ones(10, np.float32))
    assert math.isnan(seen.low)
    assert math.isnan(seen.high)


# Ranges of a graph


def samples(folder, *arrays, ends=None):
    specs = []
    for place, array in enumerate(arrays):
        array.tofile(folder / f"input_{place}")
        specs.append(TensorSpec(f"in{place}", (1, *array.shape[1:]), str(array.dtype)))
    return Calibration(folder, tuple(specs), len(arrays[0]), {}, "", ends=ends or {})


def waits(value):
    value.range = (0.0, 0.0)
    return value


def activation(graph, name, shape):
    return waits(graph.add(Value(name, shape)))


def file_of(graph):
    graph.signatures = [
        Signature(
            "serving_default",
            [(f"input_{place}", value) for place, value in enumerate(graph.inputs)],
            [(f"output_{place}", value) for place, value in enumerate(graph.outputs)],
        )
    ]
    return EditableFile([graph])


def chain(*kinds, width=4):
    """x → kinds in turn → y: an activation for each, named by its op."""
    graph = Graph("main")
    x = value = activation(graph, "x", (1, width))
    for kind in kinds:
        result = activation(graph, kind, (1, width))
        form = options("Softmax", beta=1.0) if kind == "SOFTMAX" else None
        graph.append(Op(kind, [value], [result], form))
        value = result
    graph.inputs, graph.outputs = [x], [value]
    return file_of(graph)


def ranges(file):
    return {value.name: value.range for value in file.main.values if value.range is not None}


def heavy(rng, count=150, width=4):
    x = rng.normal(size=(count, width)).astype("float32")
    x[count // 9, 1], x[count // 2, 2] = 60, -50
    return x


@pytest.mark.parametrize("method", METHODS)
def test_what_the_user_sees_is_not_clipped_and_what_lies_inside_is(rng, tmp_path, method):
    x = heavy(rng, width=100)  # of fewer values "mse" clips none
    file = chain("ABS", "NEG", "ABS", width=100)
    file.main.values[3].name = "out"
    calibrate(file, samples(tmp_path, x), method)
    found = ranges(file)
    assert found["x"] == pytest.approx((x.min(), x.max()))
    assert found["out"] == pytest.approx((0, 60))
    low, high = choose(method, 0.0, 60.0, np.abs(x).reshape(-1))
    assert found["ABS"] == pytest.approx((low, high))
    assert found["NEG"] == pytest.approx((-high, low))
    assert (found["ABS"][1] < 60) == (method != "minmax")


def test_what_has_steps_enough_keeps_everything(rng, tmp_path):
    file = chain("ABS", "NEG", "EXP", width=100)
    calibrate(file, samples(tmp_path, heavy(rng, width=100)), "mse", fine=lambda name: name == "NEG")
    found = ranges(file)
    assert found["NEG"] == pytest.approx((-60, 0))
    assert found["ABS"][1] < 60


@pytest.mark.parametrize("count", [1, 31, 32, 33, 150])
def test_every_sample_is_run_once_in_batches_of_any_size(rng, tmp_path, count):
    x, told = heavy(rng, 160)[:count] + np.arange(count, dtype=np.float32)[:, np.newaxis], []
    file = chain("ABS", "NEG")
    calibrate(file, samples(tmp_path, x), "minmax", told.append)
    assert sum(told) == count
    assert max(told) <= 32
    found = ranges(file)
    assert found["x"] == pytest.approx((min(0, x.min()), max(0, x.max())))
    assert found["NEG"] == pytest.approx((-np.abs(x).max(), 0))


def test_activations_of_one_batch_fit_into_the_bytes_allowed(rng, tmp_path, monkeypatch):
    """Three activations of four floats: 48 bytes a sample."""
    for allowed, batch in ((1, 1), (100, 2), (48 * 5, 5), (48 * 5 + 47, 5), (48 * 100, 20)):
        monkeypatch.setattr(batch_engine, "BYTES_AT_ONCE", allowed)
        told = []
        calibrate(chain("ABS", "NEG"), samples(tmp_path, heavy(rng)[:20]), "minmax", told.append)
        assert told[0] == batch
        assert sum(told) == 20


@pytest.mark.parametrize("threads", [2, 3])
def test_several_interpreters_see_what_one_sees(rng, tmp_path, monkeypatch, threads):
    """In whatever order they take the batches; the last one is shorter."""
    x = heavy(rng)[:59]
    monkeypatch.setattr(batch_engine, "BYTES_AT_ONCE", 48 * 4)
    found = []
    for count in (1, threads):
        monkeypatch.setattr(batch_engine, "cores", lambda count=count: count)
        file = chain("ABS", "NEG")
        seen = measure(file, file.main.values, samples(tmp_path, x), lambda _: None)
        found.append({value.name: (one.low, one.high, *one.drawn) for value, one in seen.items()})
    assert found[0] == found[1]
    assert len(found[0]["x"]) == 2 + x.size


def test_ends_of_all_samples_widen_inputs_and_outputs_alone(rng, tmp_path):
    x = rng.uniform(1, 2, (60, 4)).astype("float32")
    file = chain("ABS", "NEG")
    ends = {"input_0": (-7.0, 1.5), "output_0": (-1.5, 9.0)}
    calibrate(file, samples(tmp_path, x, ends=ends), "minmax")
    found = ranges(file)
    assert found["x"] == pytest.approx((-7, x.max()))
    assert found["NEG"] == pytest.approx((-x.max(), 9))
    assert found["ABS"] == pytest.approx((0, x.max()))


def test_what_is_zero_on_all_samples_has_a_range(tmp_path):
    x = -np.ones((60, 4), np.float32)
    file = chain("RELU", "NEG", "EXP")
    calibrate(file, samples(tmp_path, x), "minmax")
    assert ranges(file) == {"x": (-1, 0), "RELU": (0, MIN_RANGE), "NEG": (0, MIN_RANGE), "EXP": (0, 1)}


@pytest.mark.parametrize(("size", "widened"), [(1e-5, True), (0.9e-3, True), (0.5, False)])
def test_a_softmax_reads_no_empty_range(tmp_path, size, widened):
    x = np.full((60, 4), size, np.float32)
    file = chain("ABS", "SOFTMAX")
    calibrate(file, samples(tmp_path, x), "minmax")
    low, high = ranges(file)["ABS"]
    more = MIN_SOFTMAX_RANGE / 2 if widened else 0
    assert (low, high) == pytest.approx((-more, size + more))


def test_a_softmax_of_values_far_below_zero_has_a_range_already(tmp_path):
    file = chain("NEG", "SOFTMAX")
    calibrate(file, samples(tmp_path, np.full((60, 4), 0.5, np.float32)), "minmax")
    assert ranges(file)["NEG"] == (-0.5, 0)


@pytest.mark.parametrize("fine", [True, False])
def test_an_inverse_root_in_int16_ends_where_its_table_does(tmp_path, fine):
    x = np.geomspace(1e-6, 4, 60 * 4).reshape(60, 4).astype("float32")
    file = chain("ABS", "RSQRT", "NEG")
    calibrate(file, samples(tmp_path, x), "minmax", fine=lambda name: fine)
    low, high = ranges(file)["RSQRT"]
    assert (low, high) == pytest.approx((0, WIDEST_INVERSE / 2 if fine else 1000))
    near = np.linspace(1, 4, 60 * 4).reshape(60, 4).astype("float32")
    file = chain("ABS", "RSQRT", "NEG")
    calibrate(file, samples(tmp_path, near), "minmax", fine=lambda name: True)
    assert ranges(file)["RSQRT"] == pytest.approx((0, 1)), "the largest that was seen is smaller"


def test_an_inverse_root_ends_by_the_largest_that_was_seen_also_where_int8_clips_it(rng, tmp_path):
    x = np.abs(heavy(rng, width=100)) + 1e-9
    x[0, 0] = 1e-9
    file = chain("ABS", "RSQRT", "NEG", width=100)
    calibrate(file, samples(tmp_path, x), "percentile", fine=lambda name: name == "RSQRT")
    found = ranges(file)
    assert found["ABS"][1] < 55
    assert found["RSQRT"][1] == pytest.approx(WIDEST_INVERSE / np.sqrt(60), rel=1e-4)


def test_a_graph_that_no_runtime_runs_is_the_error_of_the_runtime(rng, tmp_path, monkeypatch):
    """Of a batch, and of single samples then."""
    tried = []

    def refuse(self, batch):
        tried.append(batch)
        raise RuntimeError("no kernel")

    monkeypatch.setattr(batch_engine.BatchEngine, "_load", refuse)
    with pytest.raises(RuntimeError, match="no kernel"):
        calibrate(chain("ABS", "NEG"), samples(tmp_path, heavy(rng)), "minmax")
    assert tried == [32, 1]


def test_what_is_not_finite_is_named_unless_it_stays_in_float(tmp_path):
    x = np.linspace(-1, 3, 240).reshape(60, 4).astype("float32")
    x[3, 0] = 0
    for in_float in ("LOG", "EXP"):
        file = chain("ABS", "LOG", "EXP")
        with pytest.raises(ConversionError, match=r"^What .* finite on all samples.*-inf to 1.0.* in LOG.*keep_float="):
            calibrate(file, samples(tmp_path, x), "minmax", in_float=lambda name, one=in_float: name == one)
    file = chain("ABS", "LOG", "EXP")
    calibrate(file, samples(tmp_path, x), "minmax", in_float=lambda name: name in ("LOG", "EXP"))
    assert ranges(file)["LOG"] == (0, 0), "nothing was given to it"
    assert ranges(file)["ABS"] == pytest.approx((0, 3))


def test_the_order_of_samples_changes_no_range(rng, tmp_path):
    x = heavy(rng, 64)
    found = []
    for given in (x, x[::-1].copy()):
        file = chain("ABS", "NEG")
        calibrate(file, samples(tmp_path, given), "mse")
        found.append(ranges(file))
    assert found[0] == found[1]


# What layers read


def dense():
    """x → ABS → FULLY_CONNECTED → y; only the layer's input has a mean."""
    graph = Graph("main")
    x, a, y = activation(graph, "x", (1, 4)), activation(graph, "a", (1, 4)), activation(graph, "y", (1, 2))
    graph.append(Op("ABS", [x], [a]))
    weights = constant(graph, np.float32([[1, 2, 3, 4], [0, -1, 0, 1]]))
    graph.append(Op("FULLY_CONNECTED", [a, weights, None], [y], options("FullyConnected")))
    graph.inputs, graph.outputs = [x], [y]
    return file_of(graph)


@pytest.mark.parametrize("count", [32, 33, 65])
def test_the_mean_of_what_a_layer_reads_is_that_of_all_samples(rng, tmp_path, count):
    x = rng.normal(size=(count, 4)).astype("float32")
    x[-1] *= 50  # the last one may be a batch of its own
    means = calibrate(dense(), samples(tmp_path, x), "minmax")
    assert [*means] == ["a"]
    assert means["a"] == pytest.approx(np.abs(x).mean(0), rel=1e-4)


def two_inputs():
    graph = Graph("main")
    a, b, y = activation(graph, "a", (1, 3)), activation(graph, "b", (1, 3)), activation(graph, "y", (1, 3))
    graph.append(Op("SUB", [a, b], [y], options("Sub")))
    graph.inputs, graph.outputs = [a, b], [y]
    return file_of(graph)


def test_inputs_are_fed_by_their_place_in_the_signature(rng, tmp_path):
    first, second = rng.uniform(1, 2, (40, 3)).astype("float32"), rng.uniform(5, 9, (40, 3)).astype("float32")
    file = two_inputs()
    calibrate(file, samples(tmp_path, first, second), "minmax")
    found = ranges(file)
    assert found["a"] == pytest.approx((0, first.max()))
    assert found["b"] == pytest.approx((0, second.max()))
    assert found["y"] == pytest.approx(((first - second).min(), 0))


def test_values_without_a_range_and_variables_are_not_measured(rng, tmp_path):
    file = chain("ABS", "NEG")
    inside = file.main.values[1]
    inside.quantization = None
    calibrate(file, samples(tmp_path, heavy(rng)), "minmax")
    assert inside.range is None
    file = chain("ABS", "NEG")
    assert set(measure(file, [file.main.values[2]], samples(tmp_path, heavy(rng)), lambda _: None)) == {
        file.main.values[2]
    }


def test_a_graph_that_mixes_samples_runs_them_one_by_one(rng, tmp_path):
    """A sum over the axis of the batch: of a batch of many it would be the sum of them."""
    graph = Graph("main")
    x, total, y = activation(graph, "x", (1, 4)), activation(graph, "total", (4,)), activation(graph, "y", (4,))
    axis = graph.constant(0, "int32")
    graph.append(Op("SUM", [x, axis], [total], options("Reducer", keepDims=False)))
    graph.append(Op("NEG", [total], [y]))
    graph.inputs, graph.outputs = [x], [y]
    told, rows = [], heavy(rng)
    file = file_of(graph)
    calibrate(file, samples(tmp_path, rows), "minmax", told.append)
    assert set(told) == {1}
    assert ranges(file)["total"] == pytest.approx((rows.min(), rows.max()))


def test_samples_do_not_share_a_state(tmp_path):
    """A cell of an SVDF keeps what it read before: each sample begins from zero."""
    graph = Graph("main")
    x, y, z = activation(graph, "x", (1, 2)), activation(graph, "y", (1, 1)), activation(graph, "z", (1, 1))
    state = graph.add(Value("state", (1, 3), is_variable=True))
    features, times = constant(graph, np.ones((1, 2), np.float32)), constant(graph, np.ones((1, 3), np.float32))
    graph.append(Op("SVDF", [x, features, times, None, state], [y], options("SVDF", rank=1)))
    graph.append(Op("NEG", [y], [z]))
    graph.inputs, graph.outputs = [x], [z]
    told = []
    file = file_of(graph)
    calibrate(file, samples(tmp_path, np.ones((10, 2), np.float32)), "minmax", told.append)
    assert set(told) == {1}
    assert ranges(file)["y"] == pytest.approx((0, 2))


def test_what_a_file_hides():
    file = chain("ABS")
    assert has_one_graph(file)
    assert not hides_values(file)
    file.main.ops[0].intermediates = [file.main.values[0]]
    assert hides_values(file)
    assert not has_one_graph(EditableFile([file.main, Graph("body")]))


def test_every_float_activation_awaits_a_range_and_nothing_else_does():
    graph = Graph("main")
    names = ("x", "unused", "floats", "hidden", "result")
    x, unused, floats, hidden, result = (graph.add(Value(name, (1, 2))) for name in names)
    places, state = graph.add(Value("places", (1, 2), "int32")), graph.add(Value("state", (1, 2)))
    state.is_variable = True
    weights = constant(graph, np.ones((1, 2), np.float32))
    graph.append(Op("ADD", [x, weights, None], [floats]))
    graph.append(Op("MUL", [floats, state], [hidden, places]))
    graph.append(Op("SUB", [hidden, places], [result]))
    graph.inputs, graph.outputs = [x, unused], [result, places]
    await_ranges(EditableFile([graph]))
    waiting = {value.name for value in graph.values if value.range is not None}
    assert waiting == set(names)
    assert {value.range for value in graph.values if value.range is not None} == {(0.0, 0.0)}


def test_only_some_values_are_measured_and_the_numbers_drawn_join_those_before(rng, tmp_path):
    x, file = heavy(rng, 40), chain("ABS", "NEG")
    source, absolute, last = file.main.values
    source.range, last.range = (-1.0, 2.0), (-3.0, 0.0)
    drawn = {source: np.zeros(3)}
    calibrate(file, samples(tmp_path, x), "minmax", only=[absolute], drawn=drawn)
    assert (source.range, last.range) == ((-1.0, 2.0), (-3.0, 0.0))
    assert absolute.range == pytest.approx((0, np.abs(x).max()))
    assert set(drawn) == {source, absolute}
    assert drawn[source].tolist() == [0, 0, 0]
    assert np.array_equal(np.sort(drawn[absolute]), np.sort(np.abs(x).reshape(-1)))


@pytest.mark.parametrize("measured", [True, False])
def test_an_inverse_root_reaches_so_far_below_what_it_is_taken_of(rng, tmp_path, measured):
    """Of values up to 4 it is at most WIDEST_INVERSE / 2: by what was seen, or by the range before."""
    x = np.square(rng.uniform(0.1, 2, (30, 4))).astype(np.float32)
    x[0, 0], x[1, 1] = 4.0, 1e-8
    file = chain("ABS", "RSQRT", "ABS")
    read, inverse = file.main.values[1:3]
    read.range = (0.0, 16.0)
    calibrate(file, samples(tmp_path, x), "minmax", fine=lambda name: True, only=None if measured else [inverse])
    assert read.range == (pytest.approx((0, 4)) if measured else (0.0, 16.0))
    assert inverse.range == pytest.approx((0, WIDEST_INVERSE / (2 if measured else 4)))


def test_a_graph_that_takes_no_batch_runs_sample_by_sample(rng, tmp_path):
    """A target shape without a place for the batch: LiteRT refuses more than one sample, and they run one by one."""
    graph, told = Graph("main"), []
    x, flat, y = activation(graph, "x", (1, 4)), activation(graph, "flat", (2, 2)), activation(graph, "y", (2, 2))
    form = options("Reshape", newShape=[2, 2])
    graph.append(Op("RESHAPE", [x, constant(graph, np.array([2, 2], np.int32))], [flat], form))
    graph.append(Op("ABS", [flat], [y]))
    graph.inputs, graph.outputs = [x], [y]
    given = heavy(rng, 7)
    calibrate(file_of(graph), samples(tmp_path, given), "minmax", told.append)
    assert told == [1] * 7
    assert y.range == pytest.approx((0, np.abs(given).max()))


# What an input takes


@pytest.mark.parametrize(("dtype", "zero_point"), [("int8", -7), ("uint8", 120), ("int16", 0)])
def test_floats_become_the_integers_that_an_input_takes(dtype, zero_point):
    value = Value("x", (1, 6), dtype, quantization=Quantization(np.array([0.5], np.float32), np.array([zero_point])))
    limits = np.iinfo(dtype)
    given = np.array([[0.0, 1.0, 1.25, -1.75, -1e6, 1e6]], np.float32)
    found = batch_engine.in_type_of(value, given)
    assert found.dtype == dtype
    assert found.tolist() == [[zero_point, zero_point + 2, zero_point + 2, max(zero_point - 4, limits.min),
                               limits.min, limits.max]]  # fmt: skip


def test_integers_and_inputs_of_floats_stay_as_they_are():
    known = Quantization(np.array([0.5], np.float32), np.array([3]))
    for dtype, given in (("int8", np.ones((1, 2), np.int8)), ("float32", np.ones((1, 2), np.float32)),
                         ("int32", np.ones((1, 2), np.float32))):  # fmt: skip
        assert batch_engine.in_type_of(Value("x", (1, 2), dtype, quantization=known), given) is given
