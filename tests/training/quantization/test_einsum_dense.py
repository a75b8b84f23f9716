"""EinsumDense in training: whatever its equation and its bias, what is trained is what runs."""

import numpy as np
import pytest

from tfcompress import Runner, convert, quantize_aware

CASES = [
    ("abc,cde->abde", (5, 2, 3), "de", "int4"),
    ("abc,cde->abde", (5, 2, 3), "e", "int4"),
    ("abc,cde->abed", (5, 3, 2), "ed", "int4"),
    ("abc,cd->abd", (5, 7), "b", "int4"),
    ("abc,cd->adb", (7, 5), "d", "int4"),
    ("abc,bcd->abd", (5, 7), "d", "int8"),
    ("abc,bcd->abd", (5, 7), None, "int8"),
]
"""Equation, shape of the output, axes of the bias, and the type of the weights in a file with four bits."""


def network(k, cases, norms):
    """Return a model that has each case, every other with a ReLU; norms behind them if asked."""
    layers = k.layers
    x = readings = layers.Input((5, 4), name="readings")
    x = layers.Conv1D(4, 3, padding="same", activation="relu", name="conv")(x)
    outputs = []
    for number, (equation, shape, bias, _) in enumerate(cases):
        name, activation = f"einsum{number}", (None, "relu")[number % 2]
        y = layers.EinsumDense(equation, shape, bias_axes=bias, activation=activation, name=name)(x)
        y = layers.BatchNormalization(name=f"norm{number}")(y) if norms else y
        outputs.append(layers.Dense(2, name=f"out{number}")(layers.Flatten(name=f"flat{number}")(y)))
    return k.Model(readings, layers.Concatenate(name="all")(outputs))


def check(k, rng, cases, scheme, norms):
    k.utils.set_random_seed(0)
    model, x = network(k, cases, norms), rng.normal(size=(200, 5, 4)).astype(np.float32)
    for variable in model.weights:
        if "bias" in variable.name:
            variable.assign(rng.normal(size=variable.shape))
    qat_model = quantize_aware(model, scheme, samples=x, **({"keep_int8": []} if scheme == "int8x4" else {}))
    qat_model.compile(k.optimizers.Adam(1e-3), "mse")
    qat_model.fit(x, np.zeros((len(x), 2 * len(cases)), np.float32), verbose=0)
    tflite = convert(qat_model)
    apart = np.abs(Runner(tflite, runtime="reference").predict(x) - qat_model.predict(x, verbose=0))
    within = (apart <= 1.01 * tflite.outputs[0].scale).mean(axis=0)
    assert (within >= 0.99).all(), within
    return {row.path: row.scheme for row in qat_model.quantization.rows}


@pytest.mark.one_keras
def test_a_bias_that_is_none_of_the_op_is_added_behind_it(k, rng):
    rows = check(k, rng, CASES[1::4], "int8x4", norms=False)  # each of a FULLY_CONNECTED, and of a BATCH_MATMUL
    assert "4 bits" in rows["einsum0"]
    assert "8" in rows["einsum1"]


@pytest.mark.slow
@pytest.mark.parametrize("norms", [False, True], ids=["plain", "normed"])
@pytest.mark.parametrize("scheme", ["int8", "int8x4"])
def test_every_equation_and_bias_trains_and_converts(k, rng, scheme, norms):
    rows = check(k, rng, [*CASES, *CASES[:1]], scheme, norms)
    for number, (*_, weights) in enumerate(CASES):
        assert ("4 bits" in rows[f"einsum{number}"]) <= (scheme == "int8x4" and weights == "int4"), number
        assert ("4 bits" in rows[f"einsum{number}"]) or norms or scheme == "int8" or weights == "int8", number
