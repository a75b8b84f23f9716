"""Calibration samples are checked once and written to disk, one batch in memory at a time.

In: samples in any form that `data.batches` reads, and the inputs of a model. Out: a `Calibration`: raw files in a
folder, and a summary for the manifest.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress.console import say, warn
from tfcompress.data.batches import batches
from tfcompress.data.data_forms import Data
from tfcompress.data.image_folder import Images
from tfcompress.data.sampling import MAX_SAMPLES, NOT_READ, can_be_read_again, evenly
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError

MIN_SAMPLES = 50
"""Fewer samples than this bring a warning."""
MIN_SAMPLES_TO_RECOVER = 200
"""So do fewer than this where weights are learned from them."""


@dataclass(frozen=True)
class Calibration:
    """Checked samples on disk: one raw file an input, called input_0, input_1, …."""

    folder: Path
    specs: tuple[TensorSpec, ...]
    """The inputs with every size known; the batch is 1."""
    count: int
    ranges: dict[str, tuple[float, float]]
    sha256: str
    more: bool = False
    """There are more samples than were laid down."""
    ends: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Smallest and largest of input_0, …, output_0, … over all samples, where there are more."""

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        """Yield one sample after the other as a batch of 1, under the names input_0, input_1, …."""
        return self.batches(1)

    def batches(self, size: int) -> Iterator[dict[str, np.ndarray]]:
        """Yield the samples in batches of `size`; the last one may be smaller."""
        for start in range(0, self.count, size):
            yield self.rows(start, size)

    def rows(self, start: int, count: int) -> dict[str, np.ndarray]:
        """Read some samples; mapped files would count as memory of this process once they were read."""
        count = min(count, self.count - start)
        return {f"input_{index}": self._read(index, spec, start, count) for index, spec in enumerate(self.specs)}

    def _read(self, index: int, spec: TensorSpec, start: int, count: int) -> np.ndarray:
        size, dtype = math.prod(spec.shape[1:]), np.dtype(spec.dtype)
        offset = start * size * dtype.itemsize
        flat = np.fromfile(self.folder / f"input_{index}", dtype, count * size, offset=offset)
        return flat.reshape(count, *spec.shape[1:])

    def to_dict(self) -> dict[str, Any]:
        """What another process needs to read the samples from the folder."""
        return {
            "specs": [[spec.name, spec.shape, spec.dtype] for spec in self.specs],
            "count": self.count,
            "ends": self.ends,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any], folder: Path) -> Calibration:
        """Read what `to_dict` wrote; the summary stays with the process that checked the samples."""
        specs = tuple(TensorSpec(name, tuple(shape), dtype) for name, shape, dtype in values["specs"])
        ends = {name: (low, high) for name, (low, high) in values.get("ends", {}).items()}
        return cls(folder, specs, values["count"], {}, "", ends=ends)

    def summary(self) -> dict[str, Any]:
        """What the manifest tells about the samples."""
        return {
            "samples": self.count,
            "ranges": {name: list(bounds) for name, bounds in self.ranges.items()},
            "sha256": self.sha256,
        }


def write_samples(samples: Data, specs: Sequence[TensorSpec], folder: Path, recover: bool = False) -> Calibration:
    """Check samples and write them to a folder; few bring a warning, where weights are learned from them more.

    Raises:
        DataError: there are none, they do not fit, hold NaN or infinity, or are all the same.
    """
    count, known = 0, tuple(specs)
    digests = [hashlib.sha256() for _ in known]
    ranges: dict[str, tuple[float, float]] = {}
    first: dict[str, np.ndarray] = {}
    thinned = _spread(samples)
    varied, more = False, thinned is not samples and isinstance(samples, (str, PathLike, Images))
    with ExitStack() as stack:
        writer = stack.enter_context(ThreadPoolExecutor(1))
        files = [stack.enter_context((folder / f"input_{index}").open("wb")) for index in range(len(known))]
        for batch in batches(thinned, known, what="samples"):
            rows = {name: array[: MAX_SAMPLES - count] for name, array in batch.inputs.items()}
            taken = len(next(iter(rows.values())))
            if taken and not first:
                first = {name: array[:1].copy() for name, array in rows.items()}
                known = tuple(replace(spec, shape=(1, *rows[spec.name].shape[1:])) for spec in known)
            for spec, file, digest in zip(known, files, digests, strict=True) if taken else ():
                array = np.ascontiguousarray(rows[spec.name])
                _require_numbers(array, spec)
                content = array.reshape(-1).view(np.uint8)
                written = writer.submit(file.write, content)  # meanwhile the rest of what is done with the batch
                varied = varied or bool((array != first[spec.name]).any())
                low, high = ranges.get(spec.name, (np.inf, -np.inf))
                ranges[spec.name] = (min(low, float(array.min())), max(high, float(array.max())))
                digest.update(content)
                written.result()
            count += taken
            if taken < len(batch):
                more = True
                if not can_be_read_again(samples):
                    say(NOT_READ.format(count=MAX_SAMPLES))
                break
    _require_variety(ranges, varied, count)
    if count < MIN_SAMPLES:
        warn(
            f"{count} calibration samples are few: ranges may be too narrow. Pass {MIN_SAMPLES} to 500 typical ones.",
            4,
        )
    elif recover and count < MIN_SAMPLES_TO_RECOVER:
        warn(
            f"recover=True learns weights from {count} samples, which are few: it gains less than it could. Pass "
            f"{MIN_SAMPLES_TO_RECOVER} to 1,000 typical ones; labels are not needed.",
            4,
        )
    whole = hashlib.sha256(b"".join(digest.digest() for digest in digests))  # the same for batches of any size
    return Calibration(folder, known, count, ranges, whole.hexdigest(), more)


def _spread(samples: Data) -> Data:
    """Return images evenly from all of a large folder; other samples as they are."""
    found = evenly(samples, MAX_SAMPLES)
    if isinstance(found, Images) and found is not samples and len(found) == MAX_SAMPLES:
        whole = len(evenly(samples, sys.maxsize))
        say(f"calibrating with {MAX_SAMPLES:,} of {whole:,} images, evenly from the whole folder")
    return found


def _require_numbers(array: np.ndarray, spec: TensorSpec) -> None:
    if array.dtype.kind not in "fiub" or not array.size:
        raise DataError(
            "Ranges are measured on numbers.",
            received=f"{spec}, of shape {array.shape}",
            hint="Take what turns strings into numbers out of the model.",
        )
    if array.shape[1:] != spec.shape[1:]:
        raise DataError(
            "All samples must have one shape, as a .tflite file has static shapes.",
            received=f"{spec.shape[1:]} first, then {array.shape[1:]} for the input {spec.name!r}",
            hint="Crop or resize them to one size.",
        )


def _require_variety(ranges: dict[str, tuple[float, float]], varied: bool, count: int) -> None:
    constant = [name for name, (low, high) in ranges.items() if low == high]
    if (count > 1 and not varied) or (constant and len(constant) == len(ranges)):
        raise DataError(
            "samples must differ from each other: ranges are measured on them.",
            received=f"{count} samples, all the same, with the values {ranges}",
            hint="Pass typical inputs, such as a few hundred rows of the training data.",
        )
