"""Files behind a .tflite file, as a zip archive that reads from the end: Android's libraries find labels there.

In: the bytes of a file. Out: the attached files, or bytes with more of them. A file that is written anew loses them
unless they are attached again.
Source of the format: https://ai.google.dev/edge/litert/models/metadata, "Pack the associated files".
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping

from tfcompress.errors import FileError

MAX_BYTES = 64 * 2**20
"""Labels and vocabularies are far smaller; an archive may claim any size."""

BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The date of files in the archive: the same files make the same bytes."""


def attached(content: bytes) -> dict[str, bytes]:
    """Return the files behind a .tflite file by name; none where no archive is.

    Raises:
        FileError: they cannot be read, or are far too large.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError):  # none, or bytes of a constant that look like the end of one
        return {}
    found, left = {}, MAX_BYTES
    with archive:
        for entry in archive.infolist():
            if "\\" in entry.filename or {"", ".."} & {*entry.filename.split("/")[:-1]}:
                raise _unreadable(f"{entry.filename!r}, which leads out of it")
            try:
                with archive.open(entry) as file:
                    found[entry.filename] = file.read(left + 1)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, zlib.error) as error:
                raise _unreadable(f"{entry.filename!r}: {error}") from error
            left -= len(found[entry.filename])
            if left < 0:
                raise _unreadable(f"{entry.filename!r} among more than {MAX_BYTES:,} bytes")
    return found


def _unreadable(what: str) -> FileError:
    return FileError(
        f"The archive of files behind a .tflite file must be readable, and hold {MAX_BYTES:,} bytes at most.",
        received=what,
        hint="Take the archive off the file, or pack it anew.",
    )


def attach(content: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return a .tflite file with more files behind it.

    Args:
        content: A .tflite file, with an archive or without.
        files: Content by name.
    """
    if not files:
        return content
    file = io.BytesIO(content)
    file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file, "a") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, BEGINNING), data)
    return file.getvalue()
