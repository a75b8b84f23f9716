"""The oldest runtime of a file: what is told of it is what an old interpreter does."""

from datetime import date

import numpy as np
import pytest

import tfcompress
from tfcompress.conversion import oldest_runtime as module
from tfcompress.litert.inspect import float_ops
from tfcompress.litert.op_facts import OpFacts, Tensor
from tfcompress.litert.op_names import signature
from tfcompress.litert.runtimes import first_release, oldest_runtime, release_of, releases, requantizes_to_int16

YOUNG = "QUANTIZE v2 (int8 → int16)"


def normalized(k, rng):
    k.utils.set_random_seed(1)
    entry = k.Input((6, 8), name="x")
    result = k.layers.Dense(4)(k.layers.LayerNormalization(name="norm")(k.layers.Dense(8)(entry)))
    return k.Model(entry, result), rng.normal(0, 1, (60, 6, 8)).astype("float32")


def recurrent(k, rng):
    k.utils.set_random_seed(1)
    entry = k.Input((4, 6), name="x")
    return k.Model(entry, k.layers.GRU(3, name="gru")(entry)), rng.normal(0, 1, (60, 4, 6)).astype("float32")


def masked(k, rng):
    k.utils.set_random_seed(1)
    entry = k.Input((6, 8), name="x")
    result = k.layers.MultiHeadAttention(2, 4, name="attention")(entry, entry, use_causal_mask=True)
    return k.Model(entry, result), rng.normal(0, 1, (60, 6, 8)).astype("float32")


def invoked(interpreter, rows):
    interpreter.allocate_tensors()
    results = []
    for row in rows:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], row[np.newaxis])
        interpreter.invoke()
        results.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    return np.concatenate(results)


@pytest.mark.parametrize("build", [normalized, recurrent, masked])
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_a_default_file_with_int16_parts_is_integer_and_runs_on_tensorflows_own_interpreter(rng, build):
    import keras
    import tensorflow as tf

    model, x = build(keras, rng)
    tflite = tfcompress.convert(model, samples=x, io="float32")
    assert float_ops(tflite) == []
    assert "int16" in {tensor.dtype for op in tflite.ops for tensor in op.outputs}
    results = invoked(tf.lite.Interpreter(model_content=tflite.content), x[:8])
    assert np.abs(results - model.predict(x[:8], verbose=0)).mean() < 0.03
    products = [op.inputs[1].zero_points for op in tflite.ops if op.name == "BATCH_MATMUL"]
    assert products == ([(0,), (0,)] if build is masked else [])  # others are left out by XNNPACK of some runtimes
    told = tflite.manifest["runtime"]
    assert told["unmeasured"] == []
    assert told["released"] < "2024-11"
    assert str(tfcompress.inspect(tflite).oldest_runtime.release.name) == told["oldest"]
    assert told["oldest"] in tfcompress.check(tflite, "cpu").facts["oldest runtime"]


def test_a_young_runtime_gets_one_op_for_two_with_the_same_numbers(rng):
    import keras

    if release_of_installed() < release_of("2.1.3"):
        pytest.skip("this LiteRT cannot run the young file")
    model, x = normalized(keras, rng)
    old, young = (tfcompress.convert(model, samples=x, runtime=runtime) for runtime in ("1.4", "2.1.3"))
    assert len(young.ops) < len(old.ops)
    assert YOUNG in map(signature, young.ops)
    assert YOUNG not in map(signature, old.ops)
    assert young.manifest["runtime"]["oldest"] == "LiteRT 2.1.3"
    assert "LiteRT 2.1.3 (2026-03), for QUANTIZE v2 (int8 → int16)" in str(tfcompress.inspect(young))
    assert young.manifest["settings"]["runtime"] == "2.1.3"
    predicted = [tfcompress.Runner(tflite).predict(x) for tflite in (old, young)]
    assert np.array_equal(*predicted)


def release_of_installed():
    from importlib.metadata import version

    return release_of(version("ai-edge-litert"))


