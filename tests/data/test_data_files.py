import zipfile

import numpy as np
import pytest

from tfcompress.data import data_files
from tfcompress.data.batches import batches
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError

IMAGE = TensorSpec("image", (None, 4), "float32")
WORDS = TensorSpec("words", (None, 2), "float32")
X = np.arange(70 * 4, dtype=np.float32).reshape(70, 4)
Y = np.arange(70)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data.npz"


def read(path, specs=(IMAGE,), **settings):
    found = list(batches(path, specs, **settings))
    return {spec.name: np.concatenate([batch.inputs[spec.name] for batch in found]) for spec in specs}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("names", [{"x": X, "y": Y}, {"image": X}, {"image": X, "labels": Y}, {"data": X}])
@pytest.mark.parametrize("size", [None, 1, 33, 500])
def test_npz_files_give_their_rows(path, save, names, size):
    save(path, **names)
    np.testing.assert_array_equal(read(path, size=size)["image"], X)
    np.testing.assert_array_equal(read(str(path), size=size)["image"], X)


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_files_give_their_rows(tmp_path, order):
    np.save(tmp_path / "x.npy", np.asarray(X, order=order))
    np.testing.assert_array_equal(read(tmp_path / "x.npy", size=16)["image"], X)


def test_several_inputs_by_name_in_any_order(path):
    np.savez(path, words=X[:, :2], y=Y, image=X)
    found = read(path, (IMAGE, WORDS))
    np.testing.assert_array_equal(found["image"], X)
    np.testing.assert_array_equal(found["words"], X[:, :2])


def test_labels_come_along(path):
    np.savez(path, x=X, y=Y)
    found = list(batches(path, [IMAGE], labelled=True, size=32))
    np.testing.assert_array_equal(np.concatenate([batch.labels for batch in found]), Y)


def test_labels_may_have_the_names_of_outputs(path):
    np.savez(path, image=X, mask=Y, box=Y + 1)
    x, y = data_files.read(path, ["image"], ["mask", "box", "other"])
    np.testing.assert_array_equal(x, X)
    assert sorted(y) == ["box", "mask"]
    np.testing.assert_array_equal(y["box"], Y + 1)
    with pytest.raises(DataError, match="mask"):
        data_files.read(path, ["image"])


def test_a_large_file_is_read_a_few_rows_at_a_time(path):
    import tracemalloc

    np.savez_compressed(path, x=np.zeros((20_000, 1000), np.float32))  # 80 MB
    tracemalloc.start()
    count = sum(len(batch) for batch in batches(path, [TensorSpec("x", (None, 1000), "float32")]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 8 * 2**20


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def short(path):
    """An array with fewer rows than its header says."""
    with zipfile.ZipFile(path) as archive:
        member = archive.read("x.npy")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member[:-100])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut, "whole NumPy file"),
        (short, "must be whole"),
        (lambda path: path.write_text("1,2,3"), ".npz or .npy"),
        (lambda path: path.unlink(), "No such file"),
        (lambda path: np.savez(path, x=X, y=Y[:3]), "same number of rows"),
        (lambda path: np.savez(path, a=X, b=X), "arrays called a, b"),
        (lambda path: np.savez(path, x=np.array([{}])), "hold numbers"),
        (lambda path: np.savez(path, x=np.float32(3)), "in rows"),
        (lambda path: np.savez(path, x=np.asfortranarray(X)), "Fortran order"),
        (lambda path: path.write_bytes(b"\x93NUMPY" + b"\xff" * 50), "whole NumPy file"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(path, damage, words):
    np.savez(path, x=X, y=Y)
    damage(path)
    with pytest.raises(DataError) as caught:
        read(path)
    assert words in str(caught.value)


def test_stored_arrays_are_mapped_and_deflated_ones_are_read(path):
    from tfcompress.data import data_files

    for save in (np.savez, np.savez_compressed):
        for order in ("C", "F"):
            save(path, x=np.asarray(X, order=order), y=Y)
            x, y = data_files.read(path, ["image"])
            np.testing.assert_array_equal(x, X)
            np.testing.assert_array_equal(y, Y)
            assert isinstance(x, np.memmap) == (save is np.savez)
    np.savez(path, x=X)
    short(path)
    with pytest.raises(DataError, match="whole"):
        data_files.read(path, ["image"])


def test_a_small_file_does_not_fill_the_memory(path, monkeypatch):
    from tfcompress.data import data_files, npz

    monkeypatch.setattr(npz, "ALWAYS_FINE", 2**20)
    np.savez_compressed(path, x=np.zeros((2**12, 2**10), np.float32))  # 16 MB in 16 KB
    with pytest.raises(DataError, match=r"16,777,216 bytes.*np.savez instead"):
        data_files.read(path, ["x"])
    np.savez(path, x=np.zeros((2**12, 2**10), np.float32))
    assert data_files.read(path, ["x"])[0].shape == (2**12, 2**10)
    monkeypatch.setattr(npz, "available_memory", lambda: 2**20)
    np.savez_compressed(path, x=np.random.default_rng(0).random((2**8, 2**10)))
    with pytest.raises(DataError, match="free memory"):
        data_files.read(path, ["x"])
    assert len(read(path, (TensorSpec("x", (None, 1024), "float32"),))["x"]) == 2**8  # in batches it fits
    np.savez_compressed(path, x=np.zeros((1, 2**22), np.float32))
    with pytest.raises(DataError, match="a batch of x"):
        read(path, (TensorSpec("x", (None, 2**22), "float32"),))


def test_the_free_memory_is_known():
    from tfcompress.data.npz import available_memory

    assert available_memory() > 2**26
