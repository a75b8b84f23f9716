import numpy as np
import pytest

import tfcompress
from tests.models import images, nested, small_cnn, three_inputs
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.runtime.engine import runtime_of
from tfcompress.runtime.quantize_arrays import from_file, to_file


@pytest.mark.parametrize("io", ["int8", "uint8", "float32"])
def test_floats_in_and_out_whatever_the_file_has(k, rng, io):
    model, x = small_cnn(k), images(rng, 100)
    inside = tfcompress.Runner(tfcompress.convert(model, samples=x, io=io)).predict(x)
    assert inside.dtype == np.float32
    assert inside.shape == (100, 10)
    assert np.abs(inside - model.predict(x, verbose=0)).max() < 0.02


def test_batches_equal_single_runs_and_the_bare_interpreter(k, rng):
    from ai_edge_litert.interpreter import Interpreter

    x = images(rng, 150)
    tflite = tfcompress.convert(small_cnn(k), samples=x)
    together = tfcompress.Runner(tflite).predict(x)
    alone = tfcompress.Runner(tflite)
    one_by_one = np.concatenate([alone.predict(row[np.newaxis]) for row in x])
    np.testing.assert_array_equal(together, one_by_one)
    (spec,), (out,) = tflite.inputs, tflite.outputs
    interpreter = Interpreter(model_content=tflite.content)
    run = interpreter.get_signature_runner()
    for row, expected in zip(x[:20], together, strict=False):
        raw = np.clip(np.round(row / spec.scale) + spec.zero_point, -128, 127).astype("int8")
        found = run(image=raw[np.newaxis])[out.name]
        np.testing.assert_allclose((found[0].astype("float32") - out.zero_point) * out.scale, expected)


@pytest.mark.parametrize("other", ["reference", "tflm"])
@pytest.mark.parametrize("io", ["int8", "float32"])
def test_other_kernels_give_nearly_the_same(k, rng, other, io):
    x = images(rng)
    tflite = tfcompress.convert(small_cnn(k), samples=x, io=io)
    step = tfcompress.convert(small_cnn(k), samples=x).outputs[0].scale
    fast, slow = (tfcompress.Runner(tflite, runtime=name).predict(x) for name in ("litert", other))
    assert np.abs(fast - slow).max() <= 2.01 * step


def test_the_cast_rounds_and_clips():
    spec = TensorSpec("x", (1, 4), "int8", scale=1 / 128, zero_point=0)
    given = np.array([[1.0, -1.0, 0.0051, 9.0]], np.float32)
    assert to_file(given, spec).tolist() == [[127, -128, 1, 127]]
    assert from_file(np.array([[127]], np.int8), spec).item() == pytest.approx(127 / 128)


def test_a_graph_that_holds_its_batch_size_runs_one_by_one(k, rng):
    import tensorflow as tf

    class Fixed(k.layers.Layer):
        def call(self, x):
            return tf.reshape(x, (1, 2, 2)) @ tf.constant([[[1.0, 2.0], [3.0, 4.0]]])

    x = rng.random((9, 4), dtype=np.float32)
    inputs = k.Input((4,))
    outputs = Fixed()(inputs)
    tflite = tfcompress.convert(k.Model(inputs, outputs), "float32")
    expected = x.reshape(9, 2, 2) @ np.array([[1.0, 2.0], [3.0, 4.0]], "float32")
    np.testing.assert_allclose(tfcompress.Runner(tflite).predict(x), expected, rtol=1e-5)


def test_recurrent_state_does_not_leak_between_samples(rng):
    import tf_keras

    model = tf_keras.Sequential([tf_keras.layers.Input((6, 3)), tf_keras.layers.LSTM(4), tf_keras.layers.Dense(2)])
    x = rng.random((12, 6, 3), dtype=np.float32)
    tflite = tfcompress.convert(model, "float32")
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in {op.name for op in tflite.ops}
    for runtime in ("litert", "tflm"):
        found = tfcompress.Runner(tflite, runtime=runtime).predict(x)
        np.testing.assert_allclose(found, model.predict(x, verbose=0), atol=1e-5)


def test_several_inputs_are_named(k, rng):
    model = three_inputs(k)
    data = {name: rng.random((5, size), dtype=np.float32) for name, size in (("zeta", 2), ("alpha", 3), ("mid", 4))}
    expected = model.predict([data["zeta"], data["alpha"], data["mid"]], verbose=0)
    for runtime in ("litert", "tflm"):
        runner = tfcompress.Runner(tfcompress.convert(model, "float32"), runtime=runtime)
        np.testing.assert_allclose(runner.predict(data), expected, rtol=1e-4)
    with pytest.raises(tfcompress.DataError, match="by name only"):
        runner.predict([data["zeta"], data["alpha"], data["mid"]])


