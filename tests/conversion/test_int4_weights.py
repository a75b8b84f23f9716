"""Files with weights of four bits: which layers have them, what runs them, what they compute."""

import numpy as np
import pytest

import tfcompress
from tfcompress import Runner, convert, inspect, quantize
from tfcompress.console import Loudness, loudness
from tfcompress.errors import SelectionError, SettingError
from tfcompress.litert.serialization import read_graph, write_graph
from tfcompress.litert.tflite_model import TFLiteModel


def network(k):
    """All kinds of layer whose op has a kernel for weights of four bits, twice each or between two others."""
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((12, 12, 3), name="image"),
            layers.Conv2D(8, 3, activation="relu", name="first"),
            layers.Conv2D(16, 3, use_bias=False, name="middle"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.SeparableConv2D(11, 3, name="separable"),
            layers.Flatten(name="flatten"),
            layers.Dense(33, activation="relu", name="dense"),
            layers.Dense(10, name="last"),
        ],
        name="network",
    )


@pytest.fixture
def x(rng):
    return rng.normal(size=(200, 12, 12, 3)).astype(np.float32)


def weights_of(tflite):
    return {op.outputs[0].name: op.inputs[1].dtype for op in tflite.ops if op.name in KINDS}


KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def with_int8_weights(tflite):
    """Return the same file with its weights of four bits stored one a byte."""
    file = read_graph(tflite.content)
    constants = {tensor.name: tflite.constant(tensor) for tensor in tflite.subgraphs[0] if tensor.bytes}
    for op in file.main.ops:
        if op.kind in KINDS and op.inputs[1].dtype == "int4":
            quantization = op.inputs[1].quantization
            op.inputs[1].data = constants[op.inputs[1].name]
            op.inputs[1].quantization, op.version = quantization, 3 if op.kind != "FULLY_CONNECTED" else 4
    return TFLiteModel(write_graph(file))


@pytest.mark.one_keras
def test_the_first_the_last_and_depthwise_layers_keep_8_bits(k, x):
    model = network(k)
    tflite = convert(model, "int8x4", samples=x)
    found = [(op.name, op.inputs[1].dtype) for op in tflite.ops if op.name in KINDS]
    depthwise = ("DEPTHWISE_CONV_2D", "int8")
    assert found == [
        ("CONV_2D", "int8"),
        ("CONV_2D", "int4"),
        depthwise,
        depthwise,
        ("CONV_2D", "int4"),
        ("FULLY_CONNECTED", "int4"),
        ("FULLY_CONNECTED", "int8"),
    ]
    decided = {name: row["weights"] for name, row in tflite.manifest["decisions"].items()}
    assert decided["first"] == decided["last"] == "int8"
    assert decided["middle"] == decided["dense"] == "int4"
    assert tflite.manifest["settings"]["quantization"] == "int8x4"
    assert "int4" in inspect(tflite).bytes_by_type
    assert tflite.size < convert(model, samples=x).size


@pytest.mark.one_keras
@pytest.mark.micro
def test_every_runtime_computes_what_weights_of_8_bits_with_the_same_numbers_give(k, x):
    model = network(k)
    tflite = convert(model, "int8x4", samples=x, keep_int8=[])
    assert set(weights_of(tflite).values()) == {"int4"}
    plain = with_int8_weights(tflite)
    expected = Runner(plain, runtime="reference").predict(x)
    for runtime in ("reference", "tflm"):
        found = Runner(tflite, runtime=runtime).predict(x)
        same = (found == Runner(plain, runtime=runtime).predict(x)).mean()
        assert same == 1, runtime
    steps = np.abs(Runner(tflite).predict(x) - expected) / tflite.outputs[0].scale
    assert (steps <= 1.01).mean() > 0.97
    y = model.predict(x, verbose=0)
    assert 10 * np.log10((y**2).mean() / ((y - expected) ** 2).mean()) > 15


