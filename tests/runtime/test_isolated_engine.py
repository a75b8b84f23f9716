"""Processes that die: they are replaced, their batch is run again, and what kills twice is named."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import tfcompress
from tests.models import images, small_cnn
from tfcompress.isolation.child_process import ChildProcess
from tfcompress.runtime.engine_pool import Pool


@pytest.fixture(scope="module")
def tflite():
    import keras

    return tfcompress.convert(small_cnn(keras), samples=images(np.random.default_rng(7)))


@pytest.fixture(scope="module")
def deadly():
    """A softmax over almost nothing: the arithmetic of the reference kernels and of TFLM aborts on it."""
    import tensorflow as tf

    logits = tf.function(lambda x: tf.nn.softmax(tf.nn.relu(x) * 1e-12), input_signature=[tf.TensorSpec((1, 8))])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([logits.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([x[np.newaxis]] for x in np.random.rand(50, 8).astype("float32"))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return tfcompress.TFLiteModel(converter.convert())


def pids(runner):
    engines = [runner._pool._idle.get() for _ in range(runner._pool.most)]
    for engine in reversed(engines):
        runner._pool._idle.put(engine)
    return [engine._process._child.pid for engine in engines if engine is not None]


@pytest.mark.parametrize("runtime", ["reference", "tflm"])
def test_a_file_that_kills_is_an_error_with_the_op(deadly, runtime):
    with pytest.raises(tfcompress.RunError, match=r"SIGABRT.*SOFTMAX v"):
        tfcompress.Runner(deadly, runtime=runtime)


def test_a_worker_that_dies_is_replaced_and_its_batch_run_again(tflite, rng):
    x = images(rng, 300)
    runner = tfcompress.Runner(tflite, workers=2)
    expected = runner.predict(x)
    for pid in pids(runner):
        os.kill(pid, signal.SIGKILL)
    with pytest.warns(tfcompress.TfcompressWarning, match="SIGKILL.*run again"):
        np.testing.assert_array_equal(runner.predict(x), expected)


def test_a_worker_that_dies_amid_the_work_costs_nothing(tflite, rng):
    x = images(rng, 600)
    expected = tfcompress.Runner(tflite).predict(x)
    runner = tfcompress.Runner(tflite, workers=2)

    def stream():
        for number, row in enumerate(x):
            if number == 400:
                os.kill(pids(runner)[0], signal.SIGSEGV)
            yield row

    with pytest.warns(tfcompress.TfcompressWarning, match="run again"):
        np.testing.assert_array_equal(runner.predict(stream()), expected)


def test_what_dies_twice_is_reported(tflite, rng, monkeypatch):
    runner = tfcompress.Runner(tflite, runtime="reference")
    ask = ChildProcess._ask

    def killed(self, child, request, *others):
        if request["what"] == "run":
            os.kill(self.pid, signal.SIGSEGV)
        return ask(self, child, request, *others)

    monkeypatch.setattr(ChildProcess, "_ask", killed)
    with pytest.warns(tfcompress.TfcompressWarning), pytest.raises(tfcompress.RunError, match=r"SIGSEGV.*CONV_2D"):
        runner.predict(images(rng, 3))
    monkeypatch.undo()
    assert runner.predict(images(rng, 3)).shape == (3, 10), "the runner itself is unharmed"


def test_an_error_in_a_process_leaves_it_usable():
    import tensorflow as tf

    gather = tf.function(
        lambda x: tf.gather(tf.constant([[1.0], [2.0]]), tf.cast(x, tf.int32)), input_signature=[tf.TensorSpec((1, 3))]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([gather.get_concrete_function()])
    tflite = tfcompress.TFLiteModel(converter.convert())
    for runtime in ("litert", "tflm"):
        runner = tfcompress.Runner(tflite, runtime=runtime)
        (pid,) = pids(runner)
        with pytest.raises(tfcompress.RunError, match="GATHER"):
            runner.predict(np.full((2, 3), 7.0))
        assert runner.predict(np.ones((2, 3))).ravel().tolist() == [2] * 6
        assert pids(runner) == [pid]


def test_no_process_outlives_its_runner(tflite, rng):
    runner = tfcompress.Runner(tflite, runtime="tflm", workers=2)
    runner.predict(images(rng, 200))
    children = pids(runner)
    assert children
    del runner
    for pid in children:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_missing_wheel_is_told_with_the_pip_line(tflite, tmp_path, monkeypatch):
    (tmp_path / "tflite_micro.py").write_text("raise ImportError")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(tfcompress.MissingPackageError, match=r"pip install 'tfcompress\[micro\]'"):
        tfcompress.Runner(tflite, runtime="tflm")


def test_results_keep_the_order_of_the_batches():
    def late(engine, number):
        time.sleep(0.02 * (number % 3 == 0))
        return number

    assert [*Pool(object, 3).map(late, range(20))] == [*range(20)]


def test_no_more_than_a_few_batches_wait():
    taken = []
    results = Pool(object, 2).map(lambda engine, number: number, (taken.append(i) or i for i in range(100)))
    for _ in range(5):
        next(results)
    assert len(taken) <= 5 + 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_threads_of_a_runner_end_with_it(tflite, rng):
    before = threading.active_count()
    runner = tfcompress.Runner(tflite, workers=2)
    runner.predict(images(rng, 200))
    children = pids(runner)
    assert children
    del runner
    assert all(not Path(f"/proc/{pid}").exists() for pid in children)
    for _ in range(100):
        if threading.active_count() <= before:
            return
        time.sleep(0.05)
    pytest.fail("threads outlive the runner")
