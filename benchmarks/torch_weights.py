"""Weights out of a file that old releases of PyTorch wrote, read without PyTorch.

In: a .pth file of the format from before 2020: five pickles, then the storages. Out: arrays by name.
Nothing else is unpickled than names of tensors, so that the file cannot run code.
Source: torch/serialization.py, `_legacy_load`.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

TYPES = {"FloatStorage": np.float32, "LongStorage": np.int64}
MAGIC = 0x1950A86A20F9469CFC6C


class _Tensor(NamedTuple):
    """Where the numbers of a tensor lie in its storage."""

    storage: tuple[Any, ...]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage: Any, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in TYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a file of weights")

    def persistent_load(self, pid: Any) -> Any:
        return pid


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a state dict by name.

    Args:
        path: The file.
    """
    with path.open("rb") as file:
        magic, _, _, tensors, keys = (_Unpickler(file).load() for _ in range(5))
        if magic != MAGIC:
            raise ValueError(f"{path} is not of the old format of PyTorch")
        types = {each.storage[2]: TYPES[each.storage[1]] for each in tensors.values()}
        storages = {}
        for key in keys:
            (size,) = struct.unpack("<q", file.read(8))
            storages[key] = np.frombuffer(file.read(size * np.dtype(types[key]).itemsize), types[key])
    return {name: _array(each, storages[each.storage[2]]) for name, each in tensors.items()}


def _array(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    """Return the numbers of a tensor, whose axes may lie in the storage in any order."""
    strides = [stride * storage.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides).copy()
