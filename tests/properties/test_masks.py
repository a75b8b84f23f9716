"""Masks against literals of 4×4, and what holds for all of them."""

import numpy as np
import pytest

import tfcompress
from tfcompress.training.pruning.masks import Pattern, as_pattern, masks

KERNEL = np.array(
    [
        [0.1, -0.9, 0.2, 0.8],
        [-0.7, 0.3, 0.6, 0.4],
        [0.5, 0.0, -1.0, 1.6],
        [1.1, -1.2, 1.3, 1.4],
    ],
    np.float32,
)


def mask(sparsity, pattern, allocation="uniform", kernel=KERNEL):
    (keep,) = masks([kernel], sparsity, as_pattern(pattern), allocation)
    return keep.astype(int).tolist()


@pytest.mark.parametrize("allocation", ["uniform", "global"])
def test_element(allocation):
    assert mask(0.5, "element", allocation) == [[0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]]


@pytest.mark.parametrize("allocation", ["uniform", "global"])
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (("block", (2, 2)), [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]),
        (("block", (1, 4)), [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]),
        (("block", (4, 1)), [[0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]]),
    ],
)
def test_one_block_of_four_stays(pattern, expected, allocation):
    assert mask(0.75, pattern, allocation) == expected


def test_two_of_four():
    assert mask(0.5, "2:4") == [[0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 1, 1], [0, 0, 1, 1]]


def test_one_of_two():
    assert mask(0.5, "1:2") == [[0, 1, 0, 1], [1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 1]]


@pytest.mark.parametrize("pattern", ["2:4", "1:4", "3:4"])
def test_on_the_way_no_group_has_more_zeros_than_it_will_have(rng, pattern):
    kernels = [rng.normal(size=(8, 16)).astype("float32"), rng.normal(size=(4, 8)).astype("float32")]
    n = int(pattern[0])
    for share in (0.3, 0.6, 1.0):
        for keep in masks(kernels, share * n / 4, as_pattern(pattern), "uniform"):
            assert (~keep).reshape(-1, 4).sum(1).max() <= n
            assert (~keep).sum() == round(keep.size * share * n / 4)


