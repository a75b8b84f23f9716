import numpy as np
import pytest

import tfcompress
from tests.models import images, small_cnn


@pytest.fixture(scope="module")
def tflite():
    import keras

    return tfcompress.convert(small_cnn(keras), samples=images(np.random.default_rng(1)))


def test_save_and_load_give_the_same_value(tflite, tmp_path):
    path = tflite.save(tmp_path / "m.tflite")
    assert tfcompress.load(path) == tflite
    assert path.stat().st_size == tflite.size
    assert 0 < tflite.deflated_size < tflite.size


def test_ops_run_from_input_to_output(tflite):
    assert [op.name for op in tflite.ops] == [
        "CONV_2D", "DEPTHWISE_CONV_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX",
    ]  # fmt: skip
    assert tflite.ops[0].inputs[0].index == tflite.bound_inputs[0][0]
    assert tflite.ops[-1].outputs[0].index == tflite.bound_outputs[0][0]


def test_inputs_carry_their_arithmetic(tflite):
    (spec,) = tflite.inputs
    assert spec.dtype == "int8"
    assert spec.scale == pytest.approx(1 / 255, rel=0.02)
    assert spec.zero_point == -128


def test_a_file_from_elsewhere_has_an_empty_manifest(tmp_path):
    import tensorflow as tf

    function = tf.function(lambda x: x * 2).get_concrete_function(tf.TensorSpec((1, 3)))
    content = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    (tmp_path / "other.tflite").write_bytes(content)
    other = tfcompress.load(tmp_path / "other.tflite")
    assert other.manifest == {}
    assert len(other.inputs) == len(other.outputs) == 1
    np.testing.assert_array_equal(tfcompress.Runner(other).predict(np.ones((2, 3))), np.full((2, 3), 2.0))


def test_damaged_files_are_told(tflite, tmp_path):
    for content in (b"", b"hello", tflite.content[:100], b"\0" * 200):
        (tmp_path / "bad.tflite").write_bytes(content)
        with pytest.raises(tfcompress.FileError):
            tfcompress.load(tmp_path / "bad.tflite")
    with pytest.raises(tfcompress.FileError, match="No such file"):
        tfcompress.load(tmp_path / "missing.tflite")
