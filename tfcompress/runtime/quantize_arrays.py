"""Floats become a file's integers and integers floats, as every application around the file must do it too.

In: arrays and a `TensorSpec`. Out: arrays.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfcompress.data.tensor_spec import TensorSpec

BLOCK = 2**16
"""Numbers that are quantized at a time: 256 KB."""


def to_file(array: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Turn floats into the file's integers: divide, round half to even, clip, and only then cast.

    Args:
        array: Floats of shape (samples, …).
        spec: The input of the file; without a scale the array is only cast.
    """
    if spec.scale is None:
        return np.ascontiguousarray(array, spec.dtype)
    limits = np.iinfo(spec.dtype)
    found = np.empty(array.shape, spec.dtype)
    rows = max(1, BLOCK // max(1, array[:1].size))
    # A few rows at a time, in memory that is kept: what leaves the cache between two steps, and what the kernel has to
    # hand out anew, costs more than the arithmetic.
    kept = np.empty((min(rows, len(array)), *array.shape[1:]), np.float32)
    for start in range(0, len(array), rows):
        part = array[start : start + rows]
        steps = np.divide(part, np.float32(spec.scale), dtype=np.float32, out=kept[: len(part)])
        np.rint(steps, out=steps)
        np.add(steps, np.float32(spec.zero_point or 0), out=steps)
        np.clip(steps, limits.min, limits.max, out=steps)
        found[start : start + rows] = steps
    return found


def from_file(array: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Turn the file's integers into floats; arrays without a scale stay as they are."""
    if spec.scale is None:
        return array
    return (array.astype(np.float32) - np.float32(spec.zero_point or 0)) * np.float32(spec.scale)


def as_float(spec: TensorSpec) -> TensorSpec:
    """Return what an application passes in place of an input: floats where the file has quantized integers."""
    return spec if spec.scale is None else replace(spec, dtype="float32", scale=None, zero_point=None)
