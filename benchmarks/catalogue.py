"""Every layer of the catalogue: calibrated, trained, in int16x8, its channels followed, its kernels pruned?

    python -m benchmarks.catalogue [NAME …] [--keras keras | tf_keras] [--again]

One small model a layer, random data, in both Kerases. "integer" means that every op of the file is. Trained is one
epoch; beside it the share of values of the file, on the reference kernels, that are within one step of what Keras
computes: of the layer alone, and followed by a layer with a kernel. Channels are those of a layer before it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.record import Record
from tfcompress import (
    MagnitudePruning,
    Runner,
    TfcompressError,
    channel_graph,
    convert,
    inspect,
    quantize_aware,
    sparsity,
)
from tfcompress.layers.catalogue import examples
from tfcompress.layers.example import Example

SAMPLES = 256
WITHIN = 1.01
"""Steps between two values that count as one, as steps are floats."""


def row(k: Any, example: Example) -> dict[str, Any]:
    """Return what becomes of one layer."""
    x = example.inputs(SAMPLES)
    followed = replace(example, call=lambda k, x: kernel(k, example.call(k, x)))
    found: dict[str, Any] = {}
    for column, kind in (("calibrated", "int8"), ("int16x8", "int16x8")):
        found[column] = told(lambda kind=kind: ops(convert(example.model(k), kind, samples=x)))
    for column, each in (("trained", example), ("then a kernel", followed)):
        found[column] = told(lambda each=each: trained(k, each.model(k), x))
    found["channels"] = told(lambda: channels(k, example))
    found["pruned"] = told(lambda: pruned(k, example.model(k), x))
    return found


def told(make: Callable[[], str]) -> str:
    """Return a cell, or that the layer is refused."""
    try:
        return make()
    except TfcompressError as error:
        return f"refused: {str(error.received)[:60]}"


def ops(tflite: Any) -> str:
    """Return whether a file is integer."""
    floats = inspect(tflite).float_ops
    return f"{len(floats)} float op{'s' * (len(floats) > 1)}" if floats else "integer"


def trained(k: Any, model: Any, x: np.ndarray, quantization: str = "int8", **settings: Any) -> str:
    """Train a model for an epoch; return what its file is, and how near to Keras."""
    qat_model = quantize_aware(model, quantization, samples=x, **settings)
    qat_model.compile("sgd", "mse")
    qat_model.fit(x, model.predict(x, verbose=0), epochs=1, verbose=0)
    tflite = convert(qat_model)
    expected, given = qat_model.predict(x, verbose=0), Runner(tflite, runtime="reference").predict(x)
    near = (np.abs(expected - given) <= WITHIN * (tflite.outputs[0].scale or 1e-4)).mean()
    return f"{ops(tflite)}, {100 * near:.2f} %"


def share_of(cell: str) -> float:
    """Return the share of values that are near, of a cell about an integer file; 0 for another one."""
    found = re.fullmatch(r"integer, ([\d.]+) %", cell)
    return float(found[1]) if found else 0.0


def kernel(k: Any, x: Any) -> Any:
    """Follow a result with a convolution or a dense layer."""
    if len(x.shape) == 4:
        return k.layers.Conv2D(3, 3, padding="same", name="after")(x)
    return k.layers.Conv1D(3, 3, padding="same", name="after")(x) if len(x.shape) == 3 else dense(k, x)


def dense(k: Any, x: Any) -> Any:
    """Follow a result with a dense layer; what has steps of an open number is averaged over them."""
    if None in x.shape[1:]:
        x = k.layers.GlobalAveragePooling1D()(k.layers.Reshape((-1, x.shape[-1]))(x))
    return k.layers.Dense(3, name="after")(x if len(x.shape) == 2 else k.layers.Flatten()(x))


def channels(k: Any, example: Example) -> str:
    """Tell whether channels that a layer before it makes can go."""
    made = {
        4: lambda x: k.layers.Conv2D(4, 3, padding="same", name="before")(x),
        3: lambda x: k.layers.Conv1D(4, 3, padding="same", name="before")(x),
        2: lambda x: k.layers.Dense(6, name="before")(x),
    }
    entry = k.Input(example.shape, dtype="int32" if example.ids else "float32")
    before = entry if example.ids else made[len(entry.shape)](entry)
    graph = channel_graph(k.Model(entry, dense(k, example.call(k, before))), keep_first=False)
    freed = {path.split("/")[0] for group in graph.groups for path in group.layers("out")}
    return "followed" if (freed if example.ids else "before" in freed) else "kept whole"


def pruned(k: Any, model: Any, x: np.ndarray) -> str:
    """Prune to half for two epochs; return the share of zeros in its kernels."""
    try:
        sparsity(model)
    except TfcompressError:
        return "no kernel"
    model.compile("sgd", "mse")
    model.fit(x, model.predict(x, verbose=0), epochs=2, verbose=0, callbacks=[MagnitudePruning(0.5)])
    return f"{100 * sparsity(model).total:.0f} % zeros"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--keras", choices=("keras", "tf_keras"), action="append")
    parser.add_argument("--again", action="store_true")
    arguments = parser.parse_args()
    record = Record("catalogue", "layer", "keras")
    done = {(one["layer"], one["keras"]) for one in record.rows}
    for flavour in arguments.keras or ("keras", "tf_keras"):
        k = importlib.import_module(flavour)
        for name in arguments.names or examples():
            if not examples()[name].exists(k) or ((name, flavour) in done and not arguments.again):
                continue
            k.utils.set_random_seed(0)
            record.add(layer=name, keras=flavour, **row(k, examples()[name]))
            k.backend.clear_session()


if __name__ == "__main__":
    main()
