"""Each sample starts in the initial state, on every runtime, unless a sequence is asked for."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tfcompress
from tests.models import accumulator
from tfcompress.litert.stateful_ops import has_state, reset_restores_on_tflm, resource_variables
from tfcompress.runtime.engine import runtime_of

RUNTIMES = ["litert", "reference", "tflm"]


@pytest.fixture(scope="module")
def streaming():
    return accumulator(5.0)


@pytest.fixture(scope="module")
def recurrent():
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6, 3)), keras.layers.LSTM(4), keras.layers.Dense(2)])
    x = np.random.default_rng(0).normal(size=(60, 6, 3)).astype("float32")
    return tfcompress.convert(model, samples=x), x


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("workers", [None, 2])
def test_resource_variables_are_as_at_the_beginning_for_each_sample(streaming, runtime, workers):
    assert has_state(streaming)
    assert resource_variables(streaming) == 1
    runner = tfcompress.Runner(streaming, runtime=runtime, workers=workers)
    x = np.arange(40, dtype=np.float32)[:, np.newaxis] * np.ones((1, 2), np.float32)
    for _ in range(2):  # whatever ran before
        np.testing.assert_array_equal(runner.predict(x), x + 5)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_sequence_keeps_its_state_and_begins_anew_in_the_next_call(streaming, runtime):
    runner = tfcompress.Runner(streaming, runtime=runtime)
    x = np.ones((600, 2), np.float32)  # several batches
    runner.predict(x[:3])
    for _ in range(2):
        found = runner.predict(x, keep_state=True)
        np.testing.assert_array_equal(found[:, 0], 5 + np.arange(1, 601))


@pytest.mark.parametrize("workers", [None, 2])
def test_sequences_of_several_threads_do_not_meet(streaming, workers):
    runner = tfcompress.Runner(streaming, workers=workers)
    x = np.ones((400, 2), np.float32)
    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(runner.predict, x, keep_state=True) for _ in range(8)]
        for run in runs:
            np.testing.assert_array_equal(run.result()[:, 0], 5 + np.arange(1, 401))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_recurrent_files_forget_the_sample_before(recurrent, runtime):
    tflite, x = recurrent
    runner = tfcompress.Runner(tflite, runtime=runtime)
    together = runner.predict(x)
    alone = tfcompress.Runner(tflite, runtime=runtime).predict(x[17:18])
    np.testing.assert_array_equal(together[17:18], alone)
    sequence = runner.predict(x, keep_state=True)
    np.testing.assert_array_equal(sequence[0], together[0])
    assert np.any(sequence[1:] != together[1:])
    np.testing.assert_array_equal(runner.predict(x), together)


def test_zeros_as_initial_values_come_back_by_a_reset(streaming):
    zeros = accumulator(0.0)
    assert [reset_restores_on_tflm(tflite) for tflite in (zeros, streaming)] == [True, False]
    x = np.ones((5, 2), np.float32)
    np.testing.assert_array_equal(tfcompress.Runner(zeros, runtime="tflm").predict(x), x)


def test_files_with_state_are_never_batched(streaming, recurrent):
    for tflite in (streaming, recurrent[0]):
        shapes = {spec.name: spec.shape for spec in tflite.inputs}
        engine = runtime_of("litert").load(tflite, shapes, 1, 8)
        engine.tune({spec.name: np.zeros((40, *spec.shape[1:]), spec.dtype) for spec in tflite.inputs})
        assert engine.batch == 1


def test_files_without_state_take_a_sequence_as_samples():
    tflite = tfcompress.load("tflite_models/digits_keras_int8.tflite")
    assert not has_state(tflite)
    x = np.random.default_rng(0).random((5, 8, 8, 1), dtype=np.float32)
    runner = tfcompress.Runner(tflite)
    np.testing.assert_array_equal(runner.predict(x, keep_state=True), runner.predict(x))


def test_what_cannot_keep_its_state_is_told(streaming):
    import tensorflow as tf

    with pytest.raises(tfcompress.RunError, match="op by op"):
        tfcompress.layer_errors(streaming, streaming, np.zeros((2, 2), np.float32))
    four = tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec((4, 2))])
    content = tf.lite.TFLiteConverter.from_concrete_functions([four.get_concrete_function()]).convert()
    with pytest.raises(tfcompress.SettingError, match="one sample at a time"):
        tfcompress.Runner(tfcompress.TFLiteModel(content)).predict(np.zeros((4, 2)), keep_state=True)
