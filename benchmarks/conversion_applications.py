"""Which `keras.applications` become all-integer files by calibration, and how exact are their outputs?

    python -m benchmarks.conversion_applications [--only NAME …] [--kerases keras tf_keras]

Random weights, statistics of the batch norms from forward passes, small smooth images, 64 samples. "dB" is the ratio of
signal to quantization noise of the logits on 64 other images (4 on the reference kernels, which are slow).
TFLiteConverter gets the same model and samples, in a process of its own, as it may crash.
"""

from __future__ import annotations

import argparse
import os
import warnings
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.applications import SAMPLES, SIZES, build, images
from benchmarks.record import Record
from benchmarks.run_isolated import apart
from tfcompress import Runner, TFLiteModel, convert, inspect
from tfcompress.keras_compat import model_view

OURS = "dB"


def theirs(flavour: str, name: str) -> dict[str, Any]:
    """Convert with TFLiteConverter and report the float tensors between the ends."""
    from benchmarks.peers import tflite_converter

    model, x = build(model_view.keras_of(flavour), name), images(SIZES[name], SAMPLES, 3)
    tflite = TFLiteModel(tflite_converter(model, x))
    floats = {tensor.index for op in tflite.ops for tensor in (*op.inputs, *op.outputs) if tensor.is_float}
    return {"TFLiteConverter": f"{len(floats)} float tensors", **errors(tflite, model, name, "TFLiteConverter_dB")}


def errors(tflite: TFLiteModel, model: Any, name: str, label: str) -> dict[str, float | str]:
    """Return how far a file's logits are above its error, on the optimised kernels and, for ours, on the reference."""
    x = images(SIZES[name], SAMPLES, 4)
    expected = np.asarray(model.predict(x, verbose=0))
    found = {label: decibels(expected, Runner(tflite).predict(x))}
    if label == OURS:
        few = Runner(tflite, runtime="reference").predict(x[:4])
        found["dB_on_reference_kernels"] = decibels(expected[:4], few)
    return found


def decibels(expected: np.ndarray, found: np.ndarray) -> float:
    """Return the ratio of signal to quantization noise."""
    noise = float(np.mean((found - expected) ** 2))
    return 10 * float(np.log10(float(np.mean(expected**2)) / noise)) if noise else float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=list(SIZES))
    parser.add_argument("--kerases", nargs="+", default=["keras", "tf_keras"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    record = Record("conversion_applications", "model", "Keras")
    for name in arguments.only:
        for flavour in arguments.kerases:
            keras = model_view.keras_of(flavour)
            model = build(keras, name)
            tflite = convert(model, samples=images(SIZES[name], SAMPLES, 3))
            other = apart(theirs, flavour, name)
            if "died" in other:
                other = {"TFLiteConverter": f"ended with {other['died']}", "TFLiteConverter_dB": None}
            record.add(
                model=name,
                Keras=flavour,
                tfcompress="all integer" if not inspect(tflite).float_ops else "float ops",
                **errors(tflite, model, name, OURS),
                **other,
            )
            keras.backend.clear_session()


if __name__ == "__main__":
    main()
