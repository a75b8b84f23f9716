"""Which layers train quantized and end all-integer, and is what is trained what is run? Beside TF-MOT.

    python -m benchmarks.qat_layers [NAME …] [--again]

One small Keras 3 model a layer: calibrated, one epoch of training on random data, converted without samples, run on the
reference kernels. TF-MOT gets the same layer of tf_keras.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tf_keras

from benchmarks.layers import LAYERS, inputs, network
from benchmarks.record import Record
from tfcompress import Runner, TfcompressError, convert, quantize_aware
from tfcompress.litert.inspect import float_ops


def ours(name: str) -> dict[str, Any]:
    """Train, convert and run one layer with tfcompress."""
    keras.utils.set_random_seed(0)
    model, x = network(keras, name), inputs(name, 256)
    qat_model = quantize_aware(model, samples=x)
    qat_model.compile(keras.optimizers.Adam(1e-3), "mse")
    qat_model.fit(x, model.predict(x, verbose=0), epochs=1, verbose=0)
    tflite = convert(qat_model)
    gaps = [row.path for row in qat_model.quantization.gaps]
    runtime = "litert" if gaps else "reference"  # which has few float kernels
    trained, run = qat_model.predict(x, verbose=0), Runner(tflite, runtime=runtime).predict(x)
    near = float((np.abs(trained - run) <= 1.01 * (tflite.outputs[0].scale or 1e-4)).mean())
    return {"in_float": ", ".join(op.name for op in float_ops(tflite)) or "–", "gaps": gaps, "within_one_step": near}


def tfmot_takes(name: str) -> str:
    """Tell what TF-MOT's quantize_model does with the same layer."""
    from tensorflow_model_optimization.quantization.keras import quantize_model

    try:
        quantize_model(network(tf_keras, name))
    except Exception as error:  # whatever it refuses with is its row
        return f"refuses: {str(error).splitlines()[0][:70]}"
    return "accepts"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--again", action="store_true")
    arguments = parser.parse_args()
    record = Record("qat_layers", "layer")
    done = {row["layer"] for row in record.rows}
    for name in arguments.names or LAYERS:
        if name in done and not arguments.again:
            continue
        try:
            row = ours(name)
            row = {"in_float": row["in_float"], "within_one_step": 100 * row["within_one_step"]}
        except TfcompressError as error:
            row = {"in_float": f"{type(error).__name__}: {str(error)[:120]}", "within_one_step": None}
        record.add(layer=name, **row, TFMOT=tfmot_takes(name))
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
