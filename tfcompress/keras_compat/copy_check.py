"""Whether a copy of a model computes what the model does.

In: a model and its copy. Out: nothing, or an error that names the first layer that computes something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.keras_compat.graph_nodes import leaves
from tfcompress.typing import KerasModel

SAMPLES = 2
OPEN_SIZE = 32
"""The size that open axes get in the batch on which models are compared."""
TOLERANCE = {"float32": 1e-3, "half": 0.05}
"""How far results may be apart, as a share of the largest."""


def require_same(model: KerasModel, made: Any) -> None:
    """Raise unless two models compute the same on a batch of noise.

    Models that cannot run on noise, such as those that read text, and those that are random in inference are not
    judged.

    Raises:
        ModelError: they do not; the message names the first layer that computes something else.
    """
    batch = _noise(model)
    if batch is None:
        return
    try:
        expected, again = _run(model, batch), _run(model, batch)
    except Exception:  # noise is no input for it
        return
    tolerance = TOLERANCE["half" if _is_half(model) else "float32"]
    if not all(np.isfinite(one).all() for one in expected) or not _alike(expected, again, tolerance):
        return
    if _alike(expected, _run(made, batch), tolerance):
        return
    found = _first_other(model, made, batch, tolerance)
    raise ModelError(
        "A copy of the model must compute what the model does.",
        received=f"{model.name!r}, whose copy computes something else from the layer {found!r} on",
        hint="What the layer computes must follow from what its get_config returns, and from its weights.",
    )


def _noise(model: KerasModel) -> dict[str, Any] | None:
    generator = np.random.default_rng(0)
    batch: dict[str, Any] = {}
    for spec in model_io.inputs(model):
        shape = (SAMPLES, *(OPEN_SIZE if size is None else size for size in spec.shape[1:]))
        if spec.dtype.startswith(("float", "bfloat")):
            batch[spec.name] = generator.normal(size=shape).astype("float32")
        elif spec.dtype == "string":
            return None
        else:
            batch[spec.name] = generator.integers(0, 2, shape).astype(spec.dtype)  # ids that every table has
    return batch


def _run(model: KerasModel, batch: dict[str, Any]) -> list[np.ndarray]:
    return [np.asarray(value, np.float64) for value in model_io.forward(model)(batch).values()]


def _is_half(model: KerasModel) -> bool:
    return any(model_view.compute_dtype(layer) in ("float16", "bfloat16") for _, layer in model_view.layers(model))


def _alike(first: list[np.ndarray], second: list[np.ndarray], tolerance: float) -> bool:
    if len(first) != len(second) or any(a.shape != b.shape for a, b in zip(first, second, strict=True)):
        return False
    return all(
        np.abs(a - b).max(initial=0.0) <= tolerance * max(np.abs(a).max(initial=0.0), 1e-6)
        for a, b in zip(first, second, strict=True)
    )


def _first_other(model: KerasModel, made: Any, batch: dict[str, Any], tolerance: float) -> str:
    """Return the path of the first layer whose copy puts out something else."""
    seen = []
    for each in (model, made):
        with _results_noted(each) as results:
            _run(each, batch)
        seen.append(results)
    for (path, a), (other, b) in zip(*seen, strict=False):
        if path != other or not _alike(a, b, tolerance):
            return path
    return model.name


@contextmanager
def _results_noted(model: KerasModel) -> Iterator[list[tuple[str, list[np.ndarray]]]]:
    """Note what each layer without layers inside puts out, call by call, while the block runs."""
    results: list[tuple[str, list[np.ndarray]]] = []
    layers = model_view.leaf_layers(model)

    def noting(path: str, call: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            result = call(*args, **kwargs)
            values = [leaf for leaf in leaves(result) if hasattr(leaf, "shape")]
            results.append((path, [np.asarray(value, np.float64) for value in values]))
            return result

        return run

    for path, layer in layers:
        object.__setattr__(layer, "call", noting(path, layer.call))
    try:
        yield results
    finally:
        for _, layer in layers:
            object.__delattr__(layer, "call")
