"""An existing float .tflite quantized in each way, beside litert-quantizer called as its documentation shows it.

    python -m benchmarks.quantize_file DATA MODEL

DATA holds cifar10_jpeg_train.npz and cifar10_jpeg_test.npz (jpeg, offsets, labels), MODEL is a .keras file. Accuracy is
that of 10,000 test images; calibration is on the first 500 training images. Seconds are those of one run.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import get_args

import tfcompress
from benchmarks.cifar10 import images
from benchmarks.peers import quantized_file
from benchmarks.record import Record
from tfcompress.conversion.quantize_file import Kind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("model")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    record = Record("quantize_file", "file")
    x, y = images(arguments.data, "test")
    samples = images(arguments.data, "train")[0][:500].astype("float32")
    floats = tfcompress.convert(tfcompress.load_keras(arguments.model), "float32")
    ways = {
        "float32, as it was": lambda: floats,
        **{
            f"quantize, {kind}": lambda kind=kind: tfcompress.quantize(
                floats, kind, samples=samples if kind == "int8" else None
            )
            for kind in get_args(Kind)
        },
        "litert-quantizer's own static int8": lambda: tfcompress.TFLiteModel(quantized_file(floats.content, samples)),
    }
    for name, make in ways.items():
        started = time.perf_counter()
        tflite = make()
        seconds = time.perf_counter() - started
        found = tfcompress.Runner(tflite).predict(x.astype("float32")).argmax(1)
        record.add(
            file=name,
            accuracy_percent=100 * float((found == y).mean()),
            bytes=tflite.size,
            float_ops=len(tfcompress.inspect(tflite).float_ops),
            seconds=seconds,
        )


if __name__ == "__main__":
    main()
