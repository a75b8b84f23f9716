"""Temporary files and folders: those of processes that died are cleared, and no room for them is one error.

In: nothing. Out: a folder that lives as long as a block, or a file without a name.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tfcompress.errors import FileError

PREFIX = "tfcompress-"
LOCK = ".in-use"
"""A file in each folder that its process holds locked; the system lets go of it when the process ends, however."""
MIN_SECONDS = 60.0
"""Younger folders are left alone: their process may be about to lock them."""
MIN_ROOM = 2**20


def temporary_file() -> IO[bytes]:
    """Return a file without a name, gone when it is closed.

    Raises:
        FileError: there is no room.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise _no_room(error) from error


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder that is removed with all that is in it when the block ends.

    Raises:
        FileError: there is no room, at first or later.
    """
    sweep()
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = (folder / LOCK).open("wb")
    except OSError as error:
        raise _no_room(error) from error
    try:
        _try_lock(lock)
        yield folder
    except Exception as error:
        with suppress(OSError):
            if shutil.disk_usage(folder).free < MIN_ROOM:  # whoever wrote there says so in words of its own
                raise _no_room(error) from error
        raise
    finally:
        lock.close()
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove the folders of processes that ended without doing so: killed, or out of power."""
    with suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with suppress(OSError):
                if _is_left_behind(folder):
                    shutil.rmtree(folder, ignore_errors=True)


def _is_left_behind(folder: Path) -> bool:
    facts = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or time.time() - facts.st_mtime < MIN_SECONDS:
        return False
    if hasattr(os, "getuid") and facts.st_uid != os.getuid():
        return False
    with (folder / LOCK).open("r+b") as lock:  # a folder without it is none of ours
        if os.name != "nt":
            return _try_lock(lock)
    (folder / LOCK).unlink()  # Windows removes no file that a process has open
    return True


def _try_lock(file: IO[bytes]) -> bool:
    """Lock a file until it is closed; False where another process holds it, or where there are no locks."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _no_room(error: Exception) -> FileError:
    return FileError(
        "Room for temporary files is needed.",
        received=" ".join(str(error).split())[:300],
        hint="Set the environment variable TMPDIR to a folder that exists, is yours and has some hundred MB free.",
    )
