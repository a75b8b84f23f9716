"""Which `keras.applications` become all-integer files by quantization-aware training, beside TF-MOT?

    python -m benchmarks.qat_applications [NAME …] [--again]

Random weights, small inputs, two training steps on random images; the outputs before the softmax are compared, as
those of a random softmax are all alike. Random weights amplify: one value in some thousands that rounds the other way
in a first layer becomes a step or more in most outputs of a deep model. TF-MOT gets the same model of tf_keras.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from benchmarks.applications import SIZES
from benchmarks.record import Record
from tfcompress import Runner, TfcompressError, convert, quantize_aware
from tfcompress.litert.inspect import float_ops


def ours(name: str, size: int) -> dict[str, Any]:
    """Calibrate, train, convert and run one model."""
    keras.utils.set_random_seed(1)
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=None
    )
    x = np.random.default_rng(1).uniform(0, 255, (32, size, size, 3)).astype("float32")
    for layer in model._flatten_layers():
        if type(layer).__name__ == "BatchNormalization":
            layer.momentum = 0.0
    model(x, training=True)  # statistics of the batch norms that fit the data, as in a trained model
    qat_model = quantize_aware(model, samples=x)
    qat_model.compile(keras.optimizers.Adam(1e-5), "mse")
    qat_model.fit(x, model.predict(x, verbose=0), batch_size=16, verbose=0)
    tflite = convert(qat_model)
    trained, run = qat_model.predict(x, verbose=0), Runner(tflite, runtime="reference").predict(x)
    return {
        "layers": len(qat_model.quantization.rows),
        "in_float": ", ".join(op.name for op in float_ops(tflite)) or "–",
        "within_one_step": 100 * float((np.abs(trained - run) <= 1.01 * tflite.outputs[0].scale).mean()),
        "largest_in_steps": float(np.abs(trained - run).max() / tflite.outputs[0].scale),
    }


def tfmot_takes(name: str, size: int) -> str:
    """Tell what TF-MOT's quantize_model does with the same model."""
    import tf_keras
    from tensorflow_model_optimization.quantization.keras import quantize_model

    model = getattr(tf_keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)
    try:
        quantize_model(model)
    except Exception as error:  # whatever it refuses with is its row
        return "refuses: " + str(error).splitlines()[0][:80]
    return "accepts"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--again", action="store_true")
    arguments = parser.parse_args()
    record = Record("qat_applications", "model")
    done = {row["model"] for row in record.rows}
    for name in arguments.names or SIZES:
        if name in done and not arguments.again:
            continue
        try:
            row = ours(name, SIZES[name])
        except TfcompressError as error:
            row = {"in_float": f"{type(error).__name__}: {str(error)[:200]}"}
        record.add(model=name, **row, TFMOT=tfmot_takes(name, SIZES[name]))
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
