"""Golden vectors: inputs, and what a runtime makes of them, to hold the device against.

In: a `TFLiteModel`, samples as the Keras model takes them or none. Out: arrays in the types of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from tfcompress.data.batches import batches
from tfcompress.data.data_forms import Data
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.runtime.engine import Arrays, require_numbers
from tfcompress.runtime.isolated_engine import Supervised
from tfcompress.runtime.quantize_arrays import as_float, to_file
from tfcompress.typing import Runtime

COUNT = 8


@dataclass(frozen=True)
class Golden:
    """Some samples: arrays by name, each of shape (samples, …), in the types of the file."""

    inputs: Arrays
    outputs: Arrays

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(next(iter(self.inputs.values())))


def golden_vectors(tflite: TFLiteModel, runtime: Runtime, samples: Data | None = None) -> Golden:
    """Run some samples.

    Args:
        tflite: The file.
        runtime: Which kernels answer.
        samples: Data as the Keras model takes it; the first ones are used. Default: noise over the range of each input.

    Raises:
        DataError: the samples do not fit.
        RunError: the runtime refuses the file, or it takes or gives no numbers.
    """
    require_numbers(tflite)
    if samples is None:
        rng = np.random.default_rng(0)
        inputs = {spec.name: _noise(spec, rng) for spec in tflite.inputs}
    else:
        found = [*islice(batches(samples, [as_float(spec) for spec in tflite.inputs], size=COUNT, what="samples"), 1)]
        inputs = {spec.name: to_file(found[0].inputs[spec.name], spec) for spec in tflite.inputs}
    shapes = {spec.name: (1, *inputs[spec.name].shape[1:]) for spec in tflite.inputs}
    return Golden(inputs, Supervised(tflite, runtime, shapes, threads=1).run(inputs))


def _noise(spec: TensorSpec, rng: np.random.Generator) -> np.ndarray:
    shape = (COUNT, *(size or 1 for size in spec.shape[1:]))
    if np.dtype(spec.dtype).kind in "iu" and spec.scale is not None:
        limits = np.iinfo(spec.dtype)
        return rng.integers(limits.min, limits.max, shape, spec.dtype, endpoint=True)
    if np.dtype(spec.dtype).kind == "f":
        return rng.random(shape).astype(spec.dtype)
    return rng.integers(0, 2, shape).astype(spec.dtype)  # class numbers and switches: small ones are never out of range
