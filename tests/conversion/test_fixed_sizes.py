"""Third-party compilers read the shape of a reshape from its options, and take no open sizes."""

import pytest

import tfcompress
from tests.models import images, small_cnn
from tfcompress.litert.serialization import read_graph


@pytest.mark.parametrize("kind", ["float32", "dynamic", "int8", "int16x8"])
def test_reshapes_carry_their_shape_and_no_size_is_open(k, rng, kind):
    layers = k.layers
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Flatten()(layers.Reshape((4, 16))(layers.Conv2D(1, 3, padding="same")(image)))
    model = k.Model(image, layers.Reshape((2, 3))(layers.Dense(6)(x)))
    needs = kind in ("int8", "int16x8")
    for each in (model, small_cnn(k)):
        x = images(rng, 60)
        tflite = tfcompress.convert(each, kind, samples=x if needs else None)
        graph = read_graph(tflite.content).main
        assert not any(-1 in (value.shape_signature or ()) for value in graph.values)
        for op in [op for op in graph.ops if op.kind == "RESHAPE"]:
            assert tuple(op.options.newShape) == op.outputs[0].shape
        assert tfcompress.Runner(tflite).predict(x[:3]).shape == each.predict(x[:3], verbose=0).shape, (
            "batches still run"
        )
