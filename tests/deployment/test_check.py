"""Findings are what the interpreters and the compiler say, with the layer and the way out."""

import copy
import os
import shutil
import tempfile
from importlib.util import find_spec

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfcompress
from tests.foreign_files import Graph, empty_model, loop
from tests.models import images, small_cnn
from tfcompress.deployment import interpreters
from tfcompress.deployment.targets import ethos_u
from tfcompress.litert.flatbuffer import pack, unpack

vela = pytest.mark.skipif(
    find_spec("ethosu") is None and shutil.which("vela") is None, reason="ethos-u-vela is not installed"
)


@pytest.fixture(scope="module")
def files():
    import keras

    model, x = small_cnn(keras), images(np.random.default_rng(7))
    return {name: tfcompress.convert(model, name, samples=x) for name in ("int8", "float32", "dynamic")}


@pytest.fixture(scope="module")
def mixed():
    """Two ops that TFLM lacks among two that it has, one of them of no builtin kind at all."""
    import tensorflow as tf

    graph = tf.function(lambda x: tf.atan2(tf.math.erf(x) * tf.sin(x), x + 1), input_signature=[tf.TensorSpec((1, 8))])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph.get_concrete_function()])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    return tfcompress.TFLiteModel(converter.convert())


@pytest.mark.parametrize("target", ["cpu", "gpu", "tflm"])
@pytest.mark.parametrize("name", ["int8", "float32"])
def test_what_runs_has_no_findings(files, target, name):
    findings = tfcompress.check(files[name], target)
    assert findings.passed
    assert list(findings) == []
    assert findings.facts["flash for the file, bytes"] == files[name].size


def test_float_weights_in_integers_are_not_for_microcontrollers(files):
    findings = tfcompress.check(files["dynamic"], "tflm")
    assert not findings.passed
    assert {row.layer for row in findings} <= {"conv", "depthwise", "digit"}
    assert all('"int8"' in row.hint for row in findings)
    assert tfcompress.check(files["dynamic"], "cpu").passed


def test_where_there_is_no_time_for_every_op_the_one_that_stops_the_file_is_named(files, monkeypatch):
    monkeypatch.setattr(interpreters, "sample_timeout", lambda _: 0.0)
    first, last = tfcompress.check(files["dynamic"], "tflm")
    assert first.layer in {"conv", "depthwise", "digit"}
    assert "no end after" not in first.reason
    assert "the other ops were not asked" in last.reason


def test_every_op_that_is_refused_is_listed_once_with_its_reason(mixed):
    findings = tfcompress.check(mixed, "tflm")
    assert [row.op.split()[0] for row in findings] == ["FlexErf", "ATAN2"]
    assert "Didn't find op for builtin opcode 'ATAN2'" in findings.rows[1].reason
    assert not findings.passed
    assert [row.op.split()[0] for row in tfcompress.check(mixed, "cpu")] == ["FlexErf"]
    on_gpu = tfcompress.check(mixed, "gpu")
    assert [(row.op.split()[0], row.blocks) for row in on_gpu] == [("FlexErf", True)]


def test_the_gpu_slows_what_it_does_not_take(rng):
    import tf_keras

    model = tf_keras.Sequential([tf_keras.layers.Input((6, 3)), tf_keras.layers.LSTM(4)])
    findings = tfcompress.check(tfcompress.convert(model, "float32"), "gpu")
    assert findings.passed
    assert [row.op.split()[0] for row in findings] == ["UNIDIRECTIONAL_SEQUENCE_LSTM"]


def test_the_table_names_the_layer_the_reason_and_the_way_out(files):
    text = str(tfcompress.check(files["dynamic"], "tflm"))
    for words in ("does NOT run on tflm", "FULLY_CONNECTED v", "layer 'digit'", "TFLM", "→ Convert"):
        assert words in text


@vela
@pytest.mark.parametrize("target", ["ethos-u55", "ethos-u85"])
def test_an_npu_runs_all_of_an_int8_file_and_nothing_of_a_float_one(files, target):
    whole, none = (tfcompress.check(files[name], target) for name in ("int8", "float32"))
    assert whole.passed
    assert whole.facts["ops on the NPU, %"] == 100
    assert whole.facts["estimated cycles"] > 0
    assert whole.facts["SRAM, bytes"] > 0
    assert none.facts["ops on the NPU, %"] == 0
    assert {row.layer for row in none} == {"conv", "depthwise", "flatten", "digit"}
    assert none.passed, "TFLM runs them on the processor"


@vela
def test_what_neither_the_npu_nor_tflm_runs_stops_a_file(mixed):
    findings = tfcompress.check(mixed, "ethos-u55")
    assert {row.op.split()[0] for row in findings if row.blocks} == {"FlexErf", "ATAN2"}
    assert "SIN" in {row.op.split()[0] for row in findings if not row.blocks}


