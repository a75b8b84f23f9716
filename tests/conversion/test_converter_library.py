"""The converter's library is told what TensorFlow's own converter tells it, and makes the same file of it."""

import importlib
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.models import small_cnn
from tfcompress.conversion.converter_flags import converter_flags
from tfcompress.conversion.converter_library import to_flatbuffer
from tfcompress.conversion.export import export_saved_model
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.keras_compat import model_io
from tfcompress.litert.serialization import read_graph

KINDS = ["float32", "float16", "dynamic", "int8", "int16x8"]


class Told(BaseException):
    """Ends a conversion; the converter catches exceptions."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    import keras

    model, folder = small_cnn(keras), tmp_path_factory.mktemp("model")
    specs = [TensorSpec(spec.name, (1, *spec.shape[1:]), spec.dtype) for spec in model_io.inputs(model)]
    export_saved_model(model, folder / "saved_model", specs)
    return folder / "saved_model"


def flags_of(saved, kind, extra_ops=False):
    calibrated = kind in ("int8", "int16x8")
    return converter_flags(saved, kind, "float32", calibrated=calibrated, extra_ops=extra_ops, model_hash=7)


def stock(saved, kind, extra_ops=False):
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved), signature_keys=["serving_default"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if extra_ops:
        converter.target_spec.supported_ops += [tf.lite.OpsSet.SELECT_TF_OPS]
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind in ("int8", "int16x8"):
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        shape = converter._load_saved_model(str(saved), {"serve"})[1][0].shape
        converter.representative_dataset = lambda: iter([[np.ones(shape, np.float32)]])
    return converter


@pytest.mark.parametrize(("kind", "extra_ops"), [*((kind, False) for kind in KINDS), ("float32", True)])
def test_the_library_is_told_what_the_converter_tells_it(saved, monkeypatch, kind, extra_ops):
    told = []

    def note(model, conversion, *_):
        told.extend([model, conversion])
        raise Told

    converter = stock(saved, kind, extra_ops)
    monkeypatch.setattr(
        importlib.import_module("tensorflow.lite.python.convert").wrap_converter, "wrapped_convert", note
    )
    with pytest.raises(Told):
        converter.convert()
    flags = flags_of(saved, kind, extra_ops)
    assert [flags.model, flags.conversion] == told
    assert flags.each_function_once != flags.conversion


@pytest.mark.parametrize("kind", ["float32", "float16", "dynamic"])
def test_the_file_is_that_of_the_converter(saved, kind):
    expected = read_graph(stock(saved, kind).convert())
    found = read_graph(to_flatbuffer(flags_of(saved, kind)))
    assert [op.kind for op in found.main.ops] == [op.kind for op in expected.main.ops]
    assert [value.name for value in found.main.values] == [value.name for value in expected.main.values]
    for value, right in zip(found.main.values, expected.main.values, strict=True):
        assert (value.shape, value.dtype, value.is_constant) == (right.shape, right.dtype, right.is_constant)
        assert not value.is_constant or value.content.tobytes() == right.content.tobytes()
    notes = dict(expected.metadata)
    assert len(flags_of(saved, kind).note) == len(notes["CONVERSION_METADATA"])


def test_tensorflow_is_not_imported_and_can_be_afterwards(saved):
    """An import of it finds the library that is loaded: a second one would fail."""
    flags = flags_of(saved, "float32")
    script = """
import json, sys
from tfcompress.conversion.converter_library import to_flatbuffer
from tfcompress.conversion.converter_flags import ConverterFlags
given = json.loads(sys.stdin.read()).items()
flags = ConverterFlags(**{key: bytes.fromhex(value) if isinstance(value, str) else value for key, value in given})
first = to_flatbuffer(flags)
assert "tensorflow" not in sys.modules
import tensorflow as tf
converter = tf.lite.TFLiteConverter.from_saved_model(sys.argv[1])
assert len(converter.convert()) > len(first) - 100
print("done")
"""
    given = {key: value.hex() if isinstance(value, bytes) else value for key, value in flags.to_dict().items()}
    done = subprocess.run(
        [sys.executable, "-c", script, str(saved)], input=json.dumps(given), capture_output=True, text=True
    )
    assert done.stdout.strip() == "done", done.stderr[-2000:]
