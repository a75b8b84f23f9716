"""The small models of one layer each that the benchmarks of coverage ask every tool to take: the catalogue's examples.

In: the title of an example. Out: its model of either Keras, and its inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfcompress.layers.catalogue import examples

LAYERS = examples()


def network(k: Any, name: str) -> Any:
    """Return the small model of one layer, of either Keras."""
    return LAYERS[name].model(k)


def inputs(name: str, count: int) -> np.ndarray:
    """Return random inputs for it."""
    return LAYERS[name].inputs(count)