def test_a_missing_vela_is_told_with_the_pip_line(files, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(tfcompress.MissingPackageError, match="ethosu"):
        tfcompress.check(files["int8"], "ethos-u55")


@pytest.mark.skipif(os.name != "posix", reason="the program is a script of the shell")
def test_a_vela_that_finds_no_end_is_ended(files, monkeypatch, tmp_path):
    (tmp_path / "vela").write_text("#!/bin/sh\nexec /bin/sleep 250\n")
    (tmp_path / "vela").chmod(0o755)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(ethos_u, "MAX_SECONDS", 0.5)
    with pytest.raises(tfcompress.RunError, match=r"no end after 0\.5 s"):
        ethos_u.compiled(files["int8"], "ethos-u55")


@pytest.mark.parametrize("place", ["input", "output", "signature"])
def test_a_name_that_is_no_text_is_told_of_the_file_and_of_no_op(files, place, rng):
    model = unpack(files["int8"].content)
    graph = model.subgraphs[0]
    if place == "signature":
        model.signatureDefs[0].signatureKey = b"go\xff"
    else:
        graph.tensors[getattr(graph, f"{place}s")[0]].name = b"go\xff"
    odd = tfcompress.TFLiteModel(pack(model))
    (found,) = tfcompress.check(odd, "cpu")
    assert found.op == "file"
    assert r"that is not UTF-8: b'go\xff'" in found.reason
    with pytest.raises(tfcompress.RunError, match=r"that is not UTF-8: b'go\\xff'.*in UTF-8; for microcontrollers"):
        tfcompress.Runner(odd)


@pytest.fixture(scope="module")
def two_signatures():
    """Only the second signature has an op that TFLM lacks."""
    import tensorflow as tf

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 8))])
        def first(self, x):
            return {"y": tf.nn.relu(x) * 2.0}

        @tf.function(input_signature=[tf.TensorSpec((1, 8))])
        def second(self, x):
            return {"y": tf.atan2(tf.sin(x), x + 1.0)}

    module = Module()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"first": module.first, "second": module.second})
        return tfcompress.TFLiteModel(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def test_an_op_of_another_signature_is_not_laid_at_the_door_of_the_first(two_signatures):
    (finding,) = tfcompress.check(two_signatures, "tflm")
    assert finding.op.startswith("ATAN2")
    assert "signature 'second'" in finding.reason
    findings = tfcompress.check(two_signatures, "cpu")
    assert findings.passed
    assert findings.facts["signature that is run"] == "'first' of 2"


@pytest.mark.parametrize(("place", "layer"), [(0, "conv"), (-1, "digit")])
def test_a_bad_tensor_is_laid_at_the_door_of_its_op_alone(files, place, layer):
    model = unpack(files["int8"].content)
    op = [one for one in model.subgraphs[0].operators if len(one.inputs) > 2][place]
    bias = model.subgraphs[0].tensors[op.inputs[2]]
    count = len(model.buffers[bias.buffer].data) // 4
    bias.quantization.quantizedDimension = 3
    bias.quantization.scale, bias.quantization.zeroPoint = np.ones(count, np.float32), np.zeros(count, np.int64)
    (finding,) = tfcompress.check(tfcompress.TFLiteModel(pack(model)), "cpu")
    assert finding.layer == layer
    assert "quantized_dimension" in finding.reason


def test_a_bad_tensor_that_no_op_uses_is_told_as_such(files):
    model = unpack(files["int8"].content)
    extra = copy.deepcopy(model.subgraphs[0].tensors[model.subgraphs[0].operators[0].inputs[1]])
    extra.name, extra.quantization.quantizedDimension = b"left", 9
    model.subgraphs[0].tensors.append(extra)
    (finding,) = tfcompress.check(tfcompress.TFLiteModel(pack(model)), "cpu")
    assert finding.op == "file"
    assert "what no op uses" in finding.reason
    assert "'left'" in finding.reason


def test_an_op_inside_a_loop_is_named_and_the_loop_is_not():
    model = unpack(loop(3))
    model.operatorCodes[model.subgraphs[2].operators[1].opcodeIndex].version = 99
    (finding,) = tfcompress.check(tfcompress.TFLiteModel(pack(model)), "cpu")
    assert finding.op.startswith("FULLY_CONNECTED v99")


def test_an_op_that_takes_a_computed_shape_is_not_blamed_for_zeros():
    """A reshape fails where its shape is all zeros, as it is when the op is run alone."""
    model = empty_model()
    graph = Graph(model)
    x, size, pair = graph.tensor((2, 6)), graph.tensor((2,), "int32"), graph.tensor((2,), "int32")
    reshaped, odd = graph.tensor((6, 2)), graph.tensor((6, 2))
    graph.op("SHAPE", [x], [size], schema.ShapeOptionsT(outType=schema.TensorType.INT32))
    graph.op("REVERSE_V2", [size, graph.constant([0], "int32")], [pair])
    graph.op("RESHAPE", [x, pair], [reshaped])
    graph.op("CUSTOM", [reshaped], [odd], custom="Unheard")
    graph.ends([x], [odd])
    (finding,) = tfcompress.check(tfcompress.TFLiteModel(pack(model)), "cpu")
    assert finding.op.startswith("Unheard")


def test_an_unknown_target_is_told(files):
    with pytest.raises(tfcompress.SettingError, match="'ethos-u85'"):
        tfcompress.check(files["int8"], "esp32")
