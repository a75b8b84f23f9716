"""A comparison as a whole, from outputs that are given: each output is scored with its own labels."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfcompress.comparison.comparison_builder import ComparisonBuilder
from tfcompress.comparison.limits import Limit
from tfcompress.errors import DataError

RUNNER = SimpleNamespace(tflite="the file", runtime="litert")


def compared(keras, file, labels=None, *limits, sizes=None, metrics=None):
    tally = ComparisonBuilder(RUNNER, SimpleNamespace(metrics=SimpleNamespace()), metrics, limits)
    start = 0
    for size in sizes or [len(next(iter(keras.values())))]:
        part = slice(start, start + size)
        given = None if labels is None else {name: each[part] for name, each in labels.items()}
        tally.add(*({name: each[part] for name, each in side.items()} for side in (keras, file)), given, labels)
        start += size
    return tally


def outputs(rng, **widths):
    return [{name: rng.random((23, width)) for name, width in widths.items()} for _ in range(2)]


@pytest.mark.parametrize("sizes", [[23], [10, 10, 3]])
def test_one_output_with_labels_has_every_figure(rng, sizes):
    """A single output needs no name, in the file and in the labels."""
    (keras, file), truth = outputs(rng, out=6), rng.integers(0, 6, 23)
    renamed = {"Identity:0": file["out"]}
    tally = compared(keras, renamed, {None: truth}, Limit("accuracy", 0.5), sizes=sizes)
    assert tally.labelled
    found = tally.result()
    first, second = keras["out"].argmax(1), file["out"].argmax(1)
    errors = np.abs(keras["out"] - file["out"])
    assert (found.tflite, found.runtime, found.samples) == ("the file", "litert", 23)
    assert (found.max_error, found.mean_error) == pytest.approx((errors.max(), errors.mean()))
    assert found.output_range == pytest.approx(np.ptp(keras["out"]))
    assert found.output_errors == {"out": pytest.approx((errors.mean(), errors.max()))}
    (score,) = found.scores
    assert (score.name, score.limit) == ("accuracy", 0.5)
    assert (score.keras, score.file) == ((first == truth).mean(), (second == truth).mean())
    assert found.agreement == (first == second).mean()
    assert [flip.sample for flip in found.flips] == np.flatnonzero(first != second).tolist()
    assert 0 < found.mcnemar_p <= 1
    assert 0 < found.top5_agreement <= 1


@pytest.mark.parametrize("sizes", [[23], [10, 10, 3]])
def test_several_outputs_are_scored_with_their_own_labels(rng, sizes):
    keras, file = outputs(rng, a=3, b=4, c=2)
    labels = {"b": rng.integers(0, 4, 23), "a": rng.integers(0, 3, 23)}
    found = compared(keras, dict(reversed(file.items())), labels, Limit("b/accuracy", 0.25), sizes=sizes).result()
    assert {score.name: (score.keras, score.file, score.limit) for score in found.scores} == {
        f"{name}/accuracy": (
            (keras[name].argmax(1) == labels[name]).mean(), (file[name].argmax(1) == labels[name]).mean(),
            0.25 if name == "b" else None,
        )
        for name in "ab"
    }  # fmt: skip
    assert [*found.output_errors] == ["a", "b", "c"], "errors are of every output"
    assert (found.agreement, found.top5_agreement, found.flips, found.mcnemar_p) == (None, None, (), None)
    one = compared(keras, file, {"b": labels["b"]}).result()
    assert [score.name for score in one.scores] == ["accuracy"], "of one output alone"
    assert one.agreement == (keras["b"].argmax(1) == file["b"].argmax(1)).mean()


def test_of_several_outputs_the_one_with_classes_tells_flips_and_the_others_values(rng):
    keras, file = outputs(rng, box=2, digit=4)
    labels = {"box": rng.random((23, 2)), "digit": rng.integers(0, 4, 23)}

    def distance(truth, answers):
        return float(np.abs(truth - answers).mean())

    found = compared(keras, file, labels, metrics={"box": distance}).result()
    first, second = keras["digit"].argmax(1), file["digit"].argmax(1)
    assert [score.name for score in found.scores] == ["box/distance", "digit/accuracy"]
    assert found.agreement == (first == second).mean()
    assert [flip.sample for flip in found.flips] == np.flatnonzero(first != second).tolist()
    assert [*found.values] == ["box"]
    np.testing.assert_array_equal(found.values["box"].file, file["box"].reshape(-1))
    assert found.masks == {}


def test_outputs_that_differ_by_rounding_pass(rng):
    keras, _ = outputs(rng, out=3)
    file, truth = {"out": keras["out"] * (1 + 1e-6)}, keras["out"].argmax(1)
    assert compared(keras, file, {None: truth}, Limit("accuracy", 0.0)).result().verdict == "passed"
    other = {"out": keras["out"] + 1e-3}
    assert compared(keras, other, {None: truth}, Limit("accuracy", 0.0)).result().verdict == "too few samples to tell"


def test_without_labels_classes_of_the_first_output_are_compared(rng):
    keras, file = outputs(rng, first=3, second=4)
    for side in (keras, file):
        side["first"] /= side["first"].sum(1, keepdims=True)
    tally = compared(keras, file, sizes=[20, 3])
    found = tally.result()
    assert not tally.labelled
    assert found.scores == ()
    assert found.agreement == (keras["first"].argmax(1) == file["first"].argmax(1)).mean()
    assert (found.samples, found.verdict, found.mcnemar_p) == (23, "no limit", None)


def test_labels_that_fit_no_output_are_told(rng):
    keras, file = outputs(rng, b=3, a=4)
    with pytest.raises(DataError, match=r"^For a model of several outputs.*without a name.*of \['a', 'b'\]"):
        compared(keras, file, {None: np.zeros(23, int)})
    with pytest.raises(DataError, match=r"^y must name an output.*: c, d\..*One of \['a', 'b'\]"):
        compared(keras, file, {"c": np.zeros(23, int), "a": np.zeros(23, int), "d": np.zeros(23, int)})
    with pytest.raises(DataError, match="the same outputs, by name"):
        compared(keras, {"a": file["a"], "z": file["b"]})
    late = {"a": np.append(np.zeros(22, int), 9)}
    with pytest.raises(DataError, match="from 0 to 3"):  # all labels are looked at with the first batch
        compared(keras, file, late, sizes=[1])
    alone = {"a": keras["a"]}
    with pytest.raises(DataError, match="from 0 to 3"):
        compared(alone, alone, {None: late["a"]}, sizes=[1])


def test_labels_of_which_only_the_batch_is_known_are_looked_at_batch_by_batch(rng):
    keras, file = outputs(rng, out=3)
    tally = ComparisonBuilder(RUNNER, SimpleNamespace(metrics=SimpleNamespace()))
    assert not tally.labelled
    tally.add(keras, file, {None: np.zeros(23, int)}, None)
    with pytest.raises(DataError, match="from 0 to 2"):
        tally.add(keras, file, {None: np.full(23, 3)}, None)


def test_masks_that_differ_are_kept_by_output(rng):
    keras, file = ({"mask": rng.random((4, 6, 6, 3)), "digit": rng.random((4, 3))} for _ in range(2))
    labels = {"mask": rng.integers(0, 3, (4, 6, 6)), "digit": rng.integers(0, 3, 4)}
    found = compared(keras, file, labels).result()
    assert [*found.masks] == ["mask"]
    assert sorted(pair.sample for pair in found.masks["mask"]) == [0, 1, 2, 3]
