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
