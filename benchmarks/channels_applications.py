"""Half the MACs of `keras.applications` by channel pruning: do they reload, convert, and run faster?

    python -m benchmarks.channels_applications [NAME …] [--keras keras tf_keras]

Random weights, small inputs, both Kerases. Latency is a paired ratio of int8 files, pruned to unpruned, one thread.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from importlib import import_module
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.applications import SIZES
from benchmarks.frontier import latency_ratio
from benchmarks.record import Record
from tfcompress import TfcompressError, convert, load_keras, prune_channels


def reloads(k: Any, model: Any, x: np.ndarray) -> str:
    """Tell whether a saved model comes back the same; a layer that tf_keras itself cannot find is given to it."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.keras"
        model.save(path)
        scope = {
            type(layer).__name__: type(layer) for layer in model.layers if not hasattr(k.layers, type(layer).__name__)
        }
        scope = {name: kind for name, kind in scope.items() if ".applications." in kind.__module__}
        with k.saving.custom_object_scope(scope):
            again = load_keras(path)
    same = np.array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))
    return ("yes" if same else "other outputs") + (f", with {', '.join(scope)}" if scope else "")


def row(k: Any, name: str) -> dict[str, Any]:
    """Return the figures of one model."""
    size = SIZES[name]
    k.utils.set_random_seed(1)
    model = getattr(k.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)
    x = np.random.default_rng(1).uniform(0, 255, (8, size, size, 3)).astype("float32")
    smaller = prune_channels(model, macs=0.5)
    found = {"MACs_left": smaller.channels.macs_share, "parameters_left": smaller.channels.params_share}
    found["finite"] = bool(np.isfinite(smaller.predict(x, verbose=0)).all())
    found["reloads"] = reloads(k, smaller, x)
    try:
        files = [convert(each, samples=x) for each in (smaller, model)]
    except TfcompressError as error:
        return {
            **found,
            "int8": f"{type(error).__name__}: {str(error)[:120]}",
            "int8_bytes_left": None,
            "latency": None,
        }
    share, ratio = files[0].size / files[1].size, latency_ratio(*files, turns=40)
    return {**found, "int8": "all integer", "int8_bytes_left": share, "latency": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--keras", nargs="+", default=["keras", "tf_keras"], choices=["keras", "tf_keras"])
    arguments = parser.parse_args()
    record = Record("channels_applications", "model", "keras")
    for name in arguments.names or SIZES:
        for flavour in arguments.keras:
            k = import_module(flavour)
            record.add(model=name, keras=flavour, **row(k, name))
            k.backend.clear_session()


if __name__ == "__main__":
    main()