@pytest.mark.parametrize("allocation", ["uniform", "global"])
@pytest.mark.parametrize("sparsity", [0.0, 0.33, 0.8, 0.95])
@pytest.mark.parametrize("pattern", [Pattern(), Pattern(2, 4)])
def test_counts_are_exact_and_the_mask_is_found_again_from_what_it_left(rng, pattern, sparsity, allocation):
    kernels = [rng.normal(size=shape).astype("float32") * size for shape, size in (((8, 40), 1), ((20, 24), 9))]
    kept = masks(kernels, sparsity, pattern, allocation)
    unit = pattern.rows * pattern.columns
    units = [k.size // unit for k in kernels]
    if allocation == "uniform":
        assert [(~m).sum() // unit for m in kept] == pytest.approx([n * sparsity for n in units], abs=0.51)
    assert sum((~m).sum() // unit for m in kept) == pytest.approx(sum(units) * sparsity, abs=1.01)
    again = masks([k * m for k, m in zip(kernels, kept, strict=True)], sparsity, pattern, allocation)
    assert all((a == b).all() for a, b in zip(kept, again, strict=True))


def test_of_equal_weights_those_that_come_first_stay():
    assert mask(0.5, "element", kernel=np.float32([[3, 1, 1, 1]])) == [[1, 1, 0, 0]]
    alike = np.tile(np.float32([1, 2]), (2, 32))
    assert mask(0.75, "48:64", kernel=alike) == [[0, 1] * 16 + [0] * 32] * 2
    assert mask(0.75, "element", kernel=np.ones((2, 4), np.float32)) == [[1, 1, 0, 0], [0, 0, 0, 0]]


def test_a_large_kernel_does_not_empty_a_small_one(rng):
    small, large = rng.normal(size=(9, 16)).astype("float32"), rng.normal(size=(512, 10)).astype("float32")
    first, second = masks([small, large], 0.9, Pattern(), "global")
    assert first.mean() > 0.3 > second.mean()


def test_global_ranks_by_the_square_over_the_root_of_all_larger_squares():
    """By hand: 9/3, 4/3.6, 1/3.7 and 4/2, 4/2.8, 1/3: three of six stay."""
    first, second = np.array([[1, 3, 2]], np.float32), np.array([[2, 1, 2]], np.float32)
    kept = masks([first, second], 0.5, Pattern(), "global")
    assert [keep.astype(int).tolist() for keep in kept] == [[[0, 1, 0]], [[1, 0, 1]]]


def kept_globally(kernels, sparsity, pattern):
    """How many weights of each kernel stay: one by one, from the largest on, as the paper and this module say it."""
    shares, places = [], []
    for place, kernel in enumerate(kernels):
        scores = np.abs(kernel.astype(float))
        if pattern.zeros is not None:
            groups = scores.reshape(-1, pattern.columns)
            for group in groups:
                group[np.argsort(-group)[: pattern.columns - pattern.zeros]] = np.inf
        total, floor = 0.0, max(1, int(0.25 * (1 - sparsity) * scores.size))
        for number, score in enumerate(sorted(scores.ravel(), reverse=True)):
            total += 0 if np.isinf(score) else score**2
            share = np.inf if np.isinf(score) or number < floor else score**2 / total**0.5 if total else 0.0
            shares.append(share)
            places.append(place)
    count = max(round(len(shares) * (1 - sparsity)), int(np.isinf(shares).sum()))
    chosen = sorted(range(len(shares)), key=lambda number: -shares[number])[:count]
    return [sum(places[number] == place for number in chosen) for place in range(len(kernels))]


@pytest.mark.parametrize("size", [1.0, 1e-3])
@pytest.mark.parametrize("pattern", [Pattern(), Pattern(columns=4, zeros=2), Pattern(columns=4, zeros=3)])
def test_global_is_the_ranking_of_all_weights_one_by_one(rng, pattern, size):
    """Weights that stay in any case are in no sum; a kernel of zeros has nothing to divide by."""
    kernels = [rng.normal(size=(8, 16)) * size, rng.standard_t(2, (4, 24)) * size, np.zeros((2, 8))]
    kernels = [kernel.astype("float32") for kernel in kernels]
    for sparsity in (0.3, 0.45):
        with np.errstate(all="raise"):
            kept = masks(kernels, sparsity, pattern, "global")
        assert [keep.sum() for keep in kept] == kept_globally(kernels, sparsity, pattern)


def test_global_never_takes_a_whole_kernel():
    small, large = np.full((4, 4), 1e-9, np.float32), np.ones((50, 50), np.float32)
    for keep in masks([small, large], 0.9, Pattern(), "global"):
        assert keep.any()


def test_global_leaves_a_kernel_of_small_weights_a_quarter_of_its_uniform_share(rng):
    small, large = rng.normal(size=(20, 40)).astype("float32") * 1e-6, rng.normal(size=(50, 50)).astype("float32")
    keep, _ = masks([small, large], 0.8, Pattern(), "global")
    assert keep.sum() >= 0.25 * 0.2 * small.size - 1


@pytest.mark.parametrize(
    ("pattern", "words", "fitting", "others"),
    [
        ("element", '"element"', [(1, 1), (3, 5)], []),
        ("2:4", '"2:4"', [(1, 4), (3, 8)], [(4, 1), (8, 6)]),
        (("block", (2, 1)), '("block", (2, 1))', [(2, 1), (4, 3)], [(1, 2), (3, 4)]),
        (("block", (2, 3)), '("block", (2, 3))', [(2, 3), (4, 9)], [(3, 2), (4, 4), (5, 6), (6, 5)]),
        (("block", (1, 4)), '("block", (1, 4))', [(3, 4)], [(4, 3)]),
    ],
)
def test_a_pattern_fits_where_both_sides_divide_and_is_told_as_it_was_given(pattern, words, fitting, others):
    made = as_pattern(pattern)
    assert str(made) == words
    assert [made.fits(shape) for shape in (*fitting, *others)] == [True] * len(fitting) + [False] * len(others)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "elements",
        "4:2",
        "0:4",
        "2:2",
        "2:4:8",
        ":",
        None,
        3,
        ("block", (0, 1)),
        ("block", 4),
        ("block", (1.5, 1)),
        (2, 4, 1),
        (2,),
        (2, "4"),
        {2, 4},
    ],
)
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(tfcompress.SettingError, match="pattern") as told:
        as_pattern(pattern)
    assert (told.value.received, told.value.hint) == (repr(pattern), "")


@pytest.mark.parametrize("pattern", [(2, 4), [2, 4]])
def test_two_numbers_alone_may_mean_two_things(pattern):
    with pytest.raises(tfcompress.SettingError) as told:
        as_pattern(pattern)
    assert told.value.received == repr(pattern)
    assert told.value.hint == 'Write "2:4" for zeros among weights, or ("block", (2, 4)).'
