"""Messages and tables, whatever the streams are: another encoding, closed, a notebook, a pipe that nobody reads."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfcompress.console import make_streams_safe, progress, say

MODEL = Path(__file__).parent.parent / "tflite_models" / "digits_keras_int8.tflite"
COMMAND = [sys.executable, "-m", "tfcompress"]


class Broken(io.StringIO):
    """A pipe that nobody reads."""

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, closed(), Broken()], ids=["none", "closed", "broken"])
def test_work_goes_on_without_stderr(stream, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream)
    say("text")
    with progress("working", 2) as advance:
        advance()
        advance(1, stage="resting")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_what_a_stream_cannot_show_is_replaced(encoding, monkeypatch):
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding=encoding))
    monkeypatch.setattr(sys, "stderr", None)
    make_streams_safe()
    print("│ conv → größe 層 \udc80")
    sys.stdout.flush()
    printed = content.getvalue().decode(encoding)
    assert "conv" in printed
    if encoding == "ascii":
        assert printed == "| conv -> gr\\xf6\\xdfe \\u5c64 \\udc80\n"
    else:
        assert "größe" in printed


@pytest.mark.parametrize(
    "arguments",
    [["inspect", str(MODEL)], ["check", str(MODEL), "--target", "cpu"], ["check", "größe→", "--target", "cpu"]],
)
def test_commands_print_in_ascii(arguments):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, env=environment, timeout=300)
    expected = 2 if "größe→" in arguments else 0
    assert done.returncode == expected, done.stderr
    assert b"Traceback" not in done.stderr
    assert (done.stdout + done.stderr).isascii()


@pytest.mark.skipif(os.name != "posix", reason="streams are closed by the shell")
def test_closed_streams_and_pipes_that_nobody_reads():
    command = " ".join([*COMMAND, "inspect", str(MODEL)])
    for redirection, code in (("2>&-", 0), (">&-", 0), (">&- 2>&-", 0)):
        done = subprocess.run(["sh", "-c", f"{command} {redirection}"], capture_output=True, timeout=300)
        assert done.returncode == code, redirection
        assert not done.stderr
    started = subprocess.Popen([*COMMAND, "inspect", str(MODEL)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    started.stdout.close()
    assert started.stderr.read() == b""
    assert started.wait(timeout=300) in (0, 141)
