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


def test_what_cannot_be_written_is_told_before_work_begins(tmp_path):
    with pytest.raises(FileError, match="a folder"):
        files.require_writable(tmp_path)
    files.write(tmp_path / "file", b"")
    with pytest.raises(FileError, match="is a file"):
        files.require_writable(tmp_path / "file" / "below" / "a.bin")


def test_missing_folders_are_made_when_the_file_is_written(tmp_path):
    path = tmp_path / "missing" / "folders" / "a.bin"
    files.require_writable(path)
    assert os.listdir(tmp_path) == []
    assert files.write(path, b"new").read_bytes() == b"new"


def test_links_devices_and_protected_files_stay_what_they_are(tmp_path):
    real = files.write(tmp_path / "real", b"old")
    (tmp_path / "link").symlink_to(real)
    files.write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert real.read_bytes() == b"new"
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/null", tmp_path / ("a" * 300), "a\0b"):
        with pytest.raises(FileError):
            files.write(path, b"new")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
