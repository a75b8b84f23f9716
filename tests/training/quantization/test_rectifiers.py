"""Rectifiers round as their kernels do, which have one multiplier above zero and another one below."""

import numpy as np
import pytest

from tfcompress import Runner, convert, quantize_aware

pytestmark = pytest.mark.one_keras

KINDS = {
    "LeakyReLU": lambda k: k.layers.LeakyReLU(),
    "negative_slope": lambda k: k.layers.ReLU(negative_slope=0.12),
    "activation": lambda k: k.layers.Activation("leaky_relu" if k.__name__ == "keras" else k.layers.LeakyReLU(0.2)),
    "ReLU": lambda k: k.layers.ReLU(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_rectifiers_compute_what_the_reference_kernels_do(k, kind, rng):
    """Alone after a pooling layer, which nothing fuses with; then read by a convolution."""
    x = rng.normal(size=(128, 16, 16, 3)).astype("float32")
    entry = k.Input((16, 16, 3))
    rectified = KINDS[kind](k)(k.layers.MaxPooling2D(2)(k.layers.Conv2D(8, 3)(entry)))
    model = k.Model(entry, [rectified, k.layers.Conv2D(4, 3)(rectified)])
    qat_model = quantize_aware(model, samples=x)
    tflite = convert(qat_model)
    found = Runner(tflite, runtime="reference").predict(x)
    for output, ours in zip(tflite.outputs, qat_model.predict(x, verbose=0), strict=True):
        device = found[output.name]
        steps = np.abs(ours - device) / output.scale
        assert steps.max() < 1.01
        assert (steps > 0.5).mean() < 0.01
