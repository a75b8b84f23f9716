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


def test_a_file_from_elsewhere(tmp_path):
    import tensorflow as tf

    function = tf.function(lambda x: tf.nn.relu(x) * 2).get_concrete_function(tf.TensorSpec((1, 3)))
    (tmp_path / "other.tflite").write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())
    text = str(tfcompress.inspect(tmp_path / "other.tflite"))
    assert "not made by tfcompress" in text
    assert "in float: " in text
