"""The smallest and largest value of each input and output over all samples, where calibration read a part of them.

In: samples, what calibration took of them, and a function that runs the float model. Out: the `Calibration` with the
extremes of all. Holds one batch at a time. What calibration runs itself is not run a second time, where it is known
which samples those are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress.console import say
from tfcompress.conversion.samples import Calibration
from tfcompress.data.batches import batches
from tfcompress.data.data_forms import Data
from tfcompress.data.sampling import ALL_READ, can_be_read_again
from tfcompress.errors import DataError

Extremes = tuple[float, float]
Run = Callable[[dict[str, np.ndarray]], list[Extremes | None]]
"""From arrays by input name to the extremes of each output; None where an output holds no floats."""

BYTES_AT_ONCE = 2**24


def with_all_extremes(samples: Data, calibration: Calibration, run: Run, advance: Callable[[int], None]) -> Calibration:
    """Return the calibration with the extremes of inputs and outputs over all samples, where there are more.

    Args:
        samples: As the user passed them.
        calibration: What was read of them.
        run: Runs the float model on a batch.
        advance: Called with the number of samples that were run.

    Raises:
        DataError: an output is infinite or NaN.
    """
    if not calibration.more or not can_be_read_again(samples):
        return calibration
    known = calibration.count if _begins_alike(samples) else 0
    inputs = [(f"input_{index}", spec.name) for index, spec in enumerate(calibration.specs)]
    ends: dict[str, Extremes] = {key: calibration.ranges[name] for key, name in inputs} if known else {}

    def widen(name: str, found: Extremes) -> None:
        low, high = ends.get(name, found)
        ends[name] = min(low, found[0]), max(high, found[1])

    count = 0
    size = max(1, min(256, BYTES_AT_ONCE // max(1, sum(_bytes(spec) for spec in calibration.specs))))
    for batch in batches(samples, calibration.specs, size=size, what="samples"):
        rest = {name: array[max(0, known - count) :] for name, array in batch.inputs.items()}
        count += len(batch)
        advance(len(batch))
        if count <= known:
            continue
        for key, name in inputs:
            widen(key, (float(rest[name].min()), float(rest[name].max())))
        for index, found in enumerate(run(rest)):
            if found is None:
                continue
            if not np.isfinite(found).all():
                raise DataError(
                    "What the model puts out must be finite on all samples.",
                    received=f"from {found[0]} to {found[1]} in output {index}, in samples "
                    f"{count - len(batch)} to {count - 1}",
                    hint="Drop the samples, or find the layer: a logarithm or a division of zero, perhaps.",
                )
            widen(f"output_{index}", found)
    say(ALL_READ.format(count=calibration.count, total=count))
    ranges = {name: ends[key] for key, name in inputs}
    return replace(calibration, ranges=ranges, ends=ends)


def _begins_alike(samples: Data) -> bool:
    """Tell whether samples begin with those that calibration took; images are drawn evenly, datasets shuffle."""
    if isinstance(samples, (str, PathLike)):
        return not Path(samples).is_dir()
    return isinstance(samples, (list, tuple, Mapping)) or hasattr(samples, "__array__")


def extremes(array: np.ndarray) -> Extremes | None:
    """Return the smallest and largest of some floats; None of other types."""
    if array.dtype.kind != "f" and str(array.dtype) != "bfloat16":
        return None
    return float(array.min()), float(array.max())


def _bytes(spec: Any) -> int:
    return int(np.prod(spec.shape[1:])) * np.dtype(spec.dtype).itemsize
