"""A model becomes another object with the same layers, weights and settings.

In: a model of either Keras. Out: its float32 copy. Knows nothing of quantization.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from tfcompress import kerases
from tfcompress.console import say
from tfcompress.errors import ModelError
from tfcompress.training.float_graph import functional


def copied(model: Any) -> Any:
    """Return a float32 copy of a model, with its weights.

    Raises:
        ModelError: the model cannot be rebuilt from its configuration.
    """
    keras = kerases.keras_of(model)
    if not getattr(getattr(model, "_functional", None) or model, "_nodes_by_depth", None):
        model = functional(model)
    try:
        written = keras.saving.serialize_keras_object(model)
        changed = _made_plain(written)
        with keras.saving.custom_object_scope(_own_objects(model)):
            twin = keras.saving.deserialize_keras_object(written, safe_mode=False)
        twin.set_weights(model.get_weights())
    except Exception as error:
        raise ModelError(
            "A model must be rebuildable from its configuration, to be copied.",
            received=f"{model.name!r}: {type(error).__name__}: {' '.join(str(error).split())[:300]}",
            todo="Give layers of your own a get_config, and write activations as named functions.",
        ) from error
    if changed:
        say(f"{model.name} computes in half precision; its quantization-aware twin computes in float32.")
    return twin


def _own_objects(model: Any) -> dict[str, Any]:
    """Return the classes and functions in a model that its Keras does not know, by name."""
    found: dict[str, Any] = {}
    for _, layer in kerases.layers(model):
        values = [type(layer), *(value for value in vars(layer).values() if isinstance(value, FunctionType))]
        for value in values:
            if not value.__module__.startswith(("keras.", "tf_keras.")):
                found[value.__name__] = value
    return found


def _made_plain(config: Any) -> bool:
    """Drop what a serialized model was compiled with, set every dtype policy to float32; tell whether one was not."""
    changed = False
    if isinstance(config, dict):
        config.pop("compile_config", None)
    for key, value in list(config.items()) if isinstance(config, dict) else []:
        name = value.get("config", {}).get("name") if key == "dtype" and isinstance(value, dict) else value
        if key == "dtype" and name in ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16"):
            config[key], changed = "float32", True
        else:
            changed |= _made_plain(value)
    for value in config if isinstance(config, (list, tuple)) else []:
        changed |= _made_plain(value)
    return changed
