"""Numbers of four bits: packing, the scale of least error, the grid of training found again."""

import numpy as np
import pytest

from tfcompress.int4 import LARGEST, OF_ZEROS, least_error_scales, rounded, shares_scales, trained_scales
from tfcompress.litert.constants import packed_int4, unpacked


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_what_is_packed_is_unpacked(rng, count):
    numbers = rng.integers(-8, 8, count).astype(np.int8)
    packed = packed_int4(numbers)
    assert len(packed) == (count + 1) // 2
    np.testing.assert_array_equal(unpacked(packed, "int4")[:count], numbers)


def test_the_first_number_is_in_the_low_half():
    np.testing.assert_array_equal(packed_int4(np.int8([1, -2, 3])), np.uint8([0xE1, 0x03]))


@pytest.mark.parametrize("keep", [(), (0,), (-1,), (0, 1)])
def test_no_scale_loses_less(rng, keep):
    weights = rng.standard_t(4, (5, 6, 40)).astype(np.float32)
    scales = least_error_scales(weights, keep)
    kept = {axis % 3 for axis in keep}
    assert scales.shape == tuple(size if axis in kept else 1 for axis, size in enumerate(weights.shape))
    axes = tuple(axis for axis in range(3) if axis not in kept)

    def error(scales):
        return ((rounded(weights, scales) * scales - weights) ** 2).sum(axis=axes)

    largest = np.abs(weights).max(axis=axes, keepdims=True)
    assert (error(scales) <= error(largest / LARGEST) + 1e-6).all()
    for factor in (0.8, 0.9, 1.1, 1.25):
        assert (error(scales) <= error(scales * factor) * 1.1 + 1e-6).all()


def test_rows_of_zeros_have_a_scale(rng):
    weights = rng.normal(size=(4, 9)).astype(np.float32)
    weights[2] = 0
    scales = least_error_scales(weights, (0,))
    assert scales[2] == np.float32(np.median(np.delete(scales, 2)))
    assert np.isfinite(scales).all()
    assert not rounded(weights, scales)[2].any()


@pytest.mark.parametrize("keep", [(), (0,)])
def test_the_grid_of_training_is_found_again(rng, keep):
    steps = rng.uniform(0.01, 3, (6, 1) if keep else (1, 1))
    numbers = rng.integers(-LARGEST, LARGEST + 1, (6, 50))
    numbers[:, 0] = 1  # else the numbers of a row might all be even, and the grid coarser
    weights = (numbers * steps).astype(np.float32)
    np.testing.assert_allclose(trained_scales(weights, keep), steps, rtol=1e-5)
    np.testing.assert_array_equal(rounded(weights, trained_scales(weights, keep)), numbers)


def test_a_kernel_with_a_scale_for_each_weight_gains_nothing():
    assert shares_scales((3, 3, 8, 4), (-1,))
    assert shares_scales((2, 1), ())
    assert not shares_scales((1, 1, 1, 4), (-1,))
    assert not shares_scales((1, 1), ())


def test_weights_on_no_grid_of_four_bits_are_told_apart(rng):
    assert trained_scales(rng.normal(size=(6, 50)).astype(np.float32), (0,)) is None
    eight_bits = (np.arange(-127, 128)[np.newaxis] * 0.01).astype(np.float32)
    assert trained_scales(eight_bits, (0,)) is None


@pytest.mark.parametrize("factor", [2.0**-12, 2.0**9])
def test_weights_of_any_size_have_scales_of_that_size(rng, factor):
    weights = rng.standard_t(4, (5, 40)).astype(np.float32)
    np.testing.assert_array_equal(
        least_error_scales(weights * factor, (0,)), least_error_scales(weights, (0,)) * factor
    )
    grid = (rng.integers(-LARGEST, LARGEST + 1, (5, 40)) / 8).astype(np.float32)
    grid[:, :2] = 7 / 8, 1 / 8
    np.testing.assert_array_equal(trained_scales(grid * factor, (0,)), np.full((5, 1), factor / 8, np.float32))


def test_each_row_has_its_own_grid_and_rows_of_zeros_that_of_the_others():
    """Two or seven steps up to the largest weight; one of eight steps is none of four bits."""
    rows = np.float32([[-0.5, 0, 0.5, 0.5], [3, 1, -2, 0], [0, 0, 0, 0], [7, 1, -7, 3]])
    assert trained_scales(rows, (0,))[:, 0].tolist() == [0.5, 1, 1, 1]
    for off in ([8, 1, -3, 0], [0.5, 0.3, 0.11, 0]):
        assert trained_scales(np.float32([[3, 1, -2, 0], off]), (0,)) is None
    for found in (trained_scales, least_error_scales):
        assert found(np.zeros((2, 3), np.float32), (0,)).tolist() == [[np.float32(OF_ZEROS)]] * 2
