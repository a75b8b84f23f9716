"""What is told of a layer's integers: which share of their range is used, what lies beyond it, noise by channel."""

import numpy as np
import pytest

from tfcompress.comparison.layer_errors import BINS, MAX_DECIBELS, _Noise, _Range
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.runtime.quantize_arrays import to_file

SPEC = TensorSpec("x", (1, 4), "int8", scale=0.5, zero_point=-28)
"""From -50 to 77.5."""


def seen(*batches):
    found = _Range(SPEC)
    for batch in batches:
        values = np.array(batch, np.float32)
        found.add(values, to_file(values, SPEC))
    return found


def shares(*batches):
    return seen(*batches).shares()


def test_integers_are_counted_in_bins_of_the_whole_range(rng):
    values = rng.uniform(-60, 80, (3, 50)).astype(np.float32)
    integers = np.clip(np.rint(values / 0.5) - 28, -128, 127)
    expected, _ = np.histogram(integers, np.linspace(-128, 128, BINS + 1))
    assert seen(*values).counts.tolist() == expected.tolist()


def test_what_lies_half_a_step_beyond_either_end_is_cut_off():
    assert shares([-50.2, 0, 0, 77.7])[1] == 0
    assert shares([-50.3, 0, 0, 0])[1] == 1 / 4
    assert shares([0, 0, 0, 77.8])[1] == 1 / 4
    assert shares([-90, -51, 90, 0], [0] * 12)[1] == 3 / 16, "of all batches"


def test_the_used_share_is_what_the_values_span_within_the_range():
    assert shares([0, 25.5, 51, 10])[0] == pytest.approx(51 / 127.5)
    assert shares([0, 25.5], [-12.75, 51])[0] == pytest.approx(63.75 / 127.5)
    assert shares([-900, 900])[0] == 1
    assert shares([90, 95])[0] == 0, "wholly beyond it"


def test_noise_is_told_by_channel_over_all_batches(rng):
    right, noise = rng.normal(size=(2, 30, 7, 4))
    noise *= [0.1, 0.01, 0.001, 0]
    right[..., 3] *= 2
    found = _Noise()
    for rows in (slice(0, 20), slice(20, 30)):
        found.add(right[rows], right[rows] + noise[rows])
    ratios = 10 * np.log10(np.square(right).sum((0, 1))[:3] / np.square(noise).sum((0, 1))[:3])
    assert found.decibels() == pytest.approx(((ratios.sum() + MAX_DECIBELS) / 4, ratios[0]))
    silent = _Noise()
    silent.add(np.array([[0.0, 3.0]]), np.array([[9.0, 2.7]]))
    assert silent.decibels() == pytest.approx((20, 20)), "a channel without a signal has no ratio"
    none = _Noise()
    none.add(np.zeros((1, 2)), np.ones((1, 2)))
    assert none.decibels() == (MAX_DECIBELS, MAX_DECIBELS)