@pytest.mark.one_keras
def test_dense_layers_have_one_scale_and_convolutions_one_a_channel(k, x):
    tflite = convert(network(k), "int8x4", samples=x, keep_int8=[])
    layers = [op for op in tflite.ops if op.name in KINDS]
    assert {op.name for op in layers} == {*KINDS}
    for op in layers:
        channels = op.outputs[0].shape[-1]
        assert len(op.inputs[1].scales) == (1 if op.name == "FULLY_CONNECTED" else channels)
        assert op.inputs[2].dtype == "int32"
        wanted = op.inputs[0].scales[0] * np.float32(op.inputs[1].scales)
        np.testing.assert_allclose(op.inputs[2].scales, wanted, rtol=1e-5)


@pytest.mark.one_keras
def test_the_user_says_which_layers_keep_8_bits(k, x):
    tflite = convert(network(k), "int8x4", samples=x, keep_int8=["dense", "first"])
    found = {name: row["weights"] for name, row in tflite.manifest["decisions"].items()}
    assert {name for name, kind in found.items() if kind == "int8"} == {"dense", "first"}
    assert tflite.manifest["settings"]["keep_int8"] == ["dense", "first"]
    with pytest.raises(SelectionError, match="nothing_such"):
        convert(network(k), "int8x4", samples=x, keep_int8=["nothing_such"])
    with pytest.raises(SettingError, match="dense"):
        convert(network(k), "int8x4", samples=x, keep_int8="dense", keep_float="dense")
    with pytest.raises(SettingError, match="keep_int8"):
        convert(network(k), "int8", samples=x, keep_int8=["dense"])


@pytest.mark.one_keras
def test_a_layer_that_is_called_twice_has_one_kernel(k, rng):
    layers = k.layers
    image = layers.Input((8, 8, 4), name="image")
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    x = layers.Conv2D(4, 1, name="before")(image)
    x = layers.Conv2D(4, 1, name="after")(shared(layers.ReLU()(shared(x))))
    model = k.Model(image, x)
    samples = rng.normal(size=(100, 8, 8, 4)).astype(np.float32)
    tflite = convert(model, "int8x4", samples=samples)
    kernels = [op.inputs[1] for op in tflite.ops if op.name == "CONV_2D" and op.inputs[1].dtype == "int4"]
    assert len(kernels) == 2
    assert kernels[0].buffer == kernels[1].buffer
    y, found = model.predict(samples, verbose=0), Runner(tflite, runtime="reference").predict(samples)
    assert 10 * np.log10((y**2).mean() / ((y - found) ** 2).mean()) > 12


def test_a_model_with_nothing_to_quantize_is_an_error():
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="only")])
    samples = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    with pytest.raises(tfcompress.ConversionError, match=r"keep_int8=\[\]"):
        convert(model, "int8x4", samples=samples)
    assert "int4" in weights_of(convert(model, "int8x4", samples=samples, keep_int8=[])).values()


@pytest.mark.one_keras
def test_embeddings_are_first_layers_and_norms_are_not(k, rng):
    layers = k.layers
    model = k.Sequential(
        [
            layers.Input((6,), dtype="int32"),
            layers.Embedding(9, 4, name="table"),
            layers.LSTM(5, name="lstm"),
            layers.Dense(8, activation="relu", name="middle"),
            layers.Dense(3, name="last"),
        ]
    )
    tflite = convert(model, "int8x4", samples=rng.integers(0, 9, (60, 6)).astype(np.int32))
    assert {name: tflite.manifest["decisions"][name]["weights"] for name in ("middle", "last")} == {
        "middle": "int4",
        "last": "int8",
    }
    model = k.Sequential(
        [layers.Input((6, 6, 3)), layers.BatchNormalization(name="norm")]
        + [layers.Conv2D(4, 2, name=name) for name in ("first", "middle", "last")]
    )
    model.get_layer("norm").set_weights([rng.uniform(0.5, 2, 3) for _ in range(4)])
    tflite = convert(model, "int8x4", samples=rng.normal(size=(60, 6, 6, 3)).astype(np.float32))
    found = {name: row["weights"] for name, row in tflite.manifest["decisions"].items()}
    assert [found[name] for name in ("first", "middle", "last")] == ["int8", "int4", "int8"]


