"""The reader of PyTorch's old files of weights, on one written here in that format."""

import pickle
import struct
import sys
from collections import OrderedDict
from types import ModuleType

import numpy as np
import pytest

from benchmarks.torch_weights import MAGIC, read_weights


class Storage:
    def __init__(self, key, kind, numbers):
        self.key, self.kind, self.numbers = key, kind, numbers


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.arguments = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


class Pickler(pickle.Pickler):
    def persistent_id(self, each):
        if not isinstance(each, Storage):
            return None
        return ("storage", each.kind, each.key, "cpu", len(each.numbers), None)


@pytest.fixture
def torch(monkeypatch):
    """Stands for PyTorch while a file is written: pickles hold the names of its functions and types."""
    made, utils = ModuleType("torch"), ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage"):
        setattr(made, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*_):
        raise AssertionError

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", made)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return made


def written(path, tensors, storages):
    with path.open("wb") as file:
        for each in (MAGIC, 1001, {"little_endian": True}, tensors, [storage.key for storage in storages]):
            Pickler(file, 2).dump(each)
        for storage in storages:
            file.write(struct.pack("<q", len(storage.numbers)) + storage.numbers.tobytes())
    return path


def test_tensors_are_read_whatever_the_order_of_their_axes(torch, tmp_path):
    floats = Storage("1", torch.FloatStorage, np.arange(24, dtype=np.float32))
    counts = Storage("2", torch.LongStorage, np.array([7]))
    tensors = OrderedDict(
        plain=Tensor(floats, 0, (2, 3, 4), (12, 4, 1)),
        turned=Tensor(floats, 0, (4, 6), (1, 4)),
        part=Tensor(floats, 12, (3, 4), (4, 1)),
        count=Tensor(counts, 0, (), ()),
    )
    found = read_weights(written(tmp_path / "a.pth", tensors, [floats, counts]))
    whole = floats.numbers
    np.testing.assert_array_equal(found["plain"], whole.reshape(2, 3, 4))
    np.testing.assert_array_equal(found["turned"], whole.reshape(6, 4).T)
    np.testing.assert_array_equal(found["part"], whole[12:].reshape(3, 4))
    assert found["count"] == 7


def test_a_file_runs_no_code(tmp_path):
    path = tmp_path / "b.pth"
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(pickle.UnpicklingError, match="print"):
        read_weights(path)
