"""A .keras file, which is a zip archive, is checked before anything in it is unpacked.

In: the path of an archive. Out: its config and metadata, or an error; and a copy with "/" where Keras 2 on Windows has
put backslashes, which no Keras reads.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfcompress.errors import ModelError
from tfcompress.model_files.config_check import MAX_BYTES, read_json
from tfcompress.model_files.hdf5 import require_own_data, require_ratio
from tfcompress.printable_names import printable

MAX_MEMBERS = 10_000
SYMLINK = 0o120000


def read_archive(path: Path) -> tuple[Any, Any, bool]:
    """Return the config and the metadata of a .keras file, and whether backslashes are in its names.

    Raises:
        ModelError: members lie outside of the archive, hold data of other files or inflate out of proportion.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _require_plain_names(path, members)
        require_ratio(sum(member.file_size for member in members), path.stat().st_size, path.name)
        config, metadata = (_json(archive, name, path) for name in ("config.json", "metadata.json"))
        weights = [_check_weights(archive, member, path) for member in members if member.filename.endswith(".h5")]
    return config, metadata, any(weights) or any("\\" in member.filename for member in members)


def _require_plain_names(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    bad = next((name for name in names if _leaves(name)), None)
    bad = bad or next((member.filename for member in members if member.external_attr >> 16 & 0o170000 == SYMLINK), None)
    if bad is not None or len(names) > MAX_MEMBERS or len(set(names)) < len(names):
        raise ModelError(
            "The members of a .keras file must be files in it, each of a name of its own.",
            received=f"{path.name} with {printable(bad) if bad is not None else f'{len(names)} members'}",
            hint="Keras writes no such file: save the model again.",
        )


def _leaves(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or not parts[0] or ":" in name or "\0" in name


def _json(archive: zipfile.ZipFile, name: str, path: Path) -> Any:
    if archive.getinfo(name).file_size > MAX_BYTES:
        read_json(b" " * (MAX_BYTES + 1), f"{path.name} with {name}")
    return read_json(archive.read(name), f"{path.name} with {name}")


def _check_weights(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> bool:
    """Return whether backslashes are in the names of the groups of weights."""
    import h5py

    with h5py.File(io.BytesIO(archive.read(member)), "r") as file:
        require_own_data(file, f"{path.name} with {printable(member.filename)}", max(member.compress_size, 1))
        return any("\\" in key for key in file)


@contextmanager
def with_forward_slashes(path: Path) -> Iterator[Path]:
    """Yield a copy of a .keras file without the backslashes of Keras 2.12 to 2.15 on Windows, where they mean "/"."""
    with tempfile.TemporaryDirectory(prefix="tfcompress_") as folder, zipfile.ZipFile(path) as archive:
        copy = Path(folder, "model.keras")
        with zipfile.ZipFile(copy, "w") as target:
            for member in archive.infolist():
                source = archive.open(member)
                if member.filename.endswith(".h5"):
                    source = _slashed(source.read())
                with source, target.open(member.filename.replace("\\", "/"), "w", force_zip64=True) as sink:
                    shutil.copyfileobj(source, sink)
        yield copy


def _slashed(content: bytes) -> io.BytesIO:
    import h5py

    result = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as old, h5py.File(result, "w") as new:
        for key in sorted(old):  # a group before the groups in it
            old.copy(old[key], new, key.replace("\\", "/"))
        new.attrs.update(old.attrs)
    result.seek(0)
    return result
