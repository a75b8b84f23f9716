"""Names with which TensorFlow can trace a model into a graph: not every name that Keras takes is one.

In: a built model of either Keras. Out: nothing, or an error that names the layers.
"""

from __future__ import annotations

import re

from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.graph_nodes import is_input
from tfcompress.typing import KerasModel

SCOPE = re.compile(r"[A-Za-z0-9_.\\/>-]*")
ROOT_SCOPE = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")


def require_traceable_names(model: KerasModel, *, layers_alone: bool = False) -> None:
    """Raise `ModelError` unless the names of a model and of its layers are names of TensorFlow scopes.

    Args:
        model: A built model of either Keras.
        layers_alone: Whether each layer is traced by itself as well, where the rule for models holds.
    """
    rule = ROOT_SCOPE if layers_alone else SCOPE
    # An input of tf_keras is no scope: it may be called anything.
    inputs_are_free = model_view.flavour(model) == "tf_keras"
    layers = [layer for _, layer in model_view.layers(model) if not (inputs_are_free and is_input(layer))]
    bad = [layer.name for layer in layers if not rule.fullmatch(layer.name)]
    bad += [model.name] if not ROOT_SCOPE.fullmatch(model.name) else []
    if bad:
        better = re.sub(r"[^A-Za-z0-9_.-]", "_", bad[0])
        better = better if ROOT_SCOPE.fullmatch(better) else f"layer{better}"
        raise ModelError(
            "TensorFlow can trace a model only if the names in it are made of A–Z, a–z, 0–9, '_', '.' and '-', and do "
            "not begin with '_' or '-'.",
            received=", ".join(map(repr, bad)),
            hint=f"Rename them where the model is built, such as name={better!r}, and take over the weights: "
            "renamed.set_weights(model.get_weights()).",
        )
