import numpy as np
import pytest

from tfcompress.conversion.samples import MAX_SAMPLES, write_samples
from tfcompress.data.tensor_spec import TensorSpec

SPEC = TensorSpec("x", (None, 3), "float32")


def test_what_was_laid_down_comes_back(tmp_path, rng):
    x = rng.random((70, 3), dtype=np.float32)
    calibration = write_samples(x, [SPEC], tmp_path)
    assert calibration.specs[0].shape == (1, 3)
    np.testing.assert_array_equal(np.concatenate([sample["input_0"] for sample in calibration]), x)
    assert all(sample["input_0"].shape == (1, 3) for sample in calibration)
    assert len(list(calibration)) == len(list(calibration)) == 70, "can be read twice"


def test_an_endless_stream_ends_at_the_cap(tmp_path, rng, capsys):
    def endless():
        while True:
            yield rng.random((64, 3))

    calibration = write_samples(endless(), [SPEC], tmp_path)
    assert calibration.count == MAX_SAMPLES
    assert calibration.count == len(list(calibration)), "and nothing more was written"
    assert "first 1,000 samples" in capsys.readouterr().err


def test_the_hash_follows_the_values(tmp_path, rng):
    x = rng.random((60, 3), dtype=np.float32)
    first = write_samples(x, [SPEC], tmp_path).sha256
    assert write_samples(list(x), [SPEC], tmp_path).sha256 == first
    assert write_samples(x + 1, [SPEC], tmp_path).sha256 != first


def test_one_constant_input_beside_a_varied_one_is_fine(tmp_path, rng):
    specs = [SPEC, TensorSpec("flag", (None, 1), "float32")]
    assert write_samples({"x": rng.random((60, 3)), "flag": np.ones((60, 1))}, specs, tmp_path).count == 60


@pytest.mark.parametrize("count", [1, 60])
def test_a_constant_is_no_calibration(tmp_path, count):
    from tfcompress import DataError

    with pytest.raises(DataError, match="all the same"):
        write_samples(np.full((count, 3), 0.5), [SPEC], tmp_path)


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_exactly_as_many_as_are_read_is_no_message(tmp_path, rng, capsys, rows):
    x = rng.random((MAX_SAMPLES, 3), dtype=np.float32)
    for more, told in ((0, False), (1, True)):
        every = np.concatenate([x, x[:more]])
        stream = (every[start : start + rows] for start in range(0, len(every), rows))
        assert write_samples(stream, [SPEC], tmp_path).count == MAX_SAMPLES
        assert ("first 1,000 samples" in capsys.readouterr().err) == told


def test_the_hash_of_several_inputs_does_not_hang_on_the_batches(tmp_path, rng):
    specs = [SPEC, TensorSpec("z", (None, 2), "float32")]
    data = {"z": rng.random((90, 2), dtype=np.float32), "x": rng.random((90, 3), dtype=np.float32)}
    one_by_one = ({name: array[row] for name, array in data.items()} for row in range(90))
    assert write_samples(data, specs, tmp_path).sha256 == write_samples(one_by_one, specs, tmp_path).sha256


def test_few_samples_bring_a_warning(tmp_path, rng, recwarn):
    from tfcompress import TfcompressWarning

    write_samples(rng.random((50, 3)), [SPEC], tmp_path)
    assert not recwarn.list
    with pytest.warns(TfcompressWarning, match="49 calibration samples are few"):
        write_samples(rng.random((49, 3)), [SPEC], tmp_path)


def test_a_folder_is_read_evenly_up_to_the_cap(tmp_path, rng, capsys, monkeypatch):
    from tests.models import image_files
    from tfcompress.conversion import samples

    monkeypatch.setattr(samples, "MAX_SAMPLES", 20)
    folder = image_files(tmp_path / "photos", rng, 60)
    spec = TensorSpec("image", (None, 8, 8, 1), "float32")
    import tfcompress

    assert write_samples(tfcompress.images(folder), [spec], tmp_path).count == 20
    assert "20 of 60 images" in capsys.readouterr().err
    assert write_samples(folder, [spec], tmp_path).count == 20
    assert "20 of 60 images" in capsys.readouterr().err


def test_strings_are_no_calibration(tmp_path):
    from tfcompress import DataError

    with pytest.raises(DataError, match="measured on numbers"):
        write_samples(np.array([["a"], ["b"]]), [TensorSpec("text", (None, 1), "string")], tmp_path)
