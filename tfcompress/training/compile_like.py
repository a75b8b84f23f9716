"""A changed model is compiled like the model that it was made of.

In: two models of either Keras. Out: nothing.
"""

from __future__ import annotations

from typing import Any


def compile_like(result: Any, model: Any) -> None:
    """Compile a model with the settings of another, if that is compiled; losses and metrics of the user's own too."""
    if not (getattr(model, "compiled", False) or getattr(model, "_is_compiled", False)):
        return
    settings = model.get_compile_config()
    if not settings:
        return
    try:
        result.compile_from_config(settings)
    except Exception:  # functions of the user's own cannot be found by name, but they are there
        given = getattr(model, "_compile_metrics", None) or getattr(model, "compiled_metrics", None)
        own = {name: getattr(given, f"_user_{name}", None) for name in ("metrics", "weighted_metrics")}
        optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
        plain = {name: settings[name] for name in ("loss_weights", "steps_per_execution") if settings.get(name)}
        result.compile(optimizer, model.loss, **own, **plain)
