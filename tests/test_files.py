import os
import stat

import pytest

from tfcompress import files
from tfcompress.errors import FileError


def test_content_arrives_and_nothing_else_is_left(tmp_path):
    path = files.write(tmp_path / "a.bin", b"one")
    files.write(path, "two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_failed_write_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = files.write(tmp_path / "a.bin", b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left"):
        files.write(path, b"new content")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_permissions_stay_as_they_were(tmp_path):
    path = files.write(tmp_path / "a.bin", b"old")
    path.chmod(0o640)
    files.write(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_folder_and_a_missing_folder_are_told_before_work_begins(tmp_path):
    with pytest.raises(FileError, match="the folder"):
        files.require_writable(tmp_path)
    with pytest.raises(FileError, match="mkdir -p"):
        files.require_writable(tmp_path / "missing" / "a.bin")
