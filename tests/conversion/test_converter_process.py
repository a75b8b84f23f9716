"""The converter process: what kills or hangs it is an error, and the next conversion works."""

import os
import signal
from pathlib import Path

import pytest

import tfcompress
from tests.models import images, small_cnn
from tfcompress.conversion import converter_process as module
from tfcompress.conversion.converter_process import ask_converter, converter_process
from tfcompress.isolation.child_process import ChildProcess, Died, NoAnswer


class Fake:
    """A child that ends in one way."""

    def __init__(self, ending):
        self._ending = ending

    def ask(self, *_):
        raise self._ending


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (Died(-signal.SIGSEGV, " | last line"), "SIGSEGV | last line.*crashed"),
        (Died(-signal.SIGKILL, ""), "SIGKILL.*want of memory"),
        (Died(3, ""), "exit code 3"),
        (NoAnswer(""), "within 5 seconds"),
    ],
)
def test_each_ending_is_an_error_with_a_cause(ending, words):
    with pytest.raises(tfcompress.ConversionError) as caught:
        ask_converter(Fake(ending), "The converter", {}, print, timeout=5)
    import re

    assert re.search(words.replace("|", r"\|"), str(caught.value))


def test_the_next_conversion_works_after_a_crash_and_a_kill(rng, monkeypatch):
    import keras

    model, x = small_cnn(keras), images(rng)
    first = tfcompress.convert(model, samples=x)
    ask = ChildProcess._ask

    def abort(self, *others):
        os.kill(self.pid, signal.SIGABRT)
        return ask(self, *others)

    with monkeypatch.context() as patch:
        patch.setattr(ChildProcess, "_ask", abort)
        with pytest.raises(tfcompress.TfcompressError, match="SIGABRT"):
            ask_converter(converter_process, "The converter", {}, print)
    converter_process.start()
    os.kill(converter_process.pid, signal.SIGKILL)
    assert tfcompress.convert(model, samples=x) == first


def test_one_process_serves_all_until_it_has_grown(rng, monkeypatch):
    import keras

    model = small_cnn(keras)
    tfcompress.convert(model, "float32")
    pid = converter_process.pid
    tfcompress.convert(model, "float16")
    assert converter_process.pid == pid
    assert converter_process._max_growth == module.MAX_GROWTH
    monkeypatch.setattr(converter_process, "_max_growth", -(2**50))
    tfcompress.convert(model, "float32")
    assert not converter_process.alive


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