def test_bad_calls_are_told(k, rng):
    tflite = tfcompress.convert(small_cnn(k), "float32")
    with pytest.raises(tfcompress.SettingError, match="'reference'"):
        tfcompress.Runner(tflite, runtime="gpu")
    for workers in (0, -1, 1.5, True, "2"):
        with pytest.raises(tfcompress.SettingError, match="1 or more"):
            tfcompress.Runner(tflite, workers=workers)
    with pytest.raises(tfcompress.DataError, match="for each sample"):
        tfcompress.Runner(tflite).predict(np.zeros((3, 9, 9, 1)))
    with pytest.raises(tfcompress.FileError):
        tfcompress.Runner("missing.tflite")


def test_flatten_does_not_stop_batches(k, rng):
    x = images(rng, 40)
    tflite = tfcompress.convert(small_cnn(k), samples=x)
    (spec,) = tflite.inputs
    engine = runtime_of("litert").load(tflite, {spec.name: spec.shape}, 1, 8)
    raw = {spec.name: to_file(x, spec)}
    assert engine.batch == 8
    together, engine._many = engine.run(raw), engine._single
    np.testing.assert_array_equal(together["digit"], engine.run(raw)["digit"])


def test_a_bool_output(k, rng):
    inputs = k.Input((4,))
    model = k.Model(inputs, k.layers.Lambda(lambda t: t > 0.5)(inputs))
    x = rng.random((9, 4), dtype=np.float32)
    np.testing.assert_array_equal(tfcompress.Runner(tfcompress.convert(model, "float32")).predict(x), x > 0.5)


@pytest.mark.parametrize("runtime", ["litert", "reference", "tflm"])
def test_several_outputs_have_names_in_every_runtime(k, rng, runtime):
    model, x = nested(k), images(rng, 20)
    tflite = tfcompress.convert(model, "float32")
    found = tfcompress.Runner(tflite, runtime=runtime).predict(x)
    for name, expected in zip(("left", "right"), model.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(found[name], expected, atol=1e-5)


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_change_nothing_but_the_time(rng, workers):
    import keras

    x = images(rng, 300)
    tflite = tfcompress.convert(small_cnn(keras), samples=x)
    expected = tfcompress.Runner(tflite).predict(x)
    np.testing.assert_array_equal(tfcompress.Runner(tflite, workers=workers).predict(x), expected)


def test_the_memory_does_not_grow_with_the_data(rng):
    import keras

    tflite = tfcompress.convert(small_cnn(keras), samples=images(rng))
    held, most, seen = set(), [], 0

    class Sample(np.ndarray):
        def __del__(self):
            held.discard(id(self))

    def stream():
        nonlocal seen
        for _ in range(3000):
            sample = images(rng, 1)[0].view(Sample)
            held.add(id(sample))
            seen += 1
            most.append(len(held))
            yield sample

    assert len(tfcompress.Runner(tflite).predict(stream())) == seen == 3000
    assert max(most[1500:]) == max(most[500:1500]) < 500


def test_data_that_ends_in_an_error_leaves_a_runner_that_works(rng):
    import keras

    x = images(rng, 200)
    runner = tfcompress.Runner(tfcompress.convert(small_cnn(keras), samples=x))
    expected, x[150, 3, 3] = runner.predict(x), np.nan
    with pytest.raises(tfcompress.DataError, match="sample 150"):
        runner.predict(x)
    np.testing.assert_array_equal(runner.predict(x[:150]), expected[:150])


def test_open_sizes_follow_the_data(rng):
    import tensorflow as tf

    kernel = tf.constant(rng.normal(size=(3, 3, 4)).astype("float32"))
    mean = tf.function(
        lambda x: tf.reduce_mean(tf.nn.conv1d(x, kernel, 1, "VALID"), 1), input_signature=[tf.TensorSpec((1, None, 3))]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([mean.get_concrete_function()])
    runner = tfcompress.Runner(tfcompress.TFLiteModel(converter.convert()))
    for length in (9, 5):
        x = rng.random((6, length, 3), dtype=np.float32)
        expected = np.concatenate([mean(row[np.newaxis]) for row in x])
        np.testing.assert_allclose(runner.predict(x), expected, atol=1e-5)


def test_no_samples_are_our_error():
    runner = tfcompress.Runner("tflite_models/digits_keras_int8.tflite")
    with pytest.raises(tfcompress.DataError, match="at least one sample"):
        runner.run({runner.inputs[0].name: np.zeros((0, 8, 8, 1), np.float32)})
