"""What channels hold is the same to the last digit in whatever order threads bring the batches."""

import numpy as np

from tfcompress.conversion.channel_factors import _Channels


def test_the_order_of_batches_changes_no_digit(rng):
    batches = [rng.normal(0, 10.0**place, (3, 4)).astype(np.float32) for place in range(8)]
    found = set()
    for _ in range(20):
        channels = _Channels(4)
        for number in rng.permutation(len(batches)):
            channels.add(int(number), batches[number])
        found.add(channels.square.tobytes())
    assert len(found) == 1
    np.testing.assert_allclose(channels.square, np.mean(np.concatenate(batches, dtype=np.float64) ** 2, axis=0))
