"""Which way from samples to ranges keeps the most accuracy, and how does TFLiteConverter's own do?

    python -m benchmarks.calibration_accuracy DATA MODEL

DATA holds cifar10_jpeg_train.npz and cifar10_jpeg_test.npz (jpeg, offsets, labels), MODEL is a .keras file.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

import tfcompress
from benchmarks.calibration_cost import theirs


def images(path: Path, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path) as data:
        jpeg, offsets, labels = data["jpeg"], data["offsets"], data["labels"][rows]
    numbers = range(*rows.indices(len(offsets) - 1))
    decoded = [tf.io.decode_jpeg(jpeg[offsets[i] : offsets[i + 1]].tobytes()).numpy() for i in numbers]
    return np.stack(decoded).astype("float32"), labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("model")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    model = tfcompress.load_keras(arguments.model)
    x, y = images(arguments.data / "cifar10_jpeg_test.npz", slice(None))
    print("| ranges | int8 accuracy, % | same class as float, % |\n|---|---|---|")
    rows: dict[str, list[tfcompress.Comparison]] = {}
    for start in (0, 5000, 20000):
        samples, _ = images(arguments.data / "cifar10_jpeg_train.npz", slice(start, start + 500))
        files = {
            way: tfcompress.convert(model, samples=samples, calibration=way) for way in ("percentile", "mse", "minmax")
        }
        for way, tflite in {**files, "`TFLiteConverter`": tfcompress.TFLiteModel(theirs(model, samples))}.items():
            rows.setdefault(way, []).append(tfcompress.compare(model, tflite, x, y))
    for way, results in rows.items():
        accuracy = ", ".join(f"{100 * result.tflite_accuracy:.2f}" for result in results)
        agreement = ", ".join(f"{100 * result.agreement:.1f}" for result in results)
        print(f"| {way} | {accuracy} | {agreement} |")
    print(f"\nfloat: {100 * results[0].keras_accuracy:.2f} %")


if __name__ == "__main__":
    main()
