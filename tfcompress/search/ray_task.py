"""What runs in a worker of Ray: a candidate is made of parts that have travelled there.

In: a workbench. Out: its parts, which can be pickled; and in the worker, a candidate's facts, file and model as bytes.
"""

from __future__ import annotations

import hashlib
from typing import Any

from tfcompress.errors import DataError
from tfcompress.model_files.load_keras import load_keras
from tfcompress.search.candidate_store import CandidateStore, facts_of
from tfcompress.search.recipe import Recipe
from tfcompress.search.workbench import Workbench
from tfcompress.temporary_files import temporary_folder

_benches: dict[str, Workbench] = {}
"""Of this worker, by the model's checksum: a worker makes many candidates of one model."""


def environment(threads: int) -> dict[str, str]:
    """Return the variables of a worker: TensorFlow reads the number of its threads from them."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    return {"TF_CPP_MIN_LOG_LEVEL": "3", **dict.fromkeys(names, str(threads))}


def portable(bench: Workbench) -> dict[str, Any]:
    """Return what a worker needs, ready to be pickled.

    Raises:
        DataError: a dataset, which cannot leave its process.
    """
    data = bench.training.data
    if not isinstance(data.train, tuple):
        raise DataError(
            "Training data must be able to travel to workers.",
            received=type(data.train).__name__,
            hint="Pass (x, y) of arrays, or leave workers= out.",
        )
    return {"model": as_bytes(bench.model), "training": bench.training, "budget": bench.budget}


def as_bytes(model: Any) -> bytes:
    """Return a Keras model as the content of its file."""
    with temporary_folder() as folder:
        path = folder / "model.keras"
        model.save(path)
        return path.read_bytes()


def made_by_worker(parts: dict[str, Any], recipe: Recipe) -> tuple[dict[str, Any], bytes, bytes]:
    """Make a candidate; return its facts, its file, and the file of its model."""
    key = hashlib.sha256(parts["model"]).hexdigest()
    if key not in _benches:
        with temporary_folder() as folder:
            path = folder / "model.keras"
            path.write_bytes(parts["model"])
            _benches[key] = Workbench(load_keras(path), parts["training"], parts["budget"], CandidateStore(None))
    bench = _benches[key]
    candidate = bench.candidate(recipe)
    return facts_of(candidate), candidate.tflite.content, as_bytes(bench.store.model(recipe))
