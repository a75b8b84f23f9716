import numpy as np
import pytest

import tfcompress
from tests.models import images, small_cnn


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_counts_equal_those_by_hand(k, rng, kind):
    model = small_cnn(k)
    kernel = np.array(model.get_layer("conv").kernel)
    kernel[..., :2] = 0
    model.get_layer("conv").kernel.assign(kernel)
    facts = tfcompress.inspect(tfcompress.convert(model, kind, samples=images(rng) if kind == "int8" else None))
    rows = {row.layer: row for row in facts.rows if row.macs}
    assert rows["conv"].macs == 6 * 6 * 8 * 9
    assert rows["depthwise"].macs == 4 * 4 * 8 * 9
    assert rows["digit"].macs == 128 * 10
    assert rows["conv"].zeros >= 2 / 8
    assert facts.macs == sum(row.macs for row in rows.values())
    assert bool(facts.float_ops) == (kind == "float32")
    text = str(facts)
    assert "CONV_2D" in text
    assert ("every op is integer" in text) == (kind == "int8")
    assert f"tfcompress {tfcompress.__version__}" in text


@pytest.mark.parametrize(
    ("kind", "words"),
    [("float32", "float32"), ("float16", "weights in float16"), ("dynamic", "dynamic"), ("int8", "integer")],
)
def test_what_a_file_is_and_how_it_was_made(rng, kind, words):
    import keras

    samples = images(rng) if kind == "int8" else None
    facts = tfcompress.inspect(tfcompress.convert(small_cnn(keras), kind, samples=samples))
    assert facts.kind.startswith(words)
    assert sum(facts.bytes_by_layer.values()) > 0
    assert max(facts.bytes_by_layer, key=facts.bytes_by_layer.get) == next(iter(facts.bytes_by_layer))
    assert {"int8": "int8", "float32": "float32", "float16": "float16", "dynamic": "int8"}[kind] in facts.bytes_by_type
    manifest, text = facts.tflite.manifest, str(facts)
    for package, version in manifest["versions"].items():
        assert f"{package} {version}" in text
    assert f"quantization {kind}" in text
    assert f"computes_in {'int8' if kind == 'int8' else 'float32'}, op CONV_2D" in text
    assert manifest["decisions"]["digit"]["weights"] == ("int8" if kind == "dynamic" else kind)
    if kind == "int8":
        assert "samples 64" in text
        assert "image from 0" in text
    else:
        assert "100% of the MACs" in text
        assert "refuse such a file" in text


def test_products_of_activations_and_volumes_are_counted():
    import keras

    layers = keras.layers
    volume, left, right = keras.Input((4, 5, 6, 2)), keras.Input((3, 7)), keras.Input((7, 8))
    outputs = [layers.Conv3D(9, (2, 3, 1), name="conv")(volume), layers.Dot((2, 1), name="dot")([left, right])]
    facts = tfcompress.inspect(tfcompress.convert(keras.Model([volume, left, right], outputs), "float32"))
    counted = {row.name: row.macs for row in facts.rows if row.macs}
    assert counted == {"CONV_3D": (3 * 3 * 6 * 9) * (2 * 3 * 1 * 2), "BATCH_MATMUL": (3 * 8) * 7}


def test_sizes_by_layer_and_type_add_up():
    facts = tfcompress.inspect("tflite_models/digits_keras_int8.tflite")
    assert facts.bytes_by_type == {"int8": 5920, "int32": 304}
    assert sum(facts.bytes_by_layer.values()) == sum(facts.bytes_by_type.values())
    assert next(iter(facts.bytes_by_layer)) == "digit"


def test_a_file_from_elsewhere(tmp_path):
    import tensorflow as tf

    function = tf.function(lambda x: tf.nn.relu(x) * 2).get_concrete_function(tf.TensorSpec((1, 3)))
    (tmp_path / "other.tflite").write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())
    text = str(tfcompress.inspect(tmp_path / "other.tflite"))
    assert "not made by tfcompress" in text
    assert "in float: " in text
