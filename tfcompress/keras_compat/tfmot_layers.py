"""Layers of TF-MOT in a tf_keras model, told by their classes: TF-MOT itself is not imported.

In: a built model of either Keras. Out: which layers are wrapped, and whether quantization-aware ones have seen data.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.graph_nodes import is_input
from tfcompress.typing import KerasModel

INITIAL_LOW = -6.0
"""The lower end of TF-MOT's ranges until they have seen data."""
SAVED = (
    *("QuantizeLayer", "QuantizeWrapper", "QuantizeWrapperV2", "QuantizeAnnotate", "PruneLowMagnitude"),
    *("ClusterWeights", "ClusterWeightsRNN", "ClusterWeightsMHA"),
)
"""How a file names the layers of TF-MOT."""
CLUSTERING = "tensorflow_model_optimization.clustering.keras"


def is_wrapped_by_tfmot(config: Any) -> bool:
    """Tell whether the config of a saved model names layers of TF-MOT, wherever it does."""
    waiting = [config]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict) and node.get("class_name") in SAVED:
            return True
        if isinstance(node, (dict, list)):
            waiting.extend(node.values() if isinstance(node, dict) else node)
    return False


def quantize_wrappers(model: KerasModel) -> dict[str, Any]:
    """Return the layers by path with which TF-MOT made a model quantization-aware."""
    return _layers(model, "QuantizeLayer", "QuantizeWrapper")


def carries_tfmot_ranges(model: KerasModel) -> bool:
    """Tell whether TF-MOT made a whole model quantization-aware, so that its int8 file needs no samples.

    Raises:
        ModelError: it did, but some ranges have seen no data yet. Samples are no way out: values are rounded to
            the ranges that TF-MOT begins with, -6 to 6, whatever is measured later.
    """
    wrappers = quantize_wrappers(model)
    inside = tuple(f"{path}/" for path in wrappers)
    leaves = [(path, layer) for path, layer in model_view.leaf_layers(model) if not is_input(layer)]
    left = [path for path, _ in leaves if path not in wrappers and not path.startswith(inside)]
    if not wrappers:
        return False
    ids = {id(layer) for layer in wrappers.values()}
    lows = [weight for weight in model_view.weights(model) if id(weight.layer) in ids and weight.name.endswith("_min")]
    unset = [weight.path for weight in lows if np.all(weight.value == INITIAL_LOW)]
    if unset:
        raise ModelError(
            "A quantization-aware model must have seen data before it is converted.",
            received=f"{model.name!r} of TF-MOT, with {len(unset)} ranges as they were made, such as {unset[0]}",
            hint="Train it, or convert the float model that it was made of, with samples.",
        )
    return not left


def require_stripped(model: KerasModel) -> None:
    """Raise `ModelError` where TF-MOT's wrappers for pruning or clustering are still on."""
    for kind, wrapper, strip in (
        ("pruning", "PruneLowMagnitude", "tfcompress.tfmot.strip(model), which applies the masks and"),
        ("clustering", "ClusterWeights", f"{CLUSTERING}.strip_clustering(model), which"),
    ):
        if wrapped := _layers(model, wrapper):
            raise ModelError(
                f"TF-MOT's {kind} wrappers must come off first.",
                received=f"{model.name!r} with {', '.join(wrapped)}",
                hint=f"Take {strip} returns the model without wrappers.",
            )


def pruning_masks(model: KerasModel) -> dict[int, np.ndarray]:
    """Return the masks of TF-MOT's pruning wrappers by the id of the weight, True where a weight stays."""
    wrappers = _layers(model, "PruneLowMagnitude").values()
    pairs = [(weight, mask) for layer in wrappers for weight, mask, *_ in layer.pruning_vars]
    return {id(weight): np.array(mask.numpy()) != 0 for weight, mask in pairs}


def is_pruning_wrapper(layer: Any) -> bool:
    """Tell whether a layer is TF-MOT's wrapper for pruning, whose own variables are masks, thresholds and a step."""
    return _is_of_tfmot(layer, ("PruneLowMagnitude",))


def _layers(model: KerasModel, *prefixes: str) -> dict[str, Any]:
    return {path: layer for path, layer in model_view.layers(model) if _is_of_tfmot(layer, prefixes)}


def _is_of_tfmot(layer: Any, prefixes: tuple[str, ...]) -> bool:
    return any(
        base.__module__.startswith("tensorflow_model_optimization.") and base.__name__.startswith(prefixes)
        for base in type(layer).__mro__
    )
