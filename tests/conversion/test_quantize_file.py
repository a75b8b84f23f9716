import os
import signal

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfcompress
from tests.foreign_files import Graph, empty_model, loop, with_constants_behind, with_old_codes
from tests.models import images, small_cnn, three_inputs
from tfcompress.conversion import quantize_file as module
from tfcompress.conversion.quantize_file import Kind, quantize
from tfcompress.isolation import child_process, message_format
from tfcompress.litert.attached_files import attach, attached
from tfcompress.litert.flatbuffer import pack

pytest.importorskip("litert_quantizer")
RNG = np.random.default_rng(3)
X = images(RNG, 80)


def made(model):
    return tfcompress.convert(model, "float32")


@pytest.fixture(scope="module")
def floats():
    import keras

    keras.utils.set_random_seed(1)
    return made(small_cnn(keras))


@pytest.fixture(scope="module")
def foreign():
    """A file that tfcompress did not make, with an op that litert-quantizer does not know."""
    import tensorflow as tf

    weights = tf.constant(RNG.normal(size=(6, 5)).astype("float32"))

    @tf.function(input_signature=[tf.TensorSpec((1, 6), tf.float32, name="given")])
    def run(given):
        product = tf.matmul(given, weights, name="product")
        return {"result": tf.math.floormod(product, 1.5, name="rest") + 1.0}

    holder = tf.Module()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([run.get_concrete_function()], holder)
    return tfcompress.TFLiteModel(converter.convert())


def weights_of(tflite):
    return {tensor.dtype for graph in tflite.subgraphs for tensor in graph if tensor.bytes > 64}


def test_int8_is_integer_and_near_the_float_file(floats):
    result = quantize(floats, samples=X)
    assert tfcompress.inspect(result).float_ops == ()
    assert [spec.dtype for spec in (*result.inputs, *result.outputs)] == ["int8", "int8"]
    assert [spec.name for spec in result.inputs] == ["image"]
    expected, found = (tfcompress.Runner(file).predict(X) for file in (floats, result))
    assert np.abs(expected - found).max() < 0.02
    assert result.size < floats.size
    manifest = result.manifest
    assert manifest["calibration"]["samples"] == 80
    assert manifest["calibration"]["ranges"]["image"] == [float(X.min()), float(X.max())]
    assert manifest["versions"]["litert-quantizer"]
    assert manifest["decisions"]["conv"] == {"op": "CONV_2D", "computes_in": "int8", "weights": "int8"}
    assert quantize(floats, samples=X).content == result.content, "the same inputs give the same bytes"


@pytest.mark.parametrize("kind", ["int8", "float16"])
def test_files_of_before_2020_and_with_constants_behind_the_flatbuffer_become_what_others_do(floats, kind):
    foreign = tfcompress.TFLiteModel(with_constants_behind(with_old_codes(floats.content), least=256))
    samples = X if kind == "int8" else None
    found, expected = (quantize(each, kind, samples=samples) for each in (foreign, floats))
    assert [op.name for op in found.ops] == [op.name for op in expected.ops]
    np.testing.assert_array_equal(tfcompress.Runner(found).predict(X), tfcompress.Runner(expected).predict(X))


@pytest.mark.parametrize("name", ["", "same"])
def test_tensors_without_names_of_their_own(name):
    model = empty_model()
    graph = Graph(model)
    ends = [graph.tensor((1, 4), name=name), graph.tensor((1, 6), name=name)], [graph.tensor((1, 3), name=name)]
    sums = [graph.tensor((1, 3), name=name) for _ in range(2)]
    for x, y in zip(ends[0], sums, strict=True):
        weights = graph.constant(RNG.normal(size=(3, graph.raw.tensors[x].shape[1])))
        graph.op("FULLY_CONNECTED", [x, weights, -1], [y], schema.FullyConnectedOptionsT())
    graph.op("ADD", sums, ends[1], schema.AddOptionsT())
    graph.ends(*ends)
    tflite = tfcompress.TFLiteModel(pack(model))
    samples = {spec.name: RNG.normal(size=(60, *spec.shape[1:])).astype("float32") for spec in tflite.inputs}
    result = quantize(tflite, samples=samples)
    expected = tfcompress.Runner(tflite).predict(samples)
    by_place = dict(zip((spec.name for spec in result.inputs), samples.values(), strict=True))
    assert np.abs(tfcompress.Runner(result).predict(by_place) - expected).max() < 0.2


