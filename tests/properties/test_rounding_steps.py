"""Steps that train, and how int16 kernels round, against integer arithmetic in NumPy."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfcompress.int4 import LARGEST, rounded, trained_scales
from tfcompress.layers.rounding import (
    coarsest_step,
    from_table,
    int16_end,
    int16_step,
    round_to_int16,
    round_to_steps,
)


@pytest.mark.parametrize("end", [3.5, 0.017])
def test_int16_has_65535_steps_and_ends_at_the_largest(end, rng):
    x = rng.normal(0, end, 5000).astype("float32")
    steps = round_to_int16(x, end / 32767).numpy() / (end / 32767)
    np.testing.assert_allclose(steps, np.rint(steps), atol=0.01)
    np.testing.assert_allclose(steps, np.clip(x / (end / 32767), -32767, 32767), atol=0.51)
    assert (np.abs(steps) > 32766).any()


def test_before_any_data_nothing_is_rounded(rng):
    x = rng.normal(size=100).astype("float32")
    np.testing.assert_array_equal(round_to_int16(x, 0.0), x)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (0.0, 6.0), (-2.0, 0.0), (-0.3, 0.301)])
def test_int8_ends_in_int16_where_its_integers_end(low, high):
    scale = (high - low) / 255
    zero_point = round(-128 - low / scale)
    numbers = (np.arange(-128, 128) - zero_point) * scale
    assert float(int16_end(low, high)) == pytest.approx(np.abs(numbers).max(), rel=1e-6)


def test_int16_passes_gradients_and_clips_at_both_ends():
    x = tf.Variable([-9.0, -1.04, 0.26, 9.0])
    with tf.GradientTape() as tape:
        y = round_to_int16(x, 1e-4)
        loss = tf.reduce_sum(y * [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(y, [-3.2767, -1.04, 0.26, 3.2767], rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(loss, x), [1, 2, 3, 4])


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (0.0, 6.0), (-2.0, 0.0), (-0.3, 0.301), (-5.0, 0.1)])
def test_the_step_of_int16_is_that_of_a_range_whose_ends_moved(low, high):
    """Of 65536 numbers one is zero; the larger end of the moved range is number 32767."""
    unit = (high - low) / 65535
    below = round(-low / unit)
    largest = max(below * unit, (65535 - below) * unit)
    assert float(int16_step(low, high)) == pytest.approx(largest / 32767, rel=1e-6)
    assert float(int16_step(0.0, 0.0)) == 0


# Steps that train


def test_a_step_that_trains_has_the_gradient_of_the_paper():
    """What rounding adds within the grid, and the grid's end beyond; weights beyond have no gradient."""
    weight, step = tf.Variable([[-2.0, -0.31, 0.04, 0.26, 9.0]]), tf.Variable([[0.1]])
    with tf.GradientTape() as tape:
        found = round_to_steps(weight, step, 7)
        loss = tf.reduce_sum(found * [[1.0, 2.0, 3.0, 4.0, 5.0]])
    np.testing.assert_allclose(found, [[-0.7, -0.3, 0.0, 0.3, 0.7]], atol=1e-6)
    of_weight, of_step = tape.gradient(loss, [weight, step])
    np.testing.assert_allclose(of_weight, [[0, 2, 3, 4, 0]])
    expected = 1 * -7 + 2 * (-3 + 3.1) + 3 * (0 - 0.4) + 4 * (3 - 2.6) + 5 * 7
    np.testing.assert_allclose(of_step, [[expected]], rtol=1e-4)


@pytest.mark.parametrize("largest", [7, 127])
def test_the_coarsest_step_is_by_what_all_numbers_of_a_channel_divide(rng, largest):
    numbers = rng.integers(-largest, largest + 1, (40, 6))
    for row, factor in enumerate((2, 3, 4, 5, 6, 7)):
        numbers[row] = factor * rng.integers(-(largest // factor), largest // factor + 1, 6)
    numbers[7] = 0
    numbers[8] = largest
    numbers[9] = [0, 0, -largest, 0, 0, 0]
    step = rng.uniform(0.01, 3, (40, 1)).astype(np.float32)
    factors = [max(1, math.gcd(*map(int, row))) for row in numbers]
    found = coarsest_step((numbers * step).astype(np.float32), step, largest).numpy()
    np.testing.assert_allclose(found[:, 0], step[:, 0] * factors, rtol=1e-6)
    last = coarsest_step((numbers * step).T.astype(np.float32), step.T, largest).numpy()
    np.testing.assert_allclose(last, found.T)
    beyond = coarsest_step(np.array([[9.0, -6.0 * largest]], np.float32), np.array([[3.0]], np.float32), largest)
    assert float(beyond[0, 0]) == pytest.approx(3 * math.gcd(3, largest))


def test_training_knows_the_grid_that_the_file_will_have(rng):
    weights, step = rng.normal(0, 0.2, (200, 3)).astype(np.float32), np.full((200, 1), 0.1, np.float32)
    weights[7] = 0
    expected = trained_scales(round_to_steps(weights, step, LARGEST).numpy(), (0,))
    found = coarsest_step(weights, step, LARGEST).numpy()
    some = rounded(weights, step).any(axis=1)
    assert (found > 1.5 * step).any()
    np.testing.assert_allclose(found[some], expected[some], rtol=1e-5)


# Tables


@pytest.mark.parametrize(("largest", "most"), [(8.0, 30.0), (3.0, 2.0), (0.5, 1e4)])
def test_a_function_from_a_table_is_that_of_the_kernel(rng, largest, most):
    """`LUTPopulate`, number by number: half the error in the middle of a stretch is taken off its first entry."""

    def function(x):
        return 1 / np.sqrt(x)

    unit = largest / 32767
    step = unit * 65535 / 512
    entries = []
    for place in range(256):
        edge, end = step * place - unit / 2, step * (place + 1) - unit / 2
        value = most if place == 0 else function(edge)
        middle = function(edge + step / 2)
        entries.append(min(value - ((value + function(end)) / 2 - middle) / 2, most))
    entries.append(min(function(step * 256 - unit / 2), most))
    x = np.concatenate([rng.uniform(0, largest, 300), [0, largest, 2 * largest, -1, 128 * unit, 255.5 * 128 * unit]])
    expected = []
    for number in x:
        place = min(max(number / unit / 128, 0), 256)
        index = min(int(place), 255)
        expected.append(entries[index] + (entries[index + 1] - entries[index]) * (place - index))
    found = from_table(lambda tensor: tf.math.rsqrt(tensor), tf.constant(x, tf.float32), largest, most)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-4 * most)
