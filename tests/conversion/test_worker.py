"""The child process: what kills or hangs it is an error, and the next conversion works."""

import os
import signal
from pathlib import Path

import pytest

import tfcompress
from tests.models import images, small_cnn
from tfcompress.conversion import worker as module
from tfcompress.conversion.worker import Worker, worker


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def child():
    own = Worker()
    own.start()
    yield own
    own.stop()


REQUEST = {
    "folder": "/nonexistent",
    "quantization": "float32",
    "io": "float32",
    "method": "minmax",
    "calibration": None,
    "extra_ops": False,
    "requantize": False,
    "mixture": {"paths": [], "root": "m", "keep_float": [], "keep_int16": [], "ends": []},
}


@pytest.mark.parametrize(("number", "cause"), [(signal.SIGSEGV, "crashed"), (signal.SIGKILL, "want of memory")])
def test_a_death_by_signal_is_an_error_with_a_cause(child, number, cause):
    os.kill(child._process.pid, number)
    with pytest.raises(tfcompress.ConversionError) as caught:
        child.convert(REQUEST, lambda _: None)
    assert number.name in str(caught.value)
    assert cause in str(caught.value)


def test_a_hang_is_an_error_and_leaves_nothing_behind(child):
    pid = child._process.pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(tfcompress.ConversionError, match=r"within 0\.2 seconds"):
        child.convert(REQUEST, lambda _: None, timeout=0.2)
    assert not alive(pid)


def test_the_next_conversion_works_after_a_crash(rng, monkeypatch):
    import keras

    model, x = small_cnn(keras), images(rng)
    first = tfcompress.convert(model, samples=x)
    send = Worker._send

    def abort(self, request):
        os.kill(self._process.pid, signal.SIGABRT)
        send(self, request)

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "_send", abort)
        with pytest.raises(tfcompress.ConversionError, match="SIGABRT"):
            tfcompress.convert(model, samples=x)
    assert tfcompress.convert(model, samples=x) == first


def test_a_child_that_died_between_conversions_is_replaced(rng):
    import keras

    model, x = small_cnn(keras), images(rng)
    first = tfcompress.convert(model, samples=x)
    os.kill(worker._process.pid, signal.SIGKILL)
    worker._process.wait()
    assert tfcompress.convert(model, samples=x) == first


def test_ctrl_c_leaves_nothing_behind(rng, monkeypatch):
    import keras

    model, x = small_cnn(keras), images(rng)
    tfcompress.convert(model, samples=x)
    pid = worker._process.pid
    asked = []

    def interrupt(*_, **__):
        asked.append(True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "_answer", interrupt)
        with pytest.raises(KeyboardInterrupt):
            tfcompress.convert(model, samples=x)
    assert asked
    assert not alive(pid)
    assert tfcompress.convert(model, samples=x).size > 0


def test_one_child_serves_all_until_it_has_grown(rng, monkeypatch):
    import keras

    model = small_cnn(keras)
    tfcompress.convert(model, "float32")
    pid = worker._process.pid
    tfcompress.convert(model, "float16")
    assert worker._process.pid == pid
    monkeypatch.setattr(module, "MOST_GROWTH", -(2**40))
    tfcompress.convert(model, "float32")
    assert not alive(pid)


def test_the_child_ends_with_its_parent(tmp_path):
    import subprocess
    import sys

    code = (
        "import time; from tfcompress.conversion.worker import worker; worker.start();"
        "print(worker._process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(600):
        if not alive(pid) or "Z" in Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0]:
            break
        import time

        time.sleep(0.1)
    else:
        pytest.fail("the child outlived its parent by a minute")


@pytest.mark.slow
def test_the_memory_of_the_parent_does_not_grow(rng):
    import gc

    import keras

    def memory():
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    model, x = small_cnn(keras), images(rng)
    for _ in range(10):
        tfcompress.convert(model, samples=x)
    before = memory()
    for _ in range(50):
        tfcompress.convert(model, samples=x)
    assert memory() - before < 50, "megabytes"