def test_tensors_of_loops_get_names_that_no_other_graph_has():
    tflite = tfcompress.TFLiteModel(loop(3))
    x = RNG.normal(size=(4, 4)).astype("float32")
    found, expected = (tfcompress.Runner(one).predict(x) for one in (quantize(tflite, "float16"), tflite))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_tensors_that_nothing_uses_need_no_range():
    model = empty_model()
    graph = Graph(model)
    x, y, _ = graph.tensor((1, 4), name="x"), graph.tensor((1, 3), name="y"), graph.tensor((5,), name="left")
    graph.op("FULLY_CONNECTED", [x, graph.constant(RNG.normal(size=(3, 4))), -1], [y], schema.FullyConnectedOptionsT())
    graph.ends([x], [y])
    result = quantize(tfcompress.TFLiteModel(pack(model)), samples=RNG.normal(size=(60, 4)).astype("float32"))
    assert tfcompress.inspect(result).kind == "integer"


def test_an_op_without_an_int8_form_is_named_in_a_file_without_signatures():
    model = empty_model()
    graph = Graph(model)
    x, state, y = graph.tensor((1, 5), name="x"), graph.tensor((1, 24), variable=True), graph.tensor((1, 6), name="y")
    weights, times = (graph.constant(RNG.normal(size=(6, size))) for size in (5, 4))
    graph.op("SVDF", [x, weights, times, -1, state], [y], schema.SVDFOptionsT(rank=1))
    graph.ends([x], [y])
    tflite, samples = tfcompress.TFLiteModel(pack(model)), RNG.normal(size=(60, 5)).astype("float32")
    with pytest.raises(tfcompress.ConversionError, match="SVDF"):
        quantize(tflite, samples=samples)


def test_a_file_without_inputs_has_nothing_to_measure():
    model = empty_model()
    graph = Graph(model)
    y = graph.tensor((1, 3), name="y")
    graph.op("NEG", [graph.constant(np.ones((1, 3)))], [y])
    graph.ends([], [y])
    with pytest.raises(tfcompress.ModelError, match="inputs"):
        quantize(tfcompress.TFLiteModel(pack(model)), samples=X)


def test_weights_so_large_that_they_are_written_behind_the_flatbuffer(tmp_path):
    model, rows = empty_model(), 600
    graph = Graph(model)
    x, y = graph.tensor((1, rows), name="x"), graph.tensor((1, rows), name="y")
    weights = graph.constant(RNG.normal(size=(rows, rows)))
    graph.op("FULLY_CONNECTED", [x, weights, -1], [y], schema.FullyConnectedOptionsT())
    graph.ends([x], [y])
    plain = tfcompress.TFLiteModel(pack(model))
    with_vocabulary = tfcompress.TFLiteModel(attach(plain.content, {"vocabulary.txt": b"one\ntwo\n"}))
    result = quantize(with_vocabulary, "weight_only_int8")
    assert tfcompress.inspect(result).bytes_by_type == {"int8": rows * rows}
    rows_in = RNG.normal(size=(4, rows)).astype("float32")
    found, expected = (tfcompress.Runner(each).predict(rows_in) for each in (result, plain))
    assert np.abs(found - expected).max() < 0.1 * np.abs(expected).max()
    assert attached(result.content) == {"vocabulary.txt": b"one\ntwo\n"}


@pytest.mark.parametrize(
    ("kind", "dtype", "error"),
    [("dynamic", "int8", 0.02), ("weight_only_int8", "int8", 0.02), ("float16", "float16", 0.001)],
)
def test_small_weights(floats, kind, dtype, error):
    result = quantize(floats, kind)
    assert weights_of(result) == {dtype}
    expected, found = (tfcompress.Runner(file).predict(X) for file in (floats, result))
    assert np.abs(expected - found).max() < error
    assert result.manifest["settings"]["quantization"] == kind
    assert result.manifest["decisions"]["digit"]["weights"] == dtype


@pytest.mark.filterwarnings("ignore:.*keep float32 weights")
def test_int4_weights(floats):
    result = quantize(floats, "weight_only_int4")
    assert "int4" in weights_of(result)
    assert result.size < quantize(floats, "weight_only_int8").size
    assert tfcompress.Runner(result).predict(X).shape == (80, 10)


