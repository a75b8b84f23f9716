"""Labels, names and limits as users hold them: what they mean, and what is refused with the reason."""

from collections import OrderedDict

import numpy as np
import pytest

import tfcompress
from tfcompress.comparison.labels import classes, predicted
from tfcompress.comparison.labels_by_output import labels_by_output, length, require_same_length, rows
from tfcompress.comparison.limits import Limit, higher_is_better, parse_limits, plain, required_direction
from tfcompress.comparison.match_names import pair_inputs, pair_names
from tfcompress.data.tensor_spec import TensorSpec

# Class numbers


@pytest.mark.parametrize("width", [2, 5])
@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "float64"])
def test_class_numbers_columns_and_one_hot_rows_mean_the_same(rng, width, dtype):
    numbers = np.append(rng.integers(0, width, 20), [0, width - 1])
    for given in (numbers, numbers[:, np.newaxis], np.eye(width)[numbers]):
        found = classes(given.astype(dtype), width)
        assert found.tolist() == numbers.tolist()
        assert found.dtype == np.int64
    assert classes(numbers.tolist(), width).tolist() == numbers.tolist()


def test_one_value_has_the_classes_0_and_1():
    assert classes([[0.0], [1.0]], 1).tolist() == classes([False, True], 1).tolist() == [0, 1]
    with pytest.raises(tfcompress.DataError, match="from 0 to 1, as the output has 1 values"):
        classes([0, 2], 1)


def test_one_hot_rows_may_be_probabilities_that_sum_to_1():
    assert classes(np.array([[0.2, 0.8], [0.6, 0.4]]), 2).tolist() == [1, 0]
    assert classes(np.zeros((0, 3)), 3).tolist() == classes(np.zeros(0, int), 3).tolist() == []


@pytest.mark.parametrize(
    ("given", "width", "words"),
    [
        ([[1, 1]], 2, "must sum to 1 in each row.*int64 \\(1, 2\\)"),
        ([["a", "b"]], 2, "must sum to 1"),
        ([0.5, 1.0], 3, "class numbers of shape \\(samples,\\), or one-hot rows of shape \\(samples, 3\\).*float64"),
        ([[0, 1, 2]], 2, "class numbers.*\\(1, 3\\)"),
        ([[[0]]], 2, "class numbers"),
        (["a"], 2, "class numbers"),
        ([0, 3], 3, "from 0 to 2, as the output has 3 values.*from 0 to 3"),
        ([-1, 1], 3, "from 0 to 2.*from -1 to 1"),
    ],
)
def test_what_is_no_class_number_is_refused_with_the_way_out(given, width, words):
    with pytest.raises(tfcompress.DataError, match=words) as told:
        classes(given, width)
    assert "For a regression model" in str(told.value)


def test_an_output_chooses_its_largest_value_or_what_is_above_the_threshold():
    assert predicted(np.array([[[1.0, 3, 2]], [[3, 1, 2]]]), 0.5).tolist() == [1, 0]
    assert predicted(np.array([[0.1, 0.4], [0.9, 0.8]]), 0.5).tolist() == [1, 0]
    for threshold, expected in ((0.5, [0, 0, 1]), (0.0, [0, 1, 1])):
        assert predicted(np.array([[0.0], [0.5], [0.6]]), threshold).tolist() == expected


# Labels by output


def test_labels_go_by_output_and_batch():
    assert labels_by_output(None) is None
    found = labels_by_output({"a": [1, 2, 3], 7: np.array([[4], [5], [6]])})
    assert [*found] == ["a", "7"]
    assert length(found) == 3
    part = rows(found, 1, 2)
    assert (part["a"].tolist(), part["7"].tolist()) == ([2, 3], [[5], [6]])
    assert rows(labels_by_output([1, 2]), 0, 2)[None].tolist() == [1, 2]
    with pytest.raises(tfcompress.DataError, match=r"same length.*4 samples and 3 labels"):
        rows(found, 2, 2)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (3, "one label for each sample.*3"),
        ([[1], [1, 2]], "one array of labels.*inhomogeneous"),
        ({"a": [1], "b": [1, 2]}, "as many.*{'a': 1, 'b': 2}"),
    ],
)
def test_labels_that_are_none_are_refused(y, words):
    with pytest.raises(tfcompress.DataError, match=words):
        labels_by_output(y)


@pytest.mark.parametrize("x", [np.zeros((3, 2)), [0, 0, 0], {"in": np.zeros((3, 1))}, OrderedDict(a=[1, 2, 3])])
def test_data_and_labels_are_of_one_length(x):
    require_same_length(x, None)
    require_same_length(x, {None: np.zeros(3)})
    require_same_length(x, {None: np.zeros(1)})  # of one sample, whose length is its own
    for count in (2, 4):
        with pytest.raises(tfcompress.DataError, match=f"^x and y must have.*3 samples and {count} labels.*split"):
            require_same_length(x, {None: np.zeros(count)})


def test_what_has_no_length_yet_is_left_to_the_batches():
    for x in (iter([1]), {}, (row for row in [1])):
        require_same_length(x, {None: np.zeros(5)})
    with pytest.raises(tfcompress.DataError, match="0 samples and 5 labels"):
        require_same_length(np.float32(3), {None: np.zeros(5)})


# Names of the model and of the file


def test_names_are_paired_and_a_single_one_needs_none():
    assert pair_names("outputs", ["a"], ["b"]) == {"a": "b"}
    assert pair_names("outputs", ["a", "b"], ["b", "a"]) == {"a": "a", "b": "b"}
    for there in (["a", "c"], ["a"], ["a", "b", "c"]):
        with pytest.raises(tfcompress.DataError, match=r"the same outputs, by name.*that it was made of") as told:
            pair_names("outputs", ["b", "a"], there)
        assert f"['a', 'b'] and {there}" in str(told.value)


