"""Children that die, hang or meet a fork: what their parent makes of it."""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import tfcompress
from tfcompress.isolation import child_process
from tfcompress.isolation.child_process import ChildProcess, Died, NoAnswer, telling
from tfcompress.isolation.find_crash import find_crash

CONTENT = (Path(__file__).parent.parent.parent / "tflite_models" / "digits_keras_int8.tflite").read_bytes()
SHORT = {"what": "timed", "content": CONTENT, "runtime": "litert", "threads": 1, "seconds": 0.0}
LONG = SHORT | {"seconds": 60.0}


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(params=[False, True], ids=["without state", "with state"])
def child(request):
    made = ChildProcess("tfcompress.runtime.run_child:start", has_state=request.param)
    yield made
    made.end()


def kill_soon(child, number, times=1):
    """Kill the child amid the next requests."""

    def kill():
        killed = set()
        while len(killed) < times:
            time.sleep(0.05)
            inner = child._child
            if inner is not None and inner.is_ready and inner.process.pid not in killed:
                time.sleep(0.1)
                killed.add(inner.process.pid)
                os.kill(inner.process.pid, number)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_a_crash_is_told_with_its_signal(child):
    thread = kill_soon(child, signal.SIGSEGV)
    with pytest.raises(Died, match="SIGSEGV"):
        child.ask(LONG, 60)
    thread.join()
    assert not child.alive


def test_a_child_killed_from_outside_is_tried_anew():
    child = ChildProcess("tfcompress.runtime.run_child:start")
    thread = kill_soon(child, signal.SIGKILL)
    assert len(child.ask(SHORT | {"seconds": 2.0}, 60)) >= 3
    thread.join()
    thread = kill_soon(child, signal.SIGKILL, times=2)
    with pytest.raises(Died, match="SIGKILL: killed from outside, most likely for want of memory"):
        child.ask(LONG, 60)
    thread.join()


def test_a_crash_after_other_requests_is_tried_anew(child):
    child.ask(SHORT, 60)
    first = child.pid
    thread = kill_soon(child, signal.SIGABRT)
    if child._has_state:
        with pytest.raises(Died, match="SIGABRT"):
            child.ask(SHORT | {"seconds": 2.0}, 60)
        with pytest.raises(Died):
            child.ask(SHORT, 60)
    else:
        assert len(child.ask(SHORT | {"seconds": 2.0}, 60)) >= 3
        assert child.pid != first
    thread.join()


def test_a_hang_is_told_and_leaves_nothing_behind(child):
    child.ask(SHORT, 60)
    pid = child.pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(NoAnswer):
        child.ask(SHORT | {"content": bytes(2**22)}, 0.3)  # more than a pipe holds
    assert not alive(pid)


def test_an_error_of_the_child_is_raised_here_and_leaves_it_usable(child):
    with pytest.raises(tfcompress.FileError, match="TFL3"):
        child.ask(SHORT | {"content": b"no file"}, 60)
    assert len(child.ask(SHORT, 60)) >= 3


def test_ctrl_c_leaves_nothing_behind(child, monkeypatch):
    child.ask(SHORT, 60)
    pid = child.pid

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(child_process.message_format, "receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            child.ask(SHORT, 60)
    assert not alive(pid)


def test_a_child_that_has_grown_is_replaced(monkeypatch):
    child = ChildProcess("tfcompress.runtime.run_child:start", max_growth=-(2**50))
    child.ask(SHORT, 60)
    assert child.pid is None
    child.ask(SHORT, 60)


def test_a_child_that_cannot_start_is_told():
    child = ChildProcess("tfcompress.no_such_module:start")
    with pytest.raises(tfcompress.RunError, match=r"must start.*no_such_module"):
        child.ask({}, 60)


def test_only_tfcompress_is_served():
    with pytest.raises(tfcompress.RunError, match="is not of tfcompress"):
        ChildProcess("os:getcwd").ask({}, 60)


def test_lines_that_say_nothing_are_left_out():
    assert telling("INFO: Created TensorFlow Lite XNNPACK delegate.\nfirst\n\nsecond\nfirst\n") == " | first | second"


@pytest.mark.parametrize("dead", [None, 0, 5, 9])
def test_the_crash_is_found_by_halves(dead):
    asked = []

    def survives(count):
        asked.append(count)
        return dead is None or count <= dead

    assert find_crash(10, survives) == dead
    assert len(asked) <= 6


def test_values_pass_the_wire_as_they_are():
    import io

    from tfcompress.isolation import message_format

    arrays = [np.arange(6, dtype="int8").reshape(2, 3), np.float32([[np.nan]]), np.zeros((0, 2)), np.array(True)]
    pipe = io.BytesIO()
    message_format.send(
        pipe, {"arrays": arrays, "content": b"\x00\xff", "dict": {"array": [1, None, "ü"]}, "shape": (1, 2)}
    )
    pipe.seek(0)
    found = message_format.receive(pipe)
    for array, other in zip(arrays, found.pop("arrays"), strict=True):
        np.testing.assert_array_equal(array, other)
        assert array.dtype == other.dtype
    assert found == {"content": b"\x00\xff", "dict": {"array": [1, None, "ü"]}, "shape": [1, 2]}
    with pytest.raises(EOFError):
        message_format.receive(pipe)
