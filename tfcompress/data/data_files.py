"""Data on disk becomes inputs and labels.

In: the path of a .npz or .npy file or of a folder of images, and the names of a model's inputs. Out: data for
`tfcompress.data.batches`, whole or a few rows at a time.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np

from tfcompress.data.npz import read_array, read_header, require_room
from tfcompress.errors import DataError

DAMAGE = (OSError, ValueError, EOFError, KeyError, OverflowError, RuntimeError, zipfile.BadZipFile, zlib.error)
LABELS = ("y", "labels", "label")
WAY_OUT = "Save arrays with np.savez(path, x=…, y=…)."


def require_readable(path: str | PathLike[str]) -> None:
    """Raise `DataError` unless `path` is a folder or a NumPy file that can be opened; call it before long work."""
    try:
        if Path(path).is_dir():
            return
        with Path(path).open("rb") as file:
            magic = file.read(6)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(
            "The path of a .npz or .npy file, or of a folder of images, is needed.", received=f"{path}: {why}"
        ) from error
    if magic[:2] != b"PK" and magic != b"\x93NUMPY":
        raise DataError("Data files are .npz or .npy.", received=str(path), hint=WAY_OUT)


def read(
    path: str | PathLike[str], input_names: Sequence[str], output_names: Sequence[str] = ()
) -> tuple[Any, np.ndarray | dict[str, np.ndarray] | None]:
    """Read inputs and, where there are any, labels.

    Args:
        path: A `.npy` file with one array of inputs, or a `.npz` file with one array an input under its name (or
            "x" for a single input) and labels under "y" or "labels", or under the names of outputs.
        input_names: The names of the model's inputs.
        output_names: The names of its outputs. Default: labels are under "y" or "labels" only.

    Returns:
        An array for a single input, else a dict by name; and the labels: an array, a dict by output, or None.

    Raises:
        DataError: no such file, no NumPy file, or arrays under other names.
    """
    path = Path(path)
    try:
        if not zipfile.is_zipfile(path):
            return np.load(path, mmap_mode="r", allow_pickle=False), None
        archive = zipfile.ZipFile(path)
    except DAMAGE as error:
        raise _no_numpy_file(path, error) from error
    with archive:
        stored = [name.removesuffix(".npy") for name in archive.namelist()]
        of_outputs = [name for name in output_names if name in stored and name not in (*input_names, *LABELS)]
        inputs, label = _names(path, [name for name in stored if name not in of_outputs], input_names)
        try:
            arrays = {name: read_array(path, archive, member) for name, member in inputs.items()}
            labels = None if label is None else read_array(path, archive, label)
            if of_outputs and labels is None:
                labels = {name: read_array(path, archive, name) for name in of_outputs}
        except DAMAGE as error:
            raise DataError("A .npz file must be whole.", received=f"{path}: {error}") from error
    return (next(iter(arrays.values())) if len(input_names) == 1 else arrays), labels


def rows(path: str | PathLike[str], input_names: Sequence[str], size: int) -> Iterator[Any]:
    """Yield inputs, or (inputs, labels), `size` rows at a time, so that a file may be larger than the memory.

    Args:
        path: As for `read`.
        input_names: The names of the model's inputs.
        size: Rows at a time.

    Raises:
        DataError: as for `read`, or arrays of different lengths.
    """
    require_readable(path)
    path = Path(path)
    try:
        if not zipfile.is_zipfile(path):
            content = np.load(path, mmap_mode="r", allow_pickle=False)
            if content.ndim == 0:
                raise _without_rows(path, content.shape)
            for start in range(0, len(content), size):
                yield np.array(content[start : start + size])
            return
        with zipfile.ZipFile(path) as archive, ExitStack() as stack:
            stored = [name.removesuffix(".npy") for name in archive.namelist()]
            inputs, label = _names(path, stored, input_names)
            members = [*inputs.values(), *([] if label is None else [label])]
            opened = [_Member(path, stack.enter_context(archive.open(f"{member}.npy"))) for member in members]
            lengths = {member: found.shape[0] for member, found in zip(members, opened, strict=True)}
            if len(set(lengths.values())) > 1:
                raise DataError(f"All arrays of {path.name} must have the same number of rows.", received=lengths)
            for name, member in zip(members, opened, strict=True):
                require_room(path, f"a batch of {name}", size * member.row_bytes, archive.getinfo(f"{name}.npy"))
            for start in range(0, opened[0].shape[0], size):
                parts = [member.read(min(size, member.shape[0] - start)) for member in opened]
                arrays = dict(zip(inputs, parts, strict=False))
                yield arrays if label is None else (arrays, parts[-1])
    except DAMAGE as error:
        raise _no_numpy_file(path, error) from error


class _Member:
    """One array of a .npz file, read from its first row to its last."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file = path, file
        self.shape, by_columns, self._dtype = read_header(file)
        if self._dtype.hasobject or not self.shape:
            raise _without_rows(path, self._dtype if self.shape else self.shape)
        if by_columns and len(self.shape) > 1:
            raise DataError(
                "Arrays in a .npz file must be stored row by row.",
                received=f"one in Fortran order in {path}",
                hint="Save np.ascontiguousarray(x).",
            )

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return math.prod(self.shape[1:]) * self._dtype.itemsize

    def read(self, count: int) -> np.ndarray:
        wanted = count * self.row_bytes
        content = self._file.read(wanted)
        if len(content) != wanted:
            raise DataError("A .npz file must be whole.", received=f"{self._path} with fewer rows than it says")
        return np.frombuffer(content, self._dtype).reshape(count, *self.shape[1:])


def _without_rows(path: Path, found: Any) -> DataError:
    return DataError("Data files hold numbers in rows, one for each sample.", received=f"{found} in {path}")


def _names(path: Path, members: Sequence[str], input_names: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """Return the member of a .npz file for each input, and that of the labels."""
    found = [name for name in LABELS if name in members and name not in input_names]
    label = found[0] if found else None
    others = [name for name in members if name != label]
    if sorted(others) == sorted(input_names):
        return {name: name for name in input_names}, label
    if len(input_names) == 1:
        alone = "x" if "x" in others else others[0] if len(others) == 1 else None
        if alone is not None:
            return {input_names[0]: alone}, label
    raise DataError(
        f"{path.name} must hold an array under the name of each input: {', '.join(input_names)}"
        + (" (or x)" if len(input_names) == 1 else "")
        + ", and labels under y.",
        received=f"arrays called {', '.join(sorted(others)) or 'nothing'}",
        hint="Save it with np.savez(path, x=…, y=…).",
    )


def _no_numpy_file(path: Path, error: BaseException) -> DataError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else "no whole NumPy file of numbers"
    return DataError("Data files are .npz or .npy, without pickled objects.", received=f"{path}: {why}", hint=WAY_OUT)
