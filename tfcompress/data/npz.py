"""Arrays of a .npz file, without more memory than they need.

In: an open .npz archive and the name of an array. Out: the array: mapped from disk where it is stored as it is, read
where it is deflated, refused where it would fill the memory.
"""

from __future__ import annotations

import math
import os
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from tfcompress.errors import DataError

MAX_RATIO = 100
"""Deflated data that grows more than this is no data: photographs shrink 2 times, masks and text up to 50."""

ALWAYS_FINE = 2**30
"""Up to this many bytes nobody asks how small the file was."""

SHARE_OF_MEMORY = 0.5


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, whether columns come first, and type of an array, and leave the file at its first value."""
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(file)]
    return read(file)


def read_array(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Return one array of a .npz file.

    Args:
        path: The file.
        archive: The same, open.
        name: The array.

    Raises:
        DataError: it would take more memory than there is, or far more than its file is large.
    """
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        shape, by_columns, dtype = read_header(file)
        start, size = file.tell(), math.prod(shape) * dtype.itemsize
        if not dtype.hasobject and start + size > member.file_size:
            raise DataError("A .npz file must be whole.", received=f"{path} with fewer rows than it says")
        require_room(path, name, size, member, mapped=_is_mapped(member, dtype))
        if not _is_mapped(member, dtype):
            file.seek(0)
            return npy.read_array(file, allow_pickle=False)
    order = "F" if by_columns else "C"
    return np.memmap(path, dtype, "r", _offset(path, member) + start, shape, order)


def require_room(path: Path, name: str, size: int, member: zipfile.ZipInfo, *, mapped: bool = False) -> None:
    """Raise `DataError` where an array would fill the memory, or grows as nothing but a bomb or zeros do."""
    grows = size > max(ALWAYS_FINE, MAX_RATIO * member.compress_size)
    if mapped or not (grows or size > SHARE_OF_MEMORY * available_memory()):
        return
    raise DataError(
        "Data must fit into half of the free memory, and deflated data must not grow more than 100 times.",
        received=f"{name} in {path}: {size:,} bytes, {member.compress_size:,} in the file",
        hint="Save it with np.savez instead of np.savez_compressed: it is then read from disk as it is needed.",
    )


def available_memory() -> int:
    """Return the bytes of memory that are free for a program, as far as the system tells."""
    try:
        with open("/proc/meminfo") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration):
        pass
    if hasattr(os, "sysconf"):  # macOS
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return 4 * 2**30


def _is_mapped(member: zipfile.ZipInfo, dtype: np.dtype) -> bool:
    return member.compress_type == zipfile.ZIP_STORED and not dtype.hasobject and dtype.itemsize > 0


def _offset(path: Path, member: zipfile.ZipInfo) -> int:
    """Return where the content of a stored member begins, behind a header of its own."""
    with path.open("rb") as file:
        file.seek(member.header_offset + 26)
        name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
    return member.header_offset + 30 + name + extra
