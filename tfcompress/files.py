"""Files are written whole or not at all.

In: a path and its content. Out: the file. An existing file stays as it was until the new one is complete.
"""

from __future__ import annotations

import errno
import os
import tempfile
from os import PathLike
from pathlib import Path

from tfcompress.errors import FileError, SettingError


def require_writable(path: str | PathLike[str]) -> Path:
    """Raise `FileError` unless a file can be written at `path`, or in a folder to be made; call it before long work."""
    try:
        # Before Python 3.13 a loop of links is a RuntimeError, where the path is resolved in strict mode or not.
        path = Path(path).resolve() if Path(path).is_symlink() else Path(path)
        if path.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        is_folder, exists, is_plain = path.is_dir(), path.exists(), path.is_file()
        folder = next(one for one in path.parents if one.exists())
        is_in_folder = folder.is_dir()
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise FileError("The path of a file is needed.", received=f"{str(path)[:200]!r}: {error}") from error
    if is_folder or (exists and not is_plain):
        raise FileError("The path of a file is needed.", received=f"{path}, a folder or a device")
    if exists and not os.access(path, os.W_OK):
        raise FileError("The output file must be writable.", received=f"{path}, which is read-only")
    if not is_in_folder:
        raise FileError("An output file must lie in a folder.", received=f"{path}, where {folder} is a file")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error
    return path


def require_plain_name(name: str) -> None:
    """Raise `SettingError` unless files can be named after `name` without leaving their folder."""
    plain = isinstance(name, str) and name.isprintable() and name not in {"", ".", ".."} and len(name) < 200
    if not plain or any(letter in '/\\:*?"<>|' for letter in name):
        raise SettingError(
            "name must be how the names of files begin, without a path.",
            received=repr(name)[:200],
            hint="Name the folder in `folder`, and the files in `name`, such as model.",
        )


def write(path: str | PathLike[str], content: bytes | str) -> Path:
    """Write a file beside its place, then rename it into it; its folder is made where there is none.

    Raises:
        FileError: the path cannot be written; what was there is untouched.
    """
    path = require_writable(path)
    data = content.encode() if isinstance(content, str) else content
    beside = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, mode)
        os.replace(beside, path)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error
    finally:
        if beside and os.path.exists(beside):
            os.unlink(beside)
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unwritable(path: Path, error: OSError | ValueError) -> FileError:
    return FileError(
        "The output path must be writable.",
        received=f"{path}: {getattr(error, 'strerror', None) or error}",
        hint="Choose another path or free the place; an existing file there was not changed.",
    )
