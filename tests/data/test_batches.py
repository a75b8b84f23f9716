import numpy as np
import pytest
import tensorflow as tf

from tfcompress.data.batches import batches
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError

IMAGE = TensorSpec("image", (None, 4, 4, 1), "float32")
IDS = TensorSpec("ids", (None, 5), "int32")
X = np.arange(7 * 16, dtype=np.float32).reshape(7, 4, 4, 1)
Y = np.arange(7)


class Items:
    """What `keras.utils.PyDataset` and torch datasets offer."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


def joined(source, specs=(IMAGE,), **settings):
    found = list(batches(source, specs, labelled=True, **settings))
    labels = [batch.labels for batch in found if batch.labels is not None]
    return np.concatenate([batch.inputs[specs[0].name] for batch in found]), labels and np.concatenate(labels)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(lambda: X, id="array"),
        pytest.param(lambda: X.astype("float64"), id="float64"),
        pytest.param(lambda: X.astype("uint8"), id="uint8"),
        pytest.param(lambda: list(X), id="list"),
        pytest.param(lambda: X.tolist(), id="nested lists"),
        pytest.param(lambda: [X[:3], X[3:]], id="list of batches"),
        pytest.param(lambda: [{"image": row} for row in X], id="list of dicts"),
        pytest.param(lambda: {"image": X}, id="dict"),
        pytest.param(lambda: Items(X), id="only len and getitem"),
        pytest.param(lambda: (row for row in X), id="generator of samples"),
        pytest.param(lambda: (X[i : i + 2] for i in range(0, 7, 2)), id="generator of batches"),
        pytest.param(lambda: ([X[i : i + 1]] for i in range(7)), id="as the converter's own generators"),
        pytest.param(lambda: ({"image": row} for row in X), id="generator of dicts"),
        pytest.param(lambda: tf.data.Dataset.from_tensor_slices(X), id="dataset"),
        pytest.param(lambda: tf.data.Dataset.from_tensor_slices(X).batch(3), id="batched dataset"),
        pytest.param(lambda: tf.data.Dataset.from_tensor_slices({"image": X}).batch(3), id="dataset of dicts"),
    ],
)
@pytest.mark.parametrize("size", [None, 1, 3, 100])
def test_every_form_of_data_gives_the_same_numbers(source, size):
    found, labels = joined(source(), size=size)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, X)
    assert labels == []


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("size", [None, 3])
def test_labels_come_along(batch, size):
    dataset = tf.data.Dataset.from_tensor_slices((X, Y))
    found, labels = joined(dataset.batch(batch) if batch else dataset, size=size)
    np.testing.assert_array_equal(found, X)
    np.testing.assert_array_equal(labels, Y)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(lambda: (X, Y), id="tuple"),
        pytest.param(lambda: ({"image": X}, Y), id="tuple with a dict"),
        pytest.param(lambda: list(zip(X, Y, strict=True)), id="list of tuples"),
        pytest.param(lambda: tf.data.Dataset.from_tensor_slices(({"image": X}, Y)).batch(4), id="dataset of dicts"),
    ],
)
def test_labels_come_along_or_are_dropped(source):
    np.testing.assert_array_equal(joined(source(), size=3)[1], Y)
    assert {batch.labels for batch in batches(source(), [IMAGE], size=3)} == {None}


def test_samples_of_a_list_are_not_copied_all_at_once():
    read = []

    class Row:
        shape = (4, 4, 1)

        def __array__(self, dtype=None, copy=None):
            read.append(self)
            return X[0]

    next(iter(batches([Row() for _ in range(100)], [IMAGE], size=4)))
    assert len(read) == 4


def test_short_lists_of_numbers_are_samples_and_not_labels():
    spec = TensorSpec("pair", (None, 2), "float32")
    for given in ([(1.0, 2.0), (3.0, 4.0)], ((1.0, 2.0), (3.0, 4.0)), [[1, 2], [3, 4]]):
        np.testing.assert_array_equal(joined(given, (spec,))[0], [[1, 2], [3, 4]])


def test_samples_of_two_sizes_cannot_run_together():
    spec = TensorSpec("image", (None, None, 2), "float32")
    with pytest.raises(DataError, match="one shape"):
        list(batches((np.zeros((1, size, 2)) for size in (3, 4)), [spec], size=8))


def test_one_hot_labels_of_single_samples_stay_rows():
    _, labels = joined(tf.data.Dataset.from_tensor_slices((X, np.eye(7))))
    np.testing.assert_array_equal(labels, np.eye(7))


def test_a_single_sample_gets_its_batch_axis():
    assert joined(X[0])[0].shape == (1, 4, 4, 1)


def test_an_endless_stream_is_read_one_batch_at_a_time():
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield X[0]

    next(iter(batches(endless(), [IMAGE], size=4)))
    assert read <= 4


NAN = X.copy()
NAN[3, 1, 2, 0] = np.nan
INFINITE = X.copy()
INFINITE[2, 0, 0, 0] = -np.inf


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (lambda: None, "image: (None, 4, 4, 1) float32"),
        (lambda: X[:0], "at least one sample"),
        (lambda: iter(()), "at least one sample"),
        (lambda: X[:, :3], "received: an array of shape (7, 3, 4, 1)"),
        (lambda: X[..., 0], "x[..., np.newaxis]"),
        (lambda: X[np.newaxis], "must have the shape (4, 4, 1)"),
        (lambda: NAN, "nan in sample 3 at (1, 2, 0)"),
        (lambda: INFINITE, "-inf in sample 2"),
        (lambda: (row for row in NAN), "nan in sample 3"),
        (lambda: X.astype("float64") * 1e300, "must be finite in float32"),
        (lambda: X.astype(str), "must be numbers"),
        (lambda: X.astype(complex), "must be real numbers"),
        (lambda: [[1.0], [1.0, 2.0]], "samples of one shape"),
        (lambda: {"picture": X}, "received: the names ['picture']"),
        (lambda: {"image": X, "other": X}, "Rename, add or drop"),
        (lambda: 7, "an object of type int"),
        (lambda: object(), "an object of type object"),
    ],
)
def test_what_is_wrong_is_named(source, words):
    with pytest.raises(DataError) as caught:
        list(batches(source(), [IMAGE]))
    assert words.lower() in str(caught.value).lower()


def test_ids_must_be_whole_numbers_in_range():
    np.testing.assert_array_equal(joined(np.ones((2, 5)), (IDS,))[0], np.ones((2, 5), np.int32))
    for wrong in (np.full((2, 5), 0.5), np.full((2, 5), 2**40), np.full((2, 5), np.nan)):
        with pytest.raises(DataError):
            joined(wrong, (IDS,))


def test_several_inputs_come_by_name_only_and_in_equal_numbers():
    both = (IMAGE, IDS)
    ids = np.ones((7, 5), int)
    assert len(list(batches({"image": X, "ids": ids}, both))) == 1
    for wrong in ([X, ids], (X, ids), X, {"image": X, "ids": ids[:3]}, {"image": X}):
        with pytest.raises(DataError):
            list(batches(wrong, both))


def test_labels_of_a_stream_belong_to_their_samples():
    for wrong in (
        lambda: iter([(X[:3], Y[:4]), (X[3:], Y[4:])]),  # equal in sum, shifted inside
        lambda: iter([(X[:3], Y[0])]),
        lambda: iter([(X[:3], Y[:3]), (X[3:],)]),
        lambda: iter([(X[:3], (Y[:3], np.eye(3)))]),
    ):
        with pytest.raises(DataError):
            list(batches(wrong(), [IMAGE], labelled=True))
    dropped = list(batches(iter([(X, (Y, np.eye(7)))]), [IMAGE]))
    assert dropped[0].labels is None


def test_functions_that_make_generators_and_empty_batches():
    np.testing.assert_array_equal(joined(lambda: ([row[np.newaxis]] for row in X))[0], X)
    np.testing.assert_array_equal(joined(iter([X[:0], X]))[0], X)
    with pytest.raises(DataError):
        joined(iter([()]))
