"""Record what conversion makes of the models of the fence: ops, bytes, layers, and how far the answers are off.

    python -m tests.fence.record [keras | tf_keras] [NAME …] [--way WAY]

In: the models of `cases`. Out: `files.json`, a row for each Keras, model and way: `test_fence` compares with it. Record
anew only what a change is meant to change, and say in its message what it does to the decibels.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import tfcompress
from tests.fence.cases import WAYS, inputs_of, model_of, names_of

RECORD = Path(__file__).parent / "files.json"
MAX_DECIBELS = 99.0
"""What equals float arithmetic but for less is called exact."""

Row = dict[str, Any]


def rows_of(k: Any, name: str, ways: Sequence[str] = WAYS) -> dict[str, Row]:
    """Return a row for each way to make a file of a model; a refusal is a row as well."""
    model = model_of(k, name)
    samples = inputs_of(model, name)
    expected = _predicted(model, samples)
    rows = {}
    for way in ways:
        try:
            made = _made(model, samples, way)
            answers = _answers(tfcompress.Runner(made, runtime="reference").predict(samples))
        except tfcompress.TfcompressError as error:
            rows[way] = {"refused": str(error.received)[:80]}
            continue
        rows[way] = {
            "ops": " ".join(op.name for op in made.ops),
            "bytes": made.size,
            "layers": " ".join(sorted(set(made.manifest.get("layers", {}).values()))),
            "float_ops": len(tfcompress.inspect(made).float_ops),
            "decibels": round(_decibels(expected, answers), 1),
        }
    return rows


def _made(model: Any, samples: Any, way: str) -> tfcompress.TFLiteModel:
    if way == "trained":
        return tfcompress.convert(tfcompress.quantize_aware(model, samples=samples))
    if way == "file":
        return tfcompress.quantize(tfcompress.convert(model, "float32"), samples=samples)
    return tfcompress.convert(model, way, samples=samples)


def _predicted(model: Any, samples: Any) -> list[np.ndarray]:
    return _answers(model.predict(samples, verbose=0))


def _answers(found: Any) -> list[np.ndarray]:
    if isinstance(found, dict):
        return [np.asarray(array, np.float64) for array in found.values()]
    return [np.asarray(array, np.float64) for array in (found if isinstance(found, (list, tuple)) else [found])]


def _decibels(expected: list[np.ndarray], answers: list[np.ndarray]) -> float:
    """Return the signal over the noise of the worst output."""
    ratios = []
    for right, got in zip(expected, answers, strict=True):
        noise, signal = np.mean((right - got) ** 2), np.mean(right**2)
        ratios.append(MAX_DECIBELS if noise == 0 else 10 * np.log10(signal / noise))
    return float(min(MAX_DECIBELS, *ratios, MAX_DECIBELS))


def load() -> dict[str, dict[str, dict[str, Row]]]:
    """Return the record: Keras → model → way → row."""
    return json.loads(RECORD.read_text()) if RECORD.exists() else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("keras", choices=("keras", "tf_keras"))
    parser.add_argument("names", nargs="*")
    parser.add_argument("--way", choices=WAYS, help="record this one anew, of all models")
    arguments = parser.parse_args()
    k = importlib.import_module(arguments.keras)
    for name in arguments.names or names_of(k):
        if not arguments.names and not arguments.way and name in load().get(arguments.keras, {}):
            continue
        rows = rows_of(k, name, [arguments.way] if arguments.way else WAYS)
        record = load()
        record.setdefault(arguments.keras, {}).setdefault(name, {}).update(rows)
        RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
        told = {way: row.get("decibels", "refused") for way, row in rows.items()}
        print(arguments.keras, name, told, flush=True)
        k.backend.clear_session()


if __name__ == "__main__":
    main()
