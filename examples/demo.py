"""The main job: a trained Keras model in, int8 .tflite files and their proof out. Exits 1 if one loses two points."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import tfcompress
from examples import digits
from tfcompress.console import progress
from tfcompress.typing import KerasModel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keras", choices=["keras", "tf_keras"], default="keras", help="Keras 3 or Keras 2")
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for the files")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    x_train, x_test, y_train, y_test = digits.load()
    samples = x_train[:300]
    comparisons: dict[str, tfcompress.Comparison] = {}

    def prove(name: str, model: KerasModel, tflite: tfcompress.TFLiteModel) -> None:
        """Save a file and compare it with the model that it was made from."""
        tflite.save(arguments.output / f"digits_{arguments.keras}_{name.replace(', ', '_').replace(' ', '_')}.tflite")
        # Two points: what 599 images can tell where a few of them change their class.
        comparisons[name] = tfcompress.compare(model, tflite, x_test, y_test, max_accuracy_drop=0.02)

    with progress("training a small CNN on handwritten digits"):
        model = digits.build(arguments.keras)
        digits.train(model, x_train, y_train)
    prove("float32", model, tfcompress.convert(model, "float32"))
    prove("int8", model, tfcompress.convert(model, samples=samples))
    eight = ["conv1", "depthwise"]  # the last layer, which else keeps 8 bits, holds most of the weights
    prove("int8x4", model, tfcompress.convert(model, "int8x4", samples=samples, keep_int8=eight))
    recovered = tfcompress.convert(model, "int8x4", samples=samples, keep_int8=eight, recover=True)
    prove("int8x4 recovered", model, recovered)

    with progress("training it on with int8 in the loop"):
        qat_model = tfcompress.quantize_aware(model, samples=samples)
        qat_model.fit(x_train, y_train, batch_size=32, epochs=5, verbose=0)
    prove("int8 trained", model, tfcompress.convert(qat_model))

    with progress("taking out half of the multiplications, and training on"):
        smaller = tfcompress.prune_channels(model, macs=0.5, round_to=4, keep_first=False)
        digits.train(smaller, x_train, y_train, epochs=10)
    prove("half the MACs, int8", smaller, tfcompress.convert(smaller, samples=samples))

    with progress("pruning the float model to 80 % zeros"):
        pruner = tfcompress.MagnitudePruning(0.8)
        model.fit(x_train, y_train, batch_size=32, epochs=10, verbose=0, callbacks=[pruner])
    prove("pruned, int8", model, tfcompress.convert(model, samples=samples))

    with progress("training that on with int8 in the loop, zeros kept"):
        qat_model = tfcompress.quantize_aware(model, samples=samples)
        keeper = tfcompress.MagnitudePruning(0.8)
        qat_model.fit(x_train, y_train, batch_size=32, epochs=5, verbose=0, callbacks=[keeper])
    prove("pruned, int8 trained", model, tfcompress.convert(qat_model))

    report = tfcompress.report(comparisons, title=f"Digits CNN, {arguments.keras}, {len(x_test)} unseen images")
    print(report)
    print(report.save(arguments.output / f"digits_{arguments.keras}.html"))
    sys.exit(0 if all(comparison.passed for comparison in comparisons.values()) else 1)


if __name__ == "__main__":
    main()
