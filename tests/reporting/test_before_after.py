"""What two files take, side by side."""

import pytest

import tfcompress
from tests.models import images, small_cnn


@pytest.fixture(scope="module")
def files():
    import keras
    import numpy as np

    x = images(np.random.default_rng(0), 60)
    model = small_cnn(keras)
    smaller = tfcompress.prune_channels(model, macs=0.5, round_to=2, keep_first=False)
    return [tfcompress.convert(each, samples=x) for each in (model, smaller)]


@pytest.mark.micro
def test_every_figure_is_that_of_the_files(files):
    pytest.importorskip("tflite_micro")
    found = tfcompress.before_after(*files)
    assert [row.what for row in found.rows][:4] == [
        "bytes in flash",
        "bytes deflated",
        "MACs",
        "bytes of arena needed, TFLM",
    ]
    assert found["bytes in flash"].before == files[0].size
    assert found["MACs"].after == tfcompress.inspect(files[1]).macs
    assert 0.4 < found["MACs"].share < 0.6
    assert found["bytes of arena needed, TFLM"].after == tfcompress.check(files[1], "tflm").facts["arena needed, bytes"]
    assert all(row.share < 1 for row in found.rows[:4])
    assert found.rows[-1].after > 0
    assert str(found).splitlines()[1].split() == ["before", "after", "left"]


def test_without_tflm_the_rest_is_there(files, monkeypatch):
    def missing(*_):
        raise tfcompress.MissingPackageError("TFLM needs tflite-micro.", received="none", hint="pip install it")

    monkeypatch.setattr("tfcompress.reporting.before_after.check", missing)
    found = tfcompress.before_after(*files)
    assert len(found.rows) == 4
    assert "No arena: TFLM needs tflite-micro." in str(found)


def test_a_path_that_is_no_file_is_our_error(tmp_path, files):
    with pytest.raises(tfcompress.FileError):
        tfcompress.before_after(files[0], tmp_path / "none.tflite")


def test_a_figure_that_is_not_there_is_our_error(files):
    with pytest.raises(tfcompress.SettingError, match="one of 'bytes in flash'"):
        tfcompress.before_after(*files)["nonsense"]