def test_what_a_runtime_refuses_is_an_error_or_a_warning_that_names_the_layer(rng, monkeypatch):
    import keras

    model, x = normalized(keras, rng)
    if release_of_installed() < release_of("2.1.3"):
        pytest.skip("this LiteRT cannot run what it would have to refuse")
    young = tfcompress.convert(model, samples=x, runtime="2.1.3")
    layers = young.manifest["layers"]
    with pytest.raises(tfcompress.ConversionError, match=r"LiteRT 1\.4\.0.*norm.*from LiteRT 2\.1\.3.*keep_float"):
        module.require_release(young, release_of("1.4"), layers)

    class Today(date):
        @classmethod
        def today(cls):
            return cls(2027, 1, 1)

    monkeypatch.setattr(module, "date", Today)
    with pytest.warns(tfcompress.TfcompressWarning, match=r"needs LiteRT 2\.1\.3.*norm"):
        module.runtime_entry(young, layers, tell=True)


def test_a_version_is_the_newest_measured_one_that_is_not_newer():
    names = [release.name for release in releases()]
    assert [release.released for release in releases()] == sorted(release.released for release in releases())
    assert release_of("1.4").name == release_of("1.9.9").name == "LiteRT 1.4.0"
    assert release_of("2.1").name == "LiteRT 2.0.3"
    assert release_of("99").name == names[-1]
    assert not requantizes_to_int16(release_of("2.1.2"))
    assert requantizes_to_int16(release_of("2.1.3"))
    for wrong in ("0.9", "newest", "", "1.x", 1.4):
        with pytest.raises(tfcompress.SettingError, match="version of LiteRT"):
            release_of(wrong)


def test_an_op_that_was_not_measured_is_told_as_such(rng):
    import keras

    entry = keras.Input((4, 4, 2))
    model = keras.Model(entry, keras.layers.Conv2D(3, 1, name="conv")(entry))
    content = tfcompress.convert(model, "float32").content
    told = oldest_runtime(tfcompress.TFLiteModel(content))
    assert not told.unmeasured
    foreign = oldest_runtime(tfcompress.TFLiteModel(with_version(content, 8)))
    assert [op.version for op in foreign.unmeasured] == [8]
    assert "not measured" in str(foreign)
    unknown = oldest_runtime(tfcompress.TFLiteModel(with_version(content, 90)))
    assert unknown.release is None
    assert "none that is known" in str(unknown)


@pytest.mark.parametrize(("zero", "oldest"), [(0, "TensorFlow Lite 2.14.0"), (3, "LiteRT 2.1.3")])
def test_products_that_some_runtimes_compute_wrongly_are_not_claimed_for_them(zero, oldest):
    left, right = (Tensor(place, "t", (1, 2, 4, 4), "int8", (0.1,), (zero,), 0, 0) for place in range(2))
    told, measured = first_release(OpFacts(0, 0, "BATCH_MATMUL", 2, (left, right), (left,)))
    assert measured
    assert told.name == oldest


@pytest.mark.parametrize("name", ["CONCATENATION", "PACK"])
def test_the_number_of_operands_does_not_matter(name):
    version = {"CONCATENATION": 2, "PACK": 2}[name]
    part = Tensor(0, "t", (1, 4), "int8", (0.1,), (0,), 0, 0)
    told, measured = first_release(OpFacts(0, 0, name, version, (part,) * 13, (part,)))
    assert measured
    assert told.name == "TensorFlow Lite 2.14.0"
    other = Tensor(1, "t", (1, 4), "float64", (), (), 0, 0)
    assert not first_release(OpFacts(0, 0, name, version, (part, other), (part,)))[1]


@pytest.mark.parametrize("io", ["int8", "uint8"])
def test_several_branches_and_steps_are_promised_too(rng, io):
    import keras

    entry = keras.Input((11, 4))
    branches = [keras.layers.Conv1D(2, 1, use_bias=False)(entry) for _ in range(3)]
    steps = keras.layers.SimpleRNN(3, return_sequences=True)(entry)
    result = keras.layers.Dense(2, use_bias=False)(keras.layers.Concatenate()([*branches, steps]))
    x = rng.normal(0, 1, (60, 11, 4)).astype("float32")
    tflite = tfcompress.convert(keras.Model(entry, result), samples=x, io=io, runtime="1.4")
    assert tflite.manifest["runtime"]["unmeasured"] == []


def with_version(content, version):
    from ai_edge_litert import schema_py_generated as schema

    from tfcompress.litert.flatbuffer import pack

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for code in model.operatorCodes:
        code.version = version
    return pack(model)