@pytest.mark.one_keras
def test_layers_that_keep_8_bits_by_rule_are_told_where_they_hold_much(k, capsys):
    layers = k.layers
    model = k.Sequential(
        [layers.Input((6,)), *(layers.Dense(8, name=name) for name in "abc"), layers.Dense(90, name="large")]
    )
    samples = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    told = []
    for settings in ({}, {"keep_int8": ["large"]}, {"keep_int8": []}):
        tflite = convert(model, "int8x4", samples=samples, **settings)
        trained = tfcompress.quantize_aware(model, "int8x4", samples=samples, **settings)
        convert(trained)
        told.append([line for line in capsys.readouterr().err.splitlines() if "8 bits stay in" in line])
        assert tflite.manifest["settings"].get("keep_int8") == settings.get("keep_int8")
    assert [len(lines) for lines in told] == [2, 0, 0]
    assert all("large with 80% of all weights, a with 5%" in line for line in told[0])
    assert set(weights_of(convert(trained, samples=samples, keep_int8=[])).values()) == {"int4"}


@pytest.mark.one_keras
def test_learned_rounding_comes_closer_and_tells_the_layer_at_work(k, x, capsys):
    model = network(k)
    y = model.predict(x, verbose=0)

    def decibels(tflite):
        found = Runner(tflite, runtime="reference").predict(x)
        return 10 * np.log10((y**2).mean() / ((y - found) ** 2).mean())

    nearest = convert(model, "int8x4", samples=x[:100])
    with loudness(Loudness.VERBOSE):
        learned = convert(model, "int8x4", samples=x[:100], recover=True)
    told = [line for line in capsys.readouterr().err.splitlines() if "learning to round" in line]
    assert "learning to round, 1 of 7: layer first" in told[0]
    assert len(told) == 7
    assert weights_of(learned) == weights_of(nearest)
    assert learned.manifest["settings"]["recover"] is True
    assert decibels(learned) > decibels(nearest) + 1


@pytest.mark.parametrize("io", ["uint8", "float32"])
def test_rounding_is_learned_before_casts(io):
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, name="a"), keras.layers.Dense(3, name="b")])
    samples = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    tflite = convert(model, "int8x4", samples=samples, keep_int8=[], io=io, recover=True)
    assert "int4" in weights_of(tflite).values()
    assert {tflite.inputs[0].dtype, tflite.outputs[0].dtype} == {io}


def test_zeros_stay_zeros_where_rounding_is_learned(x):
    import keras

    keras.utils.set_random_seed(7)
    model = network(keras)
    kernel = model.get_layer("middle").kernel
    kept = np.random.default_rng(3).random(kernel.shape) < 0.5
    kernel.assign(kernel * kept)
    tflite = convert(model, "int8x4", samples=x[:60], recover=True)
    small = [op.inputs[1] for op in tflite.ops if op.name == "CONV_2D" and op.inputs[1].dtype == "int4"]
    stored = tflite.constant(small[0])
    assert not stored[~np.moveaxis(kept, -1, 0)].any()


@pytest.mark.one_keras
def test_a_float_file_gets_the_same_weights(k, x):
    pytest.importorskip("litert_quantizer")
    model = network(k)
    floats = convert(model, "float32")
    quantized, converted = quantize(floats, "int8x4", samples=x), convert(model, "int8x4", samples=x)
    assert list(weights_of(quantized).values()) == list(weights_of(converted).values())
    y = model.predict(x, verbose=0)

    def decibels(tflite):
        found = Runner(tflite, runtime="reference").predict(x)
        return 10 * np.log10((y**2).mean() / ((y - found) ** 2).mean())

    assert decibels(quantized) > decibels(converted) - 1.5
    kept = quantize(floats, "int8x4", samples=x, keep_int8=["middle", "CONV_2D"])
    assert {op.name for op in kept.ops if op.name in KINDS and op.inputs[1].dtype == "int4"} == {
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
    }
    with pytest.raises(SettingError, match="keep_int8"):
        quantize(floats, "int8", samples=x, keep_int8=["middle"])
    with pytest.raises(SettingError, match="recover"):
        quantize(floats, "dynamic", recover=True)
