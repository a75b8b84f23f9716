import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfcompress
from tfcompress.isolation.child_process import ChildProcess
from tfcompress.litert.flatbuffer import pack
from tfcompress.litert.write_metadata import rewrite
from tfcompress.runtime import run_once, timeouts

DIGITS = Path(__file__).parent.parent.parent / "tflite_models" / "digits_keras_int8.tflite"


def changed(change):
    model = schema.ModelT.InitFromPackedBuf(DIGITS.read_bytes(), 0)
    change(model)
    return tfcompress.TFLiteModel(pack(model))


def narrow_softmax(model):
    """What an untrained classifier gets: a range so narrow that the reference kernels abort on its scale."""
    graph = model.subgraphs[0]
    graph.tensors[graph.operators[-1].inputs[0]].quantization.scale = [1e-30]


def test_a_file_that_kills_the_kernels_is_an_error_that_names_signal_and_op():
    with pytest.raises(
        tfcompress.RunError, match=r"SIGABRT.* in SOFTMAX v2 \(op 6, layer 'digit'\).*Your process is unharmed"
    ):
        tfcompress.Runner(changed(narrow_softmax), runtime="reference")
    assert tfcompress.Runner(DIGITS, runtime="reference").predict(np.zeros((2, 8, 8, 1))).shape == (2, 10)


def looping(condition):
    """A file that goes on as long as its input fulfils a condition."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32)])
    def loop(x):
        return tf.while_loop(lambda v: condition(tf.reduce_max(v)), lambda v: (v * 1.0,), [x])[0]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([loop.get_concrete_function()])
    return tfcompress.TFLiteModel(rewrite(converter.convert(), {}, {"a": 1}))  # any manifest, which proves nothing


def test_a_file_without_end_is_given_up(monkeypatch):
    tflite = looping(lambda most: most < 1e9)
    monkeypatch.setattr(timeouts, "SECONDS", 2.0)
    for runtime in ("litert", "reference"):
        with pytest.raises(tfcompress.RunError, match="no end after 2 seconds"):
            tfcompress.Runner(tflite, runtime=runtime)
    begin = time.monotonic()
    assert not tfcompress.check(tflite, "cpu").passed
    assert time.monotonic() - begin < 30, "all ops together have the time of the file"
    assert tfcompress.Runner(DIGITS).predict(np.zeros((2, 8, 8, 1))).shape == (2, 10)


def test_a_file_without_end_on_some_data_alone_hangs_no_one(monkeypatch):
    runner = tfcompress.Runner(looping(lambda most: most > 0))
    assert runner.predict(np.zeros((3, 4))).tolist() == [[0] * 4] * 3
    monkeypatch.setattr(timeouts, "SECONDS", 1.0)
    runner = tfcompress.Runner(runner.tflite, workers=1)
    with pytest.raises(tfcompress.RunError, match="no end after 1 seconds"):
        runner.predict(np.ones((200, 4)))
    assert runner.predict(np.zeros((3, 4))).tolist() == [[0] * 4] * 3


def test_a_kill_from_outside_is_no_fault_of_the_file(monkeypatch):
    ask, killed = ChildProcess._ask, []

    def kill_once(self, *others):
        if not killed:
            killed.append(self.pid)
            os.kill(self.pid, signal.SIGKILL)
        return ask(self, *others)

    monkeypatch.setattr(ChildProcess, "_ask", kill_once)
    assert tfcompress.check(DIGITS, "cpu").passed
    killed.clear()
    assert tfcompress.Runner(DIGITS, runtime="tflm", workers=1).predict(np.zeros((2, 8, 8, 1))).shape == (2, 10)
    assert killed


def test_more_memory_than_there_is_is_an_error():
    def huge(model):
        for tensor in model.subgraphs[0].tensors:
            if model.buffers[tensor.buffer].data is None and len(tensor.shape) == 4:
                # over 2 ** 47 bytes: more than a process can address, however much the machine promises
                tensor.shape = tensor.shapeSignature = [1, 20_000_000, 20_000_000, tensor.shape[3]]

    file = changed(huge)
    assert file.inputs[0].shape == (1, 20_000_000, 20_000_000, 1)
    with pytest.raises(tfcompress.RunError):
        tfcompress.Runner(file)


def test_a_file_is_run_elsewhere_once_for_each_choice_of_kernels(monkeypatch):
    asked = []
    original = run_once._child.ask

    def ask(request, seconds):
        asked.append(request["runtime"])
        return original(request, seconds)

    monkeypatch.setattr(run_once._child, "ask", ask)
    monkeypatch.setattr(run_once, "_survived", set())
    for _ in range(3):
        for runtime in ("litert", "reference"):
            tfcompress.Runner(tfcompress.load(DIGITS), runtime=runtime)
    assert asked == ["litert", "reference"]


def test_a_manifest_is_no_reason_to_trust():
    forged = changed(narrow_softmax)
    assert forged.manifest["tfcompress"]
    with pytest.raises(tfcompress.RunError, match="SIGABRT"):
        tfcompress.Runner(forged, runtime="reference")


def test_what_takes_no_numbers_cannot_be_run():
    def strings(model):
        graph = model.subgraphs[0]
        graph.tensors[graph.inputs[0]].type = schema.TensorType.STRING

    with pytest.raises(tfcompress.RunError, match="take and give numbers"):
        tfcompress.Runner(changed(strings))

    def none(model):
        model.subgraphs[0].outputs = []
        model.signatureDefs = None

    for runtime in ("litert", "reference", "tflm"):
        with pytest.raises(tfcompress.RunError, match="1 inputs and 0 outputs"):
            tfcompress.Runner(changed(none), runtime=runtime)
