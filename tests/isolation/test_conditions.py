"""What a process may lack: room, open files, memory, a Python of its own, a parent that goes on."""

import importlib.util
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tfcompress
from tests.isolation.test_child_process import SHORT
from tfcompress import temporary_files
from tfcompress.isolation import start_child
from tfcompress.isolation.child_process import ChildProcess, Died

ROOT = Path(tfcompress.__file__).parent.parent
MICRO = importlib.util.find_spec("tflite_micro") is not None
DIGITS = ROOT / "tflite_models" / "digits_keras_int8.tflite"
X = np.random.default_rng(0).random((40, 8, 8, 1), dtype=np.float32)


def python(code, **more):
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_nothing_outlives_a_caller_that_is_killed():
    caller = python(
        f"""
import sys, threading, time
from pathlib import Path
from tfcompress.isolation.child_process import ChildProcess
content = Path({str(DIGITS)!r}).read_bytes()
request = {{"what": "timed", "content": content, "runtime": "litert", "threads": 1, "seconds": 600.0}}
children = [ChildProcess("tfcompress.runtime.run_child:start") for _ in range(3)]
for child in children:
    starter = threading.Thread(target=child.start)  # a thread that ends, which must not end the child
    starter.start()
    starter.join()
    threading.Thread(target=child.ask, args=(request, 900)).start()
while not all(child._child.is_ready for child in children):
    time.sleep(0.05)
time.sleep(0.5)
assert all(child.alive for child in children)
print(*[child.pid for child in children], flush=True)
"""
    )
    pids = caller.stdout.readline().split()
    assert len(pids) == 3, caller.stderr.read()
    caller.kill()
    caller.communicate()
    until = time.monotonic() + 10
    while left := [pid for pid in pids if is_running(pid)]:
        assert time.monotonic() < until, f"{left} live on"
        time.sleep(0.1)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_frozen_program_does_not_start_itself(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(tfcompress.RunError, match=r"a frozen or embedded program.*ordinary Python"):
        ChildProcess("tfcompress.runtime.run_child:start").ask(SHORT, 60)
    monkeypatch.undo()
    monkeypatch.setenv(start_child.MARK, "1")  # what a program finds that was started in place of a Python
    with pytest.raises(tfcompress.RunError, match="a frozen or embedded program"):
        ChildProcess("tfcompress.runtime.run_child:start").ask(SHORT, 60)


def test_a_child_may_start_children_of_its_own():
    child = ChildProcess("tfcompress.runtime.run_child:start")
    child.ask(SHORT, 60)
    assert start_child.MARK in Path(f"/proc/{child.pid}/environ").read_text(), "as it was started"


def test_the_current_folder_is_on_the_path_only_where_it_is_named(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", os.pathsep)
    assert str(tmp_path) not in start_child.search_path()
    assert str(Path(np.__file__).parent.parent) in start_child.search_path()
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}")
    assert str(tmp_path) in start_child.search_path()


def test_more_than_a_thousand_open_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        assert tfcompress.Runner(DIGITS, workers=1).predict(X).shape == (40, 10)
    finally:
        for file in files:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_limit_of_the_address_space_is_kept():
    targets = ("cpu", "tflm") if MICRO else ("cpu",)
    code = f"""
import numpy, tfcompress
for target in {targets}:
    print(tfcompress.check({str(DIGITS)!r}, target).passed)
print(tfcompress.Runner({str(DIGITS)!r}, runtime="reference", workers=1).predict(numpy.zeros((2, 8, 8, 1))).shape)
"""
    limit = (1200 << 20, 1200 << 20)  # less than three times the arena that TFLM takes elsewhere
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    process = python(code, env=environment, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit))
    out, err = process.communicate(timeout=200)
    assert out.split() == [*["True"] * len(targets), "(2,", "10)"], err


def test_a_limit_of_the_address_space_is_named_where_it_may_have_killed():
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**45, limits[1]))
    try:
        assert "under a limit of 33,554,432 MB of address space (ulimit -v)" in str(Died(-signal.SIGABRT, ""))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_no_stderr_is_no_error():
    code = f"""
import os, sys
os.close(2)
sys.stderr = None
import numpy as np, tfcompress
print(tfcompress.Runner({str(DIGITS)!r}, runtime="reference", workers=1).predict(np.zeros((2, 8, 8, 1))).shape)
"""
    out, _ = python(code).communicate(timeout=200)
    assert out.strip() == "(2, 10)"


def test_no_room_for_temporary_files_is_one_error(monkeypatch, tmp_path):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(tfcompress.FileError, match="Set the environment variable TMPDIR"):
        tfcompress.Runner(DIGITS, runtime="tflm", workers=1)
    with pytest.raises(tfcompress.FileError, match="TMPDIR"), temporary_files.temporary_folder():
        pass
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary_files, "MIN_ROOM", 2**80)

    def fill():
        with temporary_files.temporary_folder() as folder:
            (folder / "samples").write_bytes(b"0")
            raise ValueError("some words of another library about a full disk")

    with pytest.raises(tfcompress.FileError, match="TMPDIR"):
        fill()
    assert not [*tmp_path.iterdir()]


def test_what_killed_processes_left_is_cleared(monkeypatch, tmp_path):
    code = """
import os, signal, sys
from tfcompress.temporary_files import temporary_folder
with temporary_folder() as folder:
    (folder / "input_0").write_bytes(bytes(1000))
    print(folder, flush=True)
    if sys.argv[1:] == ["die"]: os.kill(os.getpid(), signal.SIGTERM)
    sys.stdin.read()
"""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    arguments = {"cwd": ROOT, "env": environment, "stdout": subprocess.PIPE, "text": True}
    dead = subprocess.Popen([sys.executable, "-c", code, "die"], **arguments)
    living = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, **arguments)
    left, kept = Path(dead.stdout.readline().strip()), Path(living.stdout.readline().strip())
    assert dead.wait() == -signal.SIGTERM
    foreign = tmp_path / "tfcompress-of-somebody"
    foreign.mkdir()
    assert (left / "input_0").exists()
    monkeypatch.setattr(temporary_files.tempfile, "tempdir", str(tmp_path))
    temporary_files.sweep()
    assert left.exists(), "too young to be judged"
    monkeypatch.setattr(temporary_files, "MIN_SECONDS", -1.0)
    temporary_files.sweep()
    assert not left.exists()
    assert (kept / "input_0").exists()
    assert foreign.exists()
    living.communicate("")
    assert not kept.exists()
