"""Extremes over all samples, where calibration read the first of them: batch by batch the same as all at once."""

from pathlib import Path

import numpy as np
import pytest

from tfcompress.conversion import input_output_ranges as module
from tfcompress.conversion.input_output_ranges import extremes, with_all_extremes
from tfcompress.conversion.samples import Calibration
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError

SPECS = (TensorSpec("a", (1, 2), "float32"), TensorSpec("b", (1, 3, 2), "float32"))


def drawn(rng, count):
    return {
        "a": rng.normal(size=(count, 2)).astype("float32"),
        "b": rng.normal(5, 1, size=(count, 3, 2)).astype("float32"),
    }


def calibration(x, known, more=True):
    """What calibration knows of the first samples."""
    ranges = {name: (float(array[:known].min()), float(array[:known].max())) for name, array in x.items()}
    return Calibration(Path("nowhere"), SPECS[: len(x)], known, ranges, "sum", more=more)


def total(a, b):
    return a.sum(1) - b.sum((1, 2))


def two_outputs(inputs):
    """Twice the first input, a table of integers, and the difference of sums."""
    return [extremes(2 * inputs["a"]), extremes(np.zeros(3, np.int32)), extremes(total(**inputs))]


def test_a_file_begins_with_what_calibration_took_and_a_folder_does_not(tmp_path):
    (tmp_path / "x.npy").touch()
    for wrap in (str, Path):
        assert module._begins_alike(wrap(tmp_path / "x.npy"))
        assert not module._begins_alike(wrap(tmp_path))


def test_extremes_are_those_of_floats_of_any_width():
    import ml_dtypes

    for dtype in (np.float16, np.float32, np.float64, ml_dtypes.bfloat16):
        assert extremes(np.array([0.5, -2, 1], dtype)) == (-2.0, 1.0)
    assert extremes(np.array([1, 2])) is None


@pytest.mark.parametrize("known", [1, 255, 256, 257, 300])
@pytest.mark.parametrize("count", [301, 512, 700])
def test_inputs_are_those_of_every_sample_and_outputs_those_that_calibration_will_not_run(rng, capsys, count, known):
    x, told, run = drawn(rng, count), [], []

    def noted(inputs):
        run.append(len(inputs["a"]))
        return two_outputs(inputs)

    found = with_all_extremes(x, calibration(x, known), noted, told.append)
    assert sum(told) == count
    assert max(told) <= 256
    assert sum(run) == count - known, "no sample is run twice"
    rest = {name: array[known:] for name, array in x.items()}
    sums = total(**rest)
    assert found.ends == {
        "input_0": (x["a"].min(), x["a"].max()),
        "input_1": (x["b"].min(), x["b"].max()),
        "output_0": (2 * rest["a"].min(), 2 * rest["a"].max()),
        "output_2": pytest.approx((sums.min(), sums.max()), rel=1e-5),
    }
    assert found.ranges == {"a": found.ends["input_0"], "b": found.ends["input_1"]}
    assert (found.count, found.sha256, found.folder) == (known, "sum", Path("nowhere")), "the rest stays"
    assert f"{known} of {count} samples" in capsys.readouterr().err


def test_a_batch_holds_so_many_bytes_at_most(rng, monkeypatch):
    """8 and 24 bytes a sample."""
    x = drawn(rng, 50)
    for allowed, size in ((1, 1), (32, 1), (64, 2), (32 * 7 + 31, 7), (32 * 1000, 50)):
        monkeypatch.setattr(module, "BYTES_AT_ONCE", allowed)
        told = []
        with_all_extremes(x, calibration(x, 3), two_outputs, told.append)
        assert told[0] == size
        assert sum(told) == 50


class Shuffled:
    """Samples in another order each time: those that calibration took are not known."""

    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def __getitem__(self, place):
        return self.x[place]


def test_where_it_is_unknown_which_samples_were_taken_all_are_run(rng):
    x, run = drawn(rng, 40)["a"], []

    def noted(inputs):
        run.append(len(inputs["a"]))
        return [extremes(inputs["a"])]

    given = calibration({"a": x}, 10)
    found = with_all_extremes(Shuffled(x), given, noted, lambda _: None)
    assert sum(run) == 40
    assert found.ends == {name: (x.min(), x.max()) for name in ("input_0", "output_0")}
    assert with_all_extremes(x, given, noted, lambda _: None).ends["input_0"] == (x.min(), x.max())
    assert sum(run) == 40 + 30


def test_where_all_were_read_or_none_can_be_read_again_nothing_is_run(rng):
    def run(inputs):
        raise AssertionError

    x = drawn(rng, 5)
    given = calibration(x, 3, more=False)
    assert with_all_extremes(x, given, run, run) is given
    given = calibration(x, 3)
    assert with_all_extremes(iter([]), given, run, run) is given


def test_an_output_that_is_not_finite_is_told_with_its_samples():
    x = {"a": np.ones((600, 2), np.float32)}
    x["a"][300] = 0

    def run(inputs):
        with np.errstate(divide="ignore"):
            return [(0.0, 1.0), extremes(np.log(inputs["a"]))]

    with pytest.raises(DataError, match=r"finite on all samples.*-inf to 0.0 in output 1, in samples 256 to 511.*Drop"):
        with_all_extremes(x, calibration(x, 20), run, lambda _: None)


def test_only_floats_have_extremes():
    for dtype in ("float16", "float32", "float64"):
        assert extremes(np.array([[3, -2], [1, 0]], dtype)) == (-2, 3)
    for dtype in ("int8", "int64", "bool"):
        assert extremes(np.ones(3, dtype)) is None
