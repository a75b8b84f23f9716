"""Rounding inside a float graph, against the integer arithmetic of the reference kernels in plain NumPy."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfcompress.layers.rounding import (
    SMALLEST_RANGE,
    round_activation,
    round_bias,
    round_constant,
    round_weight,
    weight_scale,
)
from tfcompress.training.quantization.fake_quant import (
    GROUP_SAMPLES,
    GROUP_VALUES,
    MEMORY,
    averaged,
    round_sums,
    sloped,
    widened,
)


def f(value):
    return tf.constant(value, tf.float32)


# Weights and biases


@pytest.mark.parametrize("keep", [(), (0,), (1,), (-1,), (0, 2), (-1, -3)])
def test_a_weight_has_255_steps_for_each_index_of_the_axes_that_are_kept(rng, keep):
    weight = rng.normal(size=(3, 4, 5)).astype("float32")
    weight[1, :, 2] = 0
    axes = tuple(axis for axis in range(3) if axis not in {each % 3 for each in keep})
    scale = np.maximum(np.abs(weight).max(axis=axes, keepdims=True), 1e-12) / 127
    np.testing.assert_allclose(weight_scale(f(weight), keep), scale, rtol=1e-6)
    found = round_weight(f(weight), keep).numpy()
    np.testing.assert_allclose(found, np.rint(weight / scale) * scale, atol=1e-6)
    steps = np.rint(found / scale)
    assert np.abs(steps).max() == 127, "symmetric: -128 is not used"


def test_a_weight_of_zeros_stays_zero():
    assert (round_weight(f(np.zeros((2, 2))), (0,)).numpy() == 0).all()


def test_gradients_of_a_weight_pass_straight_through(rng):
    weight = tf.Variable(rng.normal(size=(3, 4)).astype("float32"))
    for function in (lambda: round_weight(weight, (1,)), lambda: round_sums(weight, f(0.01), f(0.1))):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(function() * tf.range(12.0).numpy().reshape(3, 4))
        np.testing.assert_allclose(tape.gradient(loss, weight), np.arange(12.0).reshape(3, 4))


def test_a_bias_is_a_whole_number_of_units_and_stays_where_there_is_none():
    found = round_bias(f([0.26, -0.26, 7.77, 0.123]), f([0.1, 0.1, 0.5, 0.0])).numpy()
    np.testing.assert_allclose(found, [0.3, -0.3, 8.0, 0.123], rtol=1e-6)
    assert round_bias(f(1e-20), f(3e-21)).numpy() == pytest.approx(9e-21, rel=1e-5)


# Sums of products


def requantized(sums, multiplier, count=1):
    """gemmlowp as the reference kernels use it: a 31-bit fraction, then a rounding shift, halves away from zero."""
    fraction, shift = math.frexp(multiplier)
    fraction = round(fraction * 2**31)
    spare = count.bit_length() - 1  # a mean: reference/reduce.h divides the fraction by the number of values
    fraction, shift = (fraction << spare) // count, shift - spare
    found = []
    for value in sums:
        value = int(value) << max(shift, 0)
        nudge = 2**30 if value * fraction >= 0 else 1 - 2**30
        high = int((value * fraction + nudge) / 2**31)  # toward zero
        half, rest = divmod(abs(high), 2 ** -min(shift, 0))
        half += 2 * rest >= 2 ** -min(shift, 0)
        found.append(half if high >= 0 else -half)
    return np.array(found)


@pytest.mark.parametrize("multiplier", [0.613, 0.5, 0.125, 0.113, 0.0203, 0.0049, 0.00071, 1.2837, 3.907])
def test_sums_are_rounded_twice_as_the_kernels_do(rng, multiplier):
    """Once to a 31-bit fraction and once to int8: where the two agree with one rounding alone the test sees nothing."""
    unit, step = 2.0**-10, float(np.float32(2.0**-10 / multiplier))
    multiplier = unit / step
    sums = rng.integers(-120 / multiplier, 120 / multiplier, 4000)
    found = np.rint(round_sums(f(sums * unit), f(unit), f(step)).numpy().astype(float) / step)
    expected = requantized(sums, multiplier)
    assert np.array_equal(found, expected)
    if multiplier < 0.1:
        once = np.rint(sums * multiplier)
        assert 0 < (once != expected).mean() < 0.05


def test_halves_of_the_fraction_go_up_and_those_of_the_shift_away_from_zero():
    """A multiplier of a power of two meets both: -2.5 × 1/2 rounds to -1, and -2 × 1/4 then to -1."""
    sums = np.arange(-40, 40)
    for step in (2.0, 8.0, 64.0):
        found = np.rint(round_sums(f(sums), f(1.0), f(step)).numpy() / step)
        assert np.array_equal(found, requantized(sums, 1 / step))


@pytest.mark.parametrize("count", [4, 7, 49, 64])
def test_a_mean_divides_the_fraction_by_the_number_of_its_values(rng, count):
    """The unit of a mean is that of its inputs over their number."""
    unit, step = float(np.float32(2.0**-6 / count)), float(np.float32(2.0**-6 / 0.3713))
    sums = rng.integers(-128 * count, 128 * count, 4000)
    found = np.rint(round_sums(f(sums * unit), f(unit), f(step), count).numpy().astype(float) / step)
    assert np.array_equal(found, requantized(sums, unit * count / step, count))


def test_units_go_by_channel_and_noise_of_floats_is_not_seen():
    unit, step = np.float32([0.01, 0.02]), np.float32(0.5)
    sums = np.array([[100, 30], [-75, 26], [25, -25]])
    noisy = sums * unit * (1 + 1e-6)
    found = round_sums(f(noisy), f(unit), f(step)).numpy() / step
    expected = np.stack([requantized(sums[:, place], unit[place] / step) for place in range(2)], 1)
    assert np.array_equal(np.rint(found), expected)


def test_without_a_step_sums_stay_as_they_are():
    assert round_sums(f([0.123, 4.5]), f(0.1), f(0.0)).numpy().tolist() == pytest.approx([0.123, 4.5])


def test_a_rectifier_has_a_unit_above_zero_and_one_below():
    for slope in (0.25, -0.25):
        assert sloped(f(0.5), f([-3.0, 0.0, 2.0]), slope).numpy().tolist() == [0.125, 0.5, 0.5]


def test_a_sum_is_no_mean_unless_it_is_said():
    sums = np.arange(-300, 300)
    assert np.array_equal(round_sums(f(sums), f(1.0), f(37.0)), round_sums(f(sums), f(1.0), f(37.0), 1))


# Activations


def nudged(values, low, high):
    """Asymmetric int8 as TensorFlow defines it: the range is shifted until zero is a step."""
    scale = (high - low) / 255
    zero = np.clip(np.floor(-low / scale + 0.5), 0, 255)
    steps = np.clip(np.floor(values / scale + zero + 0.5), 0, 255)
    return (steps - zero) * scale


@pytest.mark.parametrize(("low", "high"), [(-1.01, 1.0), (0.0, 6.0), (-2.2, 0.7), (-4.0, 0.0)])
def test_an_activation_has_256_steps_of_its_range(rng, low, high):
    values = rng.uniform(low - 1, high + 1, 500).astype("float32")
    found = round_activation(f(values), f(low), f(high)).numpy()
    np.testing.assert_allclose(found, nudged(values.astype(float), low, high), atol=(high - low) / 255 * 1e-2)
    assert len(np.unique(found)) <= 256
    assert (round_activation(f([0.0]), f(low), f(high)).numpy() == 0).all()


@pytest.mark.parametrize("values", [[0.1, 0.2, 0.7], [-0.3, -0.1, -0.2], [-0.25, 0.0, 0.5]])
def test_a_constant_is_rounded_over_its_own_range_and_zero(values):
    values = np.array(values)
    low, high = min(0, values.min()), max(0, values.max())
    np.testing.assert_allclose(round_constant(f(values)), nudged(values, low, high), atol=1e-6)
    assert round_constant(f([0.0, 0.0])).numpy().tolist() == [0, 0]


def test_a_constant_that_is_trained_gets_gradients_within_its_range():
    slopes = tf.Variable([0.1, 0.2, 0.7])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(round_constant(slopes) * [1.0, 2.0, 3.0])
    assert tape.gradient(loss, slopes).numpy().tolist() == [1, 2, 3]


# Ranges of everything that was seen


def test_a_widened_range_holds_all_that_was_seen_and_zero(rng):
    state = f([0.0, 0.0, 0.0])
    seen = []
    for shift in (2.0, -1.0, 0.5):
        batch = (rng.normal(size=(7, 3)) + shift).astype("float32")
        seen.append(batch)
        state = widened(state, f(batch))
        whole = np.concatenate(seen)
        assert state.numpy().tolist() == [min(0, whole.min()), max(0, whole.max()), len(whole)]


def test_a_range_is_never_empty():
    low, high, count = widened(f([0.0, 0.0, 0.0]), f(np.zeros((5, 2)))).numpy()
    assert (low, count) == (0, 5)
    assert high == np.float32(SMALLEST_RANGE)
    low, high, _ = widened(f([-3.0, 0.0, 0.0]), f(-np.ones((1, 2)))).numpy()
    assert (low, high) == (-3, 0)


@pytest.mark.parametrize("update", [widened, lambda state, x: averaged(tf.concat([state, [0.0, 0.0, 0.0]], 0), x)])
def test_ranges_take_no_gradients(update):
    x = tf.Variable([[1.0, -2.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(update(f([0.0, 0.0, 0.0]), x))
    assert tape.gradient(loss, x) is None


# Ranges as a mean over groups


START = [0.0] * 6
WIDE = 25
"""Values of a sample; 400 samples make a group of 10,000 values."""


def after(batches, state=START):
    state = f(state)
    for batch in batches:
        state = averaged(state, f(batch))
    return state.numpy()


def extremes(groups):
    """The mean over groups of the smallest and of the largest."""
    flat = [np.asarray(group).reshape(-1) for group in groups]
    return np.mean([min(0, each.min()) for each in flat]), np.mean([max(0, each.max()) for each in flat])


def test_a_group_holds_ten_thousand_values_but_no_more_than_a_thousand_samples(rng):
    assert (GROUP_VALUES, GROUP_SAMPLES) == (10_000, 1_000)
    for shape, size in (((1200, WIDE), 400), ((3000, 1), 1000), ((3000, 10), 1000), ((6, 5000), 2), ((6, 100, 50), 2)):
        x = rng.normal(size=shape).astype("float32")
        found = after([x])
        assert found[:2] == pytest.approx(extremes(np.split(x, len(x) // size)), rel=1e-5)
        assert found[2:].tolist() == [len(x), 0, 0, 0]


@pytest.mark.parametrize("sizes", [[400], [100] * 4, [57] * 7, [1, 399], [200, 150], [100] * 3])
def test_small_batches_fill_one_group_whatever_their_sizes(rng, sizes):
    """It is closed by the batch that brings it nearest to its size; until then it is all that there is."""
    x = rng.normal(size=(sum(sizes), WIDE)).astype("float32")
    batches = np.split(x, np.cumsum(sizes)[:-1])
    found = after(batches)
    assert found[:2] == pytest.approx(extremes([x]))
    assert found[2] == len(x)
    closed = len(x) + sizes[-1] / 2 >= 400
    assert found[3:] == pytest.approx([0, 0, 0] if closed else [*extremes([x]), x.size])


def test_groups_weigh_by_the_samples_that_they_hold(rng):
    """The mean over samples of the extremes of their group: 150 + 300, then 190 + 200, then one that stays open."""
    parts = [rng.normal(size=(count, WIDE)).astype("float32") * size for count, size in ((450, 1), (390, 3), (50, 9))]
    first = after([parts[0][:150], parts[0][150:]])
    second = after([parts[1][:190], parts[1][190:]], first)
    groups = np.array([extremes([part]) for part in parts])
    assert first[:2] == pytest.approx(groups[0])
    assert second[2:].tolist() == [840, 0, 0, 0]
    assert second[:2] == pytest.approx((450 * groups[0] + 390 * groups[1]) / 840)
    third = after([parts[2]], second)
    assert third[:2] == pytest.approx(second[:2]), "an open group does not count yet"
    assert third[2:] == pytest.approx([890, *groups[2], 50 * WIDE])


def test_a_batch_of_several_groups_closes_the_one_that_was_open(rng):
    """What was open joins the first of them; the extremes of every other group count by themselves."""
    small, large = rng.normal(size=(60, WIDE)).astype("float32") * 5, rng.normal(size=(1200, WIDE)).astype("float32")
    found = after([small, large])
    groups = np.split(large, 3)
    first = np.concatenate([small, groups[0]])
    assert found[:2] == pytest.approx(extremes([first, *groups[1:]]), rel=1e-5)
    assert found[2:].tolist() == [1260, 0, 0, 0]


def test_after_the_first_samples_it_is_a_moving_average(rng):
    """The mean over up to MEMORY samples; then what is older fades by e in MEMORY samples."""
    x = rng.normal(size=(400, WIDE)).astype("float32")
    target = np.array(extremes([x]))
    for seen in (400, 1600, 8_000, 400_000):
        found = after([x], [-1.0, 1.0, float(seen), 0, 0, 0])
        rate = max(400 / (seen + 400), 1 - math.exp(-400 / MEMORY))
        assert found[:2] == pytest.approx(np.array([-1, 1]) + rate * (target - [-1, 1]), rel=1e-5)
        assert found[2] == seen + 400


def test_ranges_of_three_numbers_close_a_group_with_each_batch(rng):
    """Those of models of the first release."""
    batches = [rng.normal(size=(20, WIDE)).astype("float32") * size for size in (1, 2, 4)]
    found = after(batches, [0.0] * 3)
    assert found.shape == (3,)
    assert found == pytest.approx([*extremes(batches), 60])


def test_a_sample_of_one_value_and_a_batch_of_none():
    assert after([np.ones((3,), "float32")])[:3] == pytest.approx([0, 1, 3])
    assert np.isfinite(after([np.ones((3, 2), "float32")], [-1.0, 1.0, 9.0, -2.0, 2.0, 8.0])).all()


def test_an_averaged_range_holds_zero_and_is_never_empty():
    assert after([np.full((400, WIDE), 3.0)])[:2] == pytest.approx([0, 3])
    assert after([np.full((400, WIDE), -3.0)])[:2] == pytest.approx([-3, 0])
    assert after([np.zeros((400, WIDE))])[:2] == pytest.approx([0, SMALLEST_RANGE])