@pytest.mark.parametrize(
    ("patterns", "kinds"),
    [
        (["digit"], {"FULLY_CONNECTED", "SOFTMAX"}),
        ("SOFTMAX", {"SOFTMAX"}),
        (["conv", "depth*"], {"CONV_2D", "DEPTHWISE_CONV_2D"}),
    ],
)
def test_what_stays_in_float_is_chosen_by_name(floats, patterns, kinds):
    result = quantize(floats, samples=X, keep_float=patterns)
    assert set(tfcompress.inspect(result).float_ops) - {"QUANTIZE", "DEQUANTIZE"} == kinds
    decided = {name for name, row in result.manifest["decisions"].items() if row["computes_in"] == "float32"}
    assert decided
    assert all(result.manifest["decisions"][name]["because"] == "keep_float" for name in decided)
    assert np.abs(tfcompress.Runner(floats).predict(X) - tfcompress.Runner(result).predict(X)).max() < 0.02


def test_a_file_from_elsewhere_and_an_op_that_stays_float(foreign):
    x = RNG.normal(size=(60, 6)).astype("float32")
    with pytest.raises(tfcompress.ConversionError, match="FLOOR_MOD"):
        quantize(foreign, samples=x)
    result = quantize(foreign, samples=x, keep_float="FLOOR_MOD")
    ops = {op.name: {tensor.dtype for tensor in (*op.inputs, *op.outputs)} for op in result.ops}
    assert ops["FLOOR_MOD"] == {"float32"}
    assert "int8" in ops["FULLY_CONNECTED"]
    assert quantize(foreign, samples=x, keep_float=["rest", "PartitionedCall*"]).ops
    assert foreign.manifest == {}
    assert "decisions" in result.manifest


def test_several_inputs_by_name(k):
    data = {name: RNG.random((60, size), dtype=np.float32) for name, size in (("zeta", 2), ("alpha", 3), ("mid", 4))}
    floats = made(three_inputs(k))
    result = quantize(floats, samples=dict(reversed(data.items())))
    expected, found = (tfcompress.Runner(file).predict(data) for file in (floats, result))
    assert np.abs(expected - found).max() < 0.05
    with pytest.raises(tfcompress.DataError, match="by name only"):
        quantize(floats, samples=list(data.values()))


def test_mistakes_are_told(floats, monkeypatch, tmp_path):
    with pytest.raises(tfcompress.SettingError, match="'weight_only_int4'"):
        quantize(floats, "int3")
    with pytest.raises(tfcompress.DataError, match="needs samples"):
        quantize(floats)
    with pytest.raises(tfcompress.SelectionError, match="conv, depthwise"):
        quantize(floats, "dynamic", keep_float="nothing*")
    with pytest.raises(tfcompress.SelectionError):
        quantize(floats, "dynamic", keep_float=[3])
    with pytest.raises(tfcompress.FileError):
        quantize(tmp_path / "missing.tflite", "dynamic")
    small = quantize(floats, "dynamic")
    with pytest.raises(tfcompress.ModelError, match="quantized tensors"):
        quantize(small, "float16")

    def missing(_):
        raise module.PackageNotFoundError

    monkeypatch.setattr(module, "version", missing)
    with pytest.raises(tfcompress.MissingPackageError, match=r"pip install 'tfcompress\[quantizer\]'"):
        quantize(floats, "dynamic")


def test_the_death_of_the_process_is_an_error(floats, monkeypatch):
    send = message_format.send

    def kill(stream, message):
        for child in [*child_process._all]:
            if "litert_quantizer_child" in child._target:
                os.kill(child.pid, signal.SIGSEGV)
        send(stream, message)

    monkeypatch.setattr(message_format, "send", kill)
    with pytest.raises(tfcompress.ConversionError, match=r"litert-quantizer must survive.*SIGSEGV"):
        quantize(floats, "dynamic")


def test_every_kind_is_documented():
    from typing import get_args

    assert all(f'"{kind}"' in quantize.__doc__ for kind in get_args(Kind))


def test_a_transposed_convolution_is_one_op_in_int8():
    """litert-quantizer calls it by another name than the schema."""
    import keras

    layers = [keras.Input((8, 8, 3)), keras.layers.Conv2DTranspose(6, 3, strides=2)]
    tflite = quantize(made(keras.Sequential(layers)), "int8", samples=RNG.normal(size=(60, 8, 8, 3)).astype("float32"))
    assert [(op.name, op.outputs[0].dtype) for op in tflite.ops] == [("TRANSPOSE_CONV", "int8")]
