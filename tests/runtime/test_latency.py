"""Times are positive, ordered, labelled, and follow the work."""

import numpy as np
import pytest

import tfcompress
from tests.models import images, small_cnn


@pytest.fixture(scope="module")
def tflite():
    import keras

    return tfcompress.convert(small_cnn(keras), samples=images(np.random.default_rng(7)))


def test_a_row_for_each_runtime_and_number_of_threads(tflite):
    found = tfcompress.latency(tflite, runtimes=("litert", "reference", "tflm"), threads=(1, 2), seconds=0.05)
    rows = [(row.runtime, row.threads) for row in found.rows]
    assert rows == [("litert", 1), ("litert", 2), ("reference", 1), ("reference", 2), ("tflm", 1)]
    for row in found.rows:
        assert 0 < row.low <= row.median <= row.high
        assert row.runs >= 3
    assert "THIS MACHINE, not on the device" in str(found)


def test_wrong_settings_are_told(tflite):
    for settings in ({"threads": [0]}, {"threads": []}, {"seconds": 0}, {"runtimes": ["gpu"]}):
        with pytest.raises(tfcompress.SettingError):
            tfcompress.latency(tflite, **settings)
