"""What files are made on: the model, the data, versions, threads.

In: a model, data. Out: facts as JSON has them; an error or a warning that names what differs from earlier ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from tfcompress.console import warn
from tfcompress.cpu_cores import cores
from tfcompress.errors import SettingError
from tfcompress.keras_compat import model_view
from tfcompress.search.training_data import TrainingData

PACKAGES = ("tensorflow", "keras", "tf-keras", "ai-edge-litert", "numpy")
INPUTS = ("model", "data")
"""What a recipe cannot do without; of versions and threads a file depends to the byte alone."""


def origin_of(model: Any, data: TrainingData) -> dict[str, Any]:
    """Return what a file is made on."""
    import tfcompress

    digest = hashlib.sha256()
    train = []  # of a dataset nothing is told: it may be shuffled, and then begins differently each time
    if isinstance(data.train, tuple):
        train = [*data.samples.values(), *_arrays(data.train[1])]
    for array in (*train, *_arrays(data.validation[0]), *_arrays(data.validation[1])):
        digest.update(np.ascontiguousarray(array).tobytes())
    return {
        "model": model_view.fingerprint(model),
        "data": digest.hexdigest(),
        "tfcompress": tfcompress.__version__,
        **{name: version(name) for name in PACKAGES},
        "threads": cores(),
    }


def require_same_inputs(what: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Warn of versions and threads that differ, as files may then differ in bytes.

    Args:
        what: "recipe" or "study".
        then: What it was made on.
        now: What there is.

    Raises:
        SettingError: it is one of another model or of other data, budget, epochs or seed.
    """
    versions = ("tfcompress", *PACKAGES, "threads")
    differs = {name: (then.get(name), value) for name, value in now.items() if then.get(name) != value}
    told = [
        f"another {name}" if name in INPUTS else f"{name} {was!r} instead of {value!r}"
        for name, (was, value) in differs.items()
        if name not in versions
    ]
    if told:
        way_out = "Search anew" if what == "recipe" else "Pass another folder as study=, delete this one"
        raise SettingError(
            f"The {what} must be one of this model, this data and these settings.",
            received=f"one of {' and '.join(told)}",
            hint=f"{way_out}, or pass what it was made with.",
        )
    told = [f"{name} {was} then, {value} now" for name, (was, value) in differs.items()]
    if told:
        warn(f"Files may differ in bytes from those of the {what}: {'; '.join(told)}.")


def _arrays(data: Any) -> list[np.ndarray]:
    return [np.asarray(array) for array in (data.values() if isinstance(data, dict) else [data])]
