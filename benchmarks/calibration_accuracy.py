"""Which way from samples to ranges keeps the most accuracy, and how do the others' own do?

    python -m benchmarks.calibration_accuracy DATA MODEL

Three sets of 500 training images each. DATA holds cifar10_jpeg_train.npz and
cifar10_jpeg_test.npz (jpeg, offsets, labels), MODEL is a .keras file.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from statistics import mean

import tfcompress
from benchmarks.cifar10 import images
from benchmarks.peers import litert_quantizer, tflite_converter
from benchmarks.record import Record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("model")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    record = Record("calibration_accuracy", "ranges")
    model = tfcompress.load_keras(arguments.model)
    (x, y), (train, _) = images(arguments.data, "test"), images(arguments.data, "train")
    rows: dict[str, list[tfcompress.Comparison]] = {}
    for start in (0, 5000, 20000):
        samples = train[start : start + 500].astype("float32")
        files = {
            way: tfcompress.convert(model, samples=samples, calibration=way) for way in ("mse", "percentile", "minmax")
        }
        files["TFLiteConverter"] = tfcompress.TFLiteModel(tflite_converter(model, samples))
        files["litert-quantizer"] = tfcompress.TFLiteModel(litert_quantizer(model, samples))
        for way, tflite in files.items():
            rows.setdefault(way, []).append(tfcompress.compare(model, tflite, x.astype("float32"), y))
    for way, results in rows.items():
        accuracies = [100 * result.tflite_accuracy for result in results]
        record.add(
            ranges=way,
            float_accuracy=100 * results[0].keras_accuracy,
            int8_accuracy_mean=mean(accuracies),
            int8_accuracies=", ".join(f"{accuracy:.2f}" for accuracy in accuracies),
            same_class_percent=mean(100 * result.agreement for result in results),
        )


if __name__ == "__main__":
    main()
