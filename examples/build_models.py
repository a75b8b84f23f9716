"""Builds tflite_models/ anew: the demo's int8 model of each Keras, and MANIFEST.json, which tells how each was made."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import tfcompress
from examples import digits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("tflite_models"), help="folder for the files")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    x_train, x_test, y_train, y_test = digits.load()
    manifest = {}
    for name in ("keras", "tf_keras"):
        model = digits.build(name)
        digits.train(model, x_train, y_train)
        tflite = tfcompress.convert(model, "int8", samples=x_train[:300])
        result = tfcompress.compare(model, tflite, x_test, y_test, max_accuracy_drop=0.01)
        (accuracy,) = result.scores
        path = tflite.save(folder / f"digits_{name}_int8.tflite")
        manifest[path.name] = {
            "made_by": "make models (examples/build_models.py)",
            "data": "scikit-learn digits, 1,198 images to train, 300 of them to calibrate, 599 to test",
            "versions": tflite.manifest["versions"],
            "bytes": tflite.size,
            "keras_accuracy": round(accuracy.keras, 4),
            "accuracy": round(accuracy.file, 4),
            "sha256": hashlib.sha256(tflite.content).hexdigest(),
        }
        print(f"{path}\n{result}")
    (folder / "MANIFEST.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
