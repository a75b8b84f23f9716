"""What a comparison keeps of outputs to be looked at: an even selection of values, the masks that differ most."""

from dataclasses import replace

import numpy as np
import pytest

from tests.properties.comparisons import comparison
from tests.properties.test_counts import tallied
from tfcompress.comparison.kept_outputs import (
    MAX_MASK_SIDE,
    MAX_MASKS,
    MAX_VALUES,
    KeptMasks,
    KeptValues,
    MaskPair,
    OutputValues,
)
from tfcompress.comparison.segmentation_counts import SegmentationCounts


@pytest.mark.parametrize(("count", "batch"), [(10, 3), (1024, 64), (1025, 64), (5000, 7), (5000, 5000), (70_000, 1000)])
def test_values_are_every_nth_of_all_whatever_the_batches(count, batch):
    kept = KeptValues()
    numbers = np.arange(count)
    for first in range(0, count, batch):
        part = numbers[first : first + batch].reshape(-1, 1)
        kept.add(part, -part)
    found = kept.values()
    step = 1
    while -(-count // step) > MAX_VALUES:
        step *= 2
    np.testing.assert_array_equal(found.keras, numbers[::step])
    np.testing.assert_array_equal(found.file, -found.keras)


def test_values_are_every_nth_of_all_in_batches_of_any_size():
    """Also where an odd number is kept when every second of them goes."""
    numbers = np.arange(3 * MAX_VALUES)
    for batch in range(5, 90, 4):
        kept = KeptValues()
        for first in range(0, len(numbers), batch):
            kept.add(numbers[first : first + batch], numbers[first : first + batch])
        np.testing.assert_array_equal(kept.values().keras, numbers[::4])


def test_of_masks_that_differ_alike_the_first_stay():
    labels = np.zeros((40, 2, 2), int)
    file = labels + np.tile([1, 0], 20)[:, None, None]
    kept = KeptMasks()
    kept.add(labels, labels, file)
    assert [pair.sample for pair in kept.pairs] == [2 * place for place in range(MAX_MASKS)]


def test_masks_are_those_that_differ_most(rng):
    share = rng.permutation(20) / 20
    labels = rng.integers(0, 3, (20, 10, 10))
    keras = rng.integers(0, 3, (20, 10, 10))
    other = rng.random((20, 100)).argsort(axis=1).reshape(20, 10, 10) < (100 * share)[:, None, None]
    file = np.where(other, keras + 1, keras)
    kept = KeptMasks()
    for first in range(0, 20, 6):
        kept.add(*(each[first : first + 6] for each in (labels, keras, file)))
    worst = np.argsort(-share)[:MAX_MASKS]
    assert [pair.sample for pair in kept.pairs] == list(worst)
    for pair in kept.pairs:
        assert pair.differing == pytest.approx(share[pair.sample])
        for mask, whole in ((pair.label, labels), (pair.keras, keras), (pair.file, file)):
            np.testing.assert_array_equal(mask, whole[pair.sample])


def test_large_masks_are_thinned():
    whole = np.arange(3 * (3 * MAX_MASK_SIDE - 1)).reshape(1, 3, -1) % 7
    kept = KeptMasks()
    kept.add(whole, whole, whole)
    np.testing.assert_array_equal(kept.pairs[0].file, whole[0, ::3, ::3])


def test_masks_of_one_value_follow_the_threshold_of_all_outputs(rng):
    """0.3 is class 1 of logits and class 0 of probabilities; which one it is, a later batch tells."""
    labels = np.zeros((2, 4, 4), np.int64)
    counts = SegmentationCounts()
    counts.add(np.full((2, 4, 4, 1), 0.3), np.full((2, 4, 4, 1), 0.2), labels)
    assert [pair.keras.max() for pair in counts.masks] == [0, 0]
    counts.add(np.full((2, 4, 4, 1), -1.0), np.full((2, 4, 4, 1), 2.0), labels)
    assert [(pair.sample, pair.keras.max(), pair.file.min()) for pair in counts.masks] == [
        (2, 0, 1), (3, 0, 1), (0, 1, 1), (1, 1, 1),
    ]  # fmt: skip
    rows = SegmentationCounts()
    rows.add(np.ones((2, 4, 3)), np.ones((2, 4, 3)), np.zeros((2, 4), np.int64))
    assert rows.masks == (), "words are no images"


def test_scores_of_classes_are_no_values(rng):
    scores = rng.random((23, 4))
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    assert tallied(probabilities, probabilities).values is None
    found = tallied(scores, scores + 1).values
    np.testing.assert_array_equal(found.file, scores.reshape(-1) + 1)


def test_comparisons_are_equal_by_their_figures():
    kept = {"price": OutputValues(np.arange(3.0), np.arange(3.0))}
    assert replace(comparison(), values=kept) == replace(comparison(), values={"price": OutputValues(*np.ones((2, 3)))})
    assert comparison() != comparison(agreement=0.5)


def test_a_mask_is_told_without_its_pixels():
    pair = MaskPair(7, *[np.zeros((2, 2))] * 3, differing=0.25)
    assert pair.to_dict() == {"sample": 7, "differing": 0.25}
