from tfcompress.conversion.layer_names import layer_map

PATHS = ["conv", "conv_1", "block/conv", "block", "head"]


def test_names_of_both_kerases():
    tf_keras = layer_map(
        ["net/conv/Conv2D", "net/conv_1/Conv2D", "net/block/conv/BiasAdd;net/block/conv/Conv2D", "arith.constant"],
        PATHS,
        "net",
    )
    assert tf_keras == {
        "net/conv/Conv2D": "conv",
        "net/conv_1/Conv2D": "conv_1",
        "net/block/conv/BiasAdd;net/block/conv/Conv2D": "block/conv",
    }
    keras = layer_map(["net_1/conv_1/convolution", "net_1/conv_1_1/convolution", "net_1/head_1/Relu"], PATHS, "net")
    assert list(keras.values()) == ["conv", "conv_1", "head"]


def test_a_fused_op_is_known_by_the_layer_with_the_kernel():
    names = [
        "net_1/relu_1/Relu;net_1/norm_1/batchnorm/add_1;net_1/conv_1/convolution;net_1/norm_1/batchnorm/sub1",
        "net/relu/Relu;net/norm/FusedBatchNormV3;net/depth/depthwise1",
        "net/relu/Relu;net/norm/FusedBatchNormV3",
    ]
    found = layer_map(names, ["conv", "norm", "relu", "depth"], "net")
    assert list(found.values()) == ["conv", "depth", "norm"]


def test_a_layer_that_comes_back_from_a_saved_model_has_its_name(tmp_path):
    import numpy as np
    import pytest
    import tensorflow as tf
    import tf_keras

    import tfcompress

    class Odd(tf_keras.layers.Layer):
        def call(self, x):
            return tf.math.atan2(x, x + 1.0) + tf.sqrt(tf.abs(x))

    names = ("before", "odd", "after")
    parts = (tf_keras.layers.Dense(8, name="before"), Odd(name="odd"), tf_keras.layers.Dense(4, name="after"))
    model = tf_keras.Sequential([tf_keras.Input((16,)), *parts])
    model.save(tmp_path / "saved", save_format="tf")
    loaded = tfcompress.load_keras(tmp_path / "saved")
    x = np.random.default_rng(0).random((60, 16)).astype(np.float32)
    assert set(tfcompress.convert(loaded, "float32").manifest["layers"].values()) == set(names)
    with pytest.raises(tfcompress.TfcompressError, match="layer odd"):
        tfcompress.convert(loaded, samples=x)
    tflite = tfcompress.convert(loaded, samples=x, keep_float=["odd"])
    np.testing.assert_allclose(tfcompress.Runner(tflite).predict(x), model.predict(x, verbose=0), atol=0.1)
