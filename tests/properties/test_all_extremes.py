"""Extremes over all samples, where calibration read a part of them: batch by batch the same as all at once."""

from pathlib import Path

import numpy as np
import pytest

from tfcompress.conversion import extremes as module
from tfcompress.conversion.extremes import extremes, with_all_extremes
from tfcompress.conversion.samples import Calibration
from tfcompress.data import TensorSpec
from tfcompress.errors import DataError

SPECS = (TensorSpec("a", (1, 2), "float32"), TensorSpec("b", (1, 3, 2), "float32"))


def calibration(more=True, specs=SPECS):
    return Calibration(Path("nowhere"), specs, 1000, {"a": (0.0, 1.0)}, "sum", more=more)


def two_outputs(inputs):
    """Twice the first input, a table of integers, and the difference of sums."""
    total = inputs["a"].sum(1) - inputs["b"].sum((1, 2))
    return [extremes(2 * inputs["a"]), extremes(np.zeros(3, np.int32)), extremes(total)]


@pytest.mark.parametrize("count", [1, 255, 256, 257, 700])
def test_inputs_and_outputs_are_those_of_every_sample(rng, capsys, count):
    a, b = rng.normal(size=(count, 2)).astype("float32"), rng.normal(5, 1, size=(count, 3, 2)).astype("float32")
    x, told = {"a": a, "b": b}, []
    found = with_all_extremes(x, calibration(), two_outputs, told.append)
    assert sum(told) == count
    assert max(told) <= 256
    total = a.sum(1) - b.sum((1, 2))
    assert found.ends == {
        "input_0": (a.min(), a.max()),
        "input_1": (b.min(), b.max()),
        "output_0": (2 * a.min(), 2 * a.max()),
        "output_2": pytest.approx((total.min(), total.max()), rel=1e-5),
    }
    assert found.ranges == {"a": found.ends["input_0"], "b": found.ends["input_1"]}
    assert (found.count, found.sha256, found.folder) == (1000, "sum", Path("nowhere")), "the rest stays"
    assert f"1,000 of {count:,} samples" in capsys.readouterr().err


def test_a_batch_holds_so_many_bytes_at_most(rng, monkeypatch):
    """8 and 24 bytes a sample."""
    x = {"a": rng.normal(size=(50, 2)).astype("float32"), "b": rng.normal(size=(50, 3, 2)).astype("float32")}
    for allowed, size in ((1, 1), (32, 1), (64, 2), (32 * 7 + 31, 7), (32 * 1000, 50)):
        monkeypatch.setattr(module, "BYTES_AT_ONCE", allowed)
        told = []
        with_all_extremes(x, calibration(), two_outputs, told.append)
        assert told[0] == size
        assert sum(told) == 50


def test_where_all_were_read_or_none_can_be_read_again_nothing_is_run():
    def run(inputs):
        raise AssertionError

    given = calibration(more=False)
    assert with_all_extremes({"a": 1}, given, run, run) is given
    given = calibration()
    assert with_all_extremes(iter([]), given, run, run) is given


def test_an_output_that_is_not_finite_is_told_with_its_samples(rng):
    spec = (TensorSpec("a", (1, 2), "float32"),)
    x = np.ones((600, 2), np.float32)
    x[300] = 0

    def run(inputs):
        with np.errstate(divide="ignore"):
            return [(0.0, 1.0), extremes(np.log(inputs["a"]))]

    with pytest.raises(DataError, match=r"finite on all samples.*-inf to 0.0 in output 1, in samples 256 to 511.*Drop"):
        with_all_extremes(x, calibration(specs=spec), run, lambda _: None)


def test_only_floats_have_extremes():
    for dtype in ("float16", "float32", "float64"):
        assert extremes(np.array([[3, -2], [1, 0]], dtype)) == (-2, 3)
    for dtype in ("int8", "int64", "bool"):
        assert extremes(np.ones(3, dtype)) is None