@pytest.mark.parametrize(
    ("keras", "file", "fits"),
    [((None, 3), (1, 3), True), ((None, None, 3), (1, 9, 3), True), ((None, 9, 3), (1, None, 3), True),
     ((None, 3), (1, 4), False), ((None, 3), (1, 3, 1), False), ((None, 3, 1), (1, 3), False)],
)  # fmt: skip
def test_inputs_are_paired_where_their_shapes_fit(keras, file, fits):
    given = [TensorSpec("x", keras, "float32")], [TensorSpec("in", file, "int8")]
    if fits:
        assert pair_inputs(*given) == {"x": "in"}
        return
    with pytest.raises(tfcompress.DataError, match=r"^Model and file must have inputs of the same shape") as told:
        pair_inputs(*given)
    assert f"{given[0][0]} and {file[1:]} in the file" in str(told.value)
    assert str(told.value).endswith("Compare a file with the model that it was made of.")
    with pytest.raises(tfcompress.DataError, match=r"the same inputs, by name"):
        pair_inputs(given[0] * 2, given[1])


# Limits


def test_limits_are_read_as_they_were_written():
    assert parse_limits(None, None) == ()
    assert parse_limits(None, 0.01) == (Limit("accuracy", 0.01),)
    assert parse_limits({"mae": 2, "box/iou": (0.1, "higher_is_better"), "e": [0, "lower_is_better"]}, 1) == (
        Limit("accuracy", 1.0),
        Limit("mae", 2.0),
        Limit("box/iou", 0.1, True),
        Limit("e", 0.0, False),
    )
    assert parse_limits({"mae": np.float32(0.5)}, np.int64(0)) == (Limit("accuracy", 0), Limit("mae", 0.5))


@pytest.mark.parametrize(
    ("limits", "drop", "words"),
    [
        (None, 1.01, "^max_accuracy_drop must be a fraction from 0 to 1.*1.01"),
        (None, -0.01, "fraction.*-0.01"), (None, "0.1", "fraction.*'0.1'"),
        (None, True, "fraction"), (None, float("nan"), "fraction"),
        ([("mae", 1)], None, "^limits must be a dict of numbers.*mae"), ({"mae": -0.1}, None, "0 or more.*'mae': -0.1"),
        ({"mae": float("inf")}, None, "0 or more"), ({"": 1}, None, "0 or more"), ({3: 1}, None, "0 or more"),
        ({"mae": (1, 2, 3)}, None, "0 or more"), ({"mae": (1, "up")}, None, "higher_is_better, lower_is_better.*'up'"),
        ({"Accuracy": 1}, 0.1, "^Limit accuracy once.*Accuracy"), ({"a_c_c_u_r_a_c_y": 1}, 0.1, "once"),
    ],
)  # fmt: skip
def test_what_is_no_limit_is_refused(limits, drop, words):
    with pytest.raises(tfcompress.SettingError, match=words):
        parse_limits(limits, drop)


def test_a_limit_names_a_metric_of_all_outputs_or_of_one():
    assert Limit("mae", 1).place(["a", "b"]) == (None, "mae")
    assert Limit("a/mae", 1).place(["a", "b"]) == ("a", "mae")
    assert Limit("a/b/mae", 1).place(["a/b"]) == ("a/b", "mae")
    with pytest.raises(tfcompress.SettingError, match=r"^limits are named.*'c/mae'.*Outputs with labels: a, b"):
        Limit("c/mae", 1).place(["b", "a"])


def test_names_are_the_same_whatever_their_spelling():
    assert {plain(name) for name in ("mean IoU", "mean_io_u", "MeanIoU", "Mean-IoU")} == {"meaniou"}


class Loss:
    pass


class CosineSimilarity(Loss):
    pass


class Odd:
    pass


class MeanIoU:
    pass


@pytest.mark.parametrize(
    ("metric", "name", "up"),
    [
        (Odd(), "mean_io_u", True), (Odd(), "MeanAbsoluteError", False), (Odd(), "score_error", None),
        (Odd(), "odd", None), (CosineSimilarity(), "similarity", False), (MeanIoU(), "anything", True),
        (MeanIoU(), "error", True), (lambda: 0, "val_auc", True), (Odd(), "RMSE", False),
    ],
)  # fmt: skip
def test_the_class_and_the_name_tell_the_direction(metric, name, up):
    assert higher_is_better(metric, name) is up


def test_the_mark_of_keras_goes_before_all_names():
    for mark, up in (("up", True), ("down", False), ("sideways", True)):
        metric = MeanIoU()
        metric._direction = mark
        assert higher_is_better(metric, "error") is up


def test_the_users_direction_goes_before_that_of_the_metric():
    assert required_direction(Limit("e", 1, True), Odd(), "error") is True
    assert required_direction(Limit("e", 1, False), Odd(), "accuracy") is False
    assert required_direction(Limit("e", 1), Odd(), "error") is False
    assert required_direction(Limit("e", 1), MeanIoU(), "error") is True, "its class goes before its name"
    with pytest.raises(tfcompress.SettingError, match="A limit on 'odd' must say") as told:
        required_direction(Limit("e", 1), Odd(), "odd")
    assert "limits={'e': (1, \"lower_is_better\")}" in str(told.value)
    assert "Received: 'e': 1" in str(told.value)
