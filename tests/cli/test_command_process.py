"""The process of a command: no noise, no notebook, one line after Ctrl-C."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_cli import ROOT
from tests.models import images, small_cnn

NOTEBOOK = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import keras

    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("command")
    model, x = small_cnn(keras), images(np.random.default_rng(0), 60)
    model.save(folder / "model.keras")
    np.savez(folder / "x.npz", x=x)
    return folder


def hear_ctrl_c():
    """For `preexec_fn`: what is started in the background of a shell has it ignored, and so have its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def begin(*arguments, cwd):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")} | NOTEBOOK
    words = [sys.executable, "-m", "tfcompress", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "bufsize": 1}
    return subprocess.Popen(words, cwd=cwd, env=environment, preexec_fn=hear_ctrl_c, **pipes)


def test_nothing_but_our_own_lines_on_stderr(folder):
    tflite = ROOT / "tflite_models" / "digits_keras_int8.tflite"
    done = begin("report", "model.keras", tflite, "--data", "x.npz", "-o", "page.html", cwd=folder)
    _, said = done.communicate(timeout=200)
    assert done.returncode == 0, said
    assert all(line.startswith("tfcompress: ") for line in said.splitlines()), said
    assert "<svg" in (folder / "page.html").read_text() or "data:image" in (folder / "page.html").read_text()


def test_ctrl_c_is_one_line_and_130(folder):
    command = begin("convert", "model.keras", "--samples", "x.npz", "-o", "m.tflite", cwd=folder)
    assert "loaded" in command.stderr.readline()
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=100)
    assert said.splitlines() == ["tfcompress: interrupted"]
    assert command.returncode == 130
    assert not (folder / "m.tflite").exists()


def test_ctrl_c_ends_a_command_whose_libraries_drop_the_exception():
    code = """
import contextlib, dataclasses, sys, time
from tfcompress.cli import main
def run(arguments):
    with contextlib.suppress(KeyboardInterrupt):
        print("begun", flush=True)
        time.sleep(250)
    time.sleep(250)
main.COMMANDS["inspect"] = dataclasses.replace(main.COMMANDS["inspect"], run=run)
main.MAX_SECONDS_TO_STOP = 0.1
sys.argv = ["tfcompress", "inspect", "model.tflite"]
main.main()
"""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": hear_ctrl_c}
    command = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **pipes)
    assert command.stdout.readline() == b"begun\n"
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=100)
    assert said.splitlines() == [b"tfcompress: interrupted"]
    assert command.returncode == 130


def test_a_notebook_s_backend_reaches_no_child(monkeypatch):
    from tfcompress.isolation.child_process import ChildProcess

    monkeypatch.setenv("MPLBACKEND", NOTEBOOK["MPLBACKEND"])
    child = ChildProcess("tfcompress.runtime.run_child:start")
    child.start()
    assert b"MPLBACKEND" not in Path(f"/proc/{child.pid}/environ").read_bytes()
    child.end()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_behind_stdout_is_an_error_of_one_line():
    tflite = ROOT / "tflite_models" / "digits_keras_int8.tflite"
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-m", "tfcompress", "inspect", str(tflite)]
        done = subprocess.run(words, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [done.stderr.strip()]
    assert "room" in done.stderr
