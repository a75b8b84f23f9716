"""Scales under which clustered kernels keep as few integers as values, whatever a norm has multiplied channels by."""

import numpy as np
import pytest

from tfcompress.clustered_weights import clustered_scales, is_clustered


def kernel(seed, values=8, shape=(12, 3, 3, 4)):
    rng = np.random.default_rng(seed)
    return rng.choice(rng.normal(size=values), size=shape).astype("float32")


def integers(weights, axis, scales):
    shape = [1] * weights.ndim
    shape[axis] = -1
    return np.rint(weights / scales.reshape(shape))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("zeros", [0, 0.8])
def test_a_folded_norm_is_found_again(seed, axis, zeros):
    rng = np.random.default_rng(seed)
    weights = kernel(seed) * (rng.random((12, 3, 3, 4)) >= zeros)
    shape = [1] * 4
    shape[axis] = weights.shape[axis]
    norm = rng.uniform(0.05, 3, size=shape).astype("float32")
    scales = clustered_scales(weights * norm, axis)
    found = integers(weights * norm, axis, scales)
    assert np.unique(found).size <= np.unique(weights).size
    assert np.abs(found).max() == 127
    np.testing.assert_array_equal(found == 0, np.rint(weights / np.abs(weights).max() * 127) == 0)


def test_without_a_norm_it_is_one_scale():
    weights = kernel(0)
    np.testing.assert_allclose(clustered_scales(weights, 0), np.abs(weights).max() / 127)


@pytest.mark.parametrize("shape", [(12, 3, 3, 4), (1, 3, 3, 8), (64, 1, 1, 2), (5, 7)])
@pytest.mark.parametrize("zeros", [0, 0.8])
def test_trained_and_pruned_kernels_are_not_clustered(rng, shape, zeros):
    weights = (rng.normal(size=shape) * (rng.random(shape) >= zeros)).astype("float32")
    assert not is_clustered(weights)
    assert clustered_scales(weights, -1 if shape[0] == 1 else 0) is None
    assert not is_clustered(np.zeros(shape, "float32"))
