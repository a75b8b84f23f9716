import numpy as np
import pytest

from tfcompress.conversion.samples import MOST, lay_down
from tfcompress.data import TensorSpec

SPEC = TensorSpec("x", (None, 3), "float32")


def test_what_was_laid_down_comes_back(tmp_path, rng):
    x = rng.random((70, 3), dtype=np.float32)
    calibration = lay_down(x, [SPEC], tmp_path)
    assert calibration.specs[0].shape == (1, 3)
    np.testing.assert_array_equal(np.concatenate([sample["input_0"] for sample in calibration]), x)
    assert all(sample["input_0"].shape == (1, 3) for sample in calibration)
    assert len(list(calibration)) == len(list(calibration)) == 70, "can be read twice"


def test_an_endless_stream_ends_at_the_cap(tmp_path, rng, capsys):
    def endless():
        while True:
            yield rng.random((64, 3))

    calibration = lay_down(endless(), [SPEC], tmp_path)
    assert calibration.count == MOST
    assert "first 1,000 samples" in capsys.readouterr().err


def test_the_hash_follows_the_values(tmp_path, rng):
    x = rng.random((60, 3), dtype=np.float32)
    first = lay_down(x, [SPEC], tmp_path).sha256
    assert lay_down(list(x), [SPEC], tmp_path).sha256 == first
    assert lay_down(x + 1, [SPEC], tmp_path).sha256 != first


def test_one_constant_input_beside_a_varied_one_is_fine(tmp_path, rng):
    specs = [SPEC, TensorSpec("flag", (None, 1), "float32")]
    assert lay_down({"x": rng.random((60, 3)), "flag": np.ones((60, 1))}, specs, tmp_path).count == 60


@pytest.mark.parametrize("count", [1, 60])
def test_a_constant_is_no_calibration(tmp_path, count):
    from tfcompress import DataError

    with pytest.raises(DataError, match="all the same"):
        lay_down(np.full((count, 3), 0.5), [SPEC], tmp_path)
