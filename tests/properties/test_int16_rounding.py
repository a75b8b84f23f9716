"""How int16 kernels round, against their integer arithmetic."""

import numpy as np
import pytest

from tfcompress.layers.rounding import int16_end, round_to_int16


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
