"""Which samples calibration reads: a thousand for all ranges, every one for those of inputs and outputs.

In: samples as a user passes them. Out: fewer of them, and whether they can be read to their end and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from tfcompress.data.data_forms import Data
from tfcompress.data.image_folder import Images, images

MAX_SAMPLES = 1000
"""Samples read for all ranges: inner ranges hardly move after a few hundred, and each sample costs time."""

NOT_READ = (
    "calibrating with the first {count:,} samples; what follows in the stream was not read, and what goes beyond them "
    "is clipped. Pass an array, a path or a dataset of known size to have inputs and outputs measured on all of it."
)
ALL_READ = "calibrating with {count:,} of {total:,} samples; the ranges of inputs and outputs are those of all"


def evenly(samples: Data, most: int = MAX_SAMPLES) -> Data:
    """Return `most` images evenly from all of a larger folder, and other samples as they are."""
    if isinstance(samples, (str, PathLike)) and Path(samples).is_dir():
        samples = images(samples)
    return samples.spread(most) if isinstance(samples, Images) and len(samples) > most else samples


def can_be_read_again(samples: Data) -> bool:
    """Tell whether samples have an end and a start to return to: arrays, files, folders, datasets of known size."""
    if isinstance(samples, (str, PathLike, Images, Mapping, list, tuple)) or hasattr(samples, "__array__"):
        return True
    cardinality = getattr(samples, "cardinality", None)  # of tf.data: negative where it is infinite or unknown
    if cardinality is not None:
        return int(cardinality()) >= 0
    return hasattr(samples, "__len__") and hasattr(samples, "__getitem__")
