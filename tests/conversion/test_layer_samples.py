"""What a layer reads, as rows of a matrix, against what the kernels of LiteRT make of it."""

import numpy as np
import pytest

from tfcompress import Runner, convert
from tfcompress.conversion.layer_samples import Layer

LAYERS = {
    "same, strides": lambda layers: layers.Conv2D(6, 3, strides=2, padding="same"),
    "valid, oblong": lambda layers: layers.Conv2D(4, (3, 2), strides=(1, 2)),
    "dilated": lambda layers: layers.Conv2D(4, 3, dilation_rate=2, padding="same"),
    "grouped": lambda layers: layers.Conv2D(6, 3, groups=2),
    "depthwise": lambda layers: layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
    "dense on steps": lambda layers: layers.Dense(5),
}


@pytest.mark.parametrize("name", LAYERS)
def test_rows_times_the_kernel_are_the_sums(rng, name):
    import keras

    layer = LAYERS[name](keras.layers)
    model = keras.Sequential([keras.layers.Input((7, 9, 4)), layer])
    if layer.bias is not None:
        layer.bias.assign(rng.normal(size=layer.bias.shape))
    floats = convert(model, "float32")
    (op,) = [op for op in floats.file.main.ops if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")]
    x = rng.normal(size=(5, 7, 9, 4)).astype(np.float32)
    y = Runner(floats).predict(x)
    found = Layer(op)
    kernel = op.inputs[1].data
    assert (found.in_file(found.by_group(kernel)) == kernel).all()
    bias = op.inputs[2].data.reshape(found.groups, 1, -1)
    places = [*found.places(len(x), seed=0)]
    assert sum(len(each[0]) for each in places) == y.size // y.shape[-1], "all places, where there are few"
    for each in places:
        sums = found.rows(op.inputs[0], x, each) @ found.by_group(kernel) + bias
        np.testing.assert_allclose(sums, found.at(op.outputs[0], y, each), atol=1e-5)
