"""The main job: a trained Keras model in, int8 .tflite files and their proof out. Exits 1 if int8 loses a point."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import tfcompress
from examples import digits
from tfcompress.console import progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keras", choices=["keras", "tf_keras"], default="keras", help="Keras 3 or Keras 2")
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for the files")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)

    x_train, x_test, y_train, y_test = digits.load()
    with progress("training a small CNN on handwritten digits"):
        model = digits.build(arguments.keras)
        digits.train(model, x_train, y_train)

    files = {
        "float32": tfcompress.convert(model, "float32"),
        "int8": tfcompress.convert(model, "int8", samples=x_train[:300]),
    }
    comparisons = {
        name: tfcompress.compare(model, tflite, x_test, y_test, max_accuracy_drop=0.01)
        for name, tflite in files.items()
    }
    with progress("pruning it to 80 % zeros"):
        pruner = tfcompress.MagnitudePruning(0.8)
        model.fit(x_train, y_train, batch_size=32, epochs=10, verbose=0, callbacks=[pruner])
    files["pruned, int8"] = tfcompress.convert(model, "int8", samples=x_train[:300])
    comparisons["pruned, int8"] = tfcompress.compare(
        model, files["pruned, int8"], x_test, y_test, max_accuracy_drop=0.01
    )
    report = tfcompress.report(comparisons, title=f"Digits CNN, {arguments.keras}, {len(x_test)} unseen images")
    print(report)
    print(files["int8"].save(arguments.output / f"digits_{arguments.keras}_int8.tflite"))
    print(files["pruned, int8"].save(arguments.output / f"digits_{arguments.keras}_pruned_int8.tflite"))
    print(report.save(arguments.output / f"digits_{arguments.keras}.html"))
    sys.exit(0 if all(comparison.passed for comparison in comparisons.values()) else 1)


if __name__ == "__main__":
    main()
