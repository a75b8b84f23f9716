"""Files are written whole or not at all.

In: a path and its content. Out: the file. An existing file stays as it was until the new one is complete.
Knows nothing of formats.
"""

from __future__ import annotations

import os
import tempfile
from os import PathLike
from pathlib import Path

from tfcompress.errors import FileError


def require_writable(path: str | PathLike[str]) -> Path:
    """Raise `FileError` unless a file can be written at `path`; call it before long work."""
    path = Path(path)
    if path.is_dir():
        raise FileError("The path of a file is needed.", received=f"the folder {path}")
    if not path.parent.is_dir():
        raise FileError(
            "The folder of an output file must exist.",
            received=f"{path}, in the missing folder {path.parent}",
            todo=f"Create it: mkdir -p {path.parent}",
        )
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def write(path: str | PathLike[str], content: bytes | str) -> Path:
    """Write a file beside its place, then rename it into it.

    Raises:
        FileError: the path cannot be written; what was there is untouched.
    """
    path = require_writable(path)
    data = content.encode() if isinstance(content, str) else content
    beside = ""
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, mode)
        os.replace(beside, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if beside and os.path.exists(beside):
            os.unlink(beside)
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unwritable(path: Path, error: OSError) -> FileError:
    return FileError(
        "The output path must be writable.",
        received=f"{path}: {error.strerror or error}",
        todo="Choose another path or free the place; an existing file there was not changed.",
    )
