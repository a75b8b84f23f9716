"""What a user passes for the inputs of a model becomes arrays of the shape and type that each of them takes.

In: an array, or a dict of arrays by input name. Out: the same as arrays with a batch axis, whose values were checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError

NUMBERS_AT_ONCE = 2**16


def by_name(x: Any, specs: Sequence[TensorSpec], what: str) -> dict[str, np.ndarray]:
    """Return an array for each input, of a dict by name or of what is for the one input there is."""
    names = [spec.name for spec in specs]
    if isinstance(x, Mapping):
        if sorted(map(str, x)) != sorted(names):
            raise DataError(
                f"{what} must have exactly the inputs of the model: {_listed(specs)}.",
                received=f"the names {sorted(map(str, x))}",
                hint="Rename, add or drop entries.",
            )
        return {name: _array(x[name], what) for name in names}
    if len(specs) != 1:
        raise DataError(
            f"A model of several inputs takes {what} by name only, as a dict: {_listed(specs)}.",
            received=f"an object of type {type(x).__name__}",
            hint="Order proves nothing: files may hold their inputs in another order than the model.",
        )
    return {names[0]: _array(x, what)}


def _array(x: Any, what: str) -> np.ndarray:
    try:
        array = np.asarray(x)
    except (ValueError, TypeError) as error:
        raise DataError(f"{what} must be numbers in samples of one shape.", received=str(error)) from error
    if array.dtype.kind not in "fiubUSO":
        raise DataError(f"{what} must be real numbers.", received=f"dtype {array.dtype}")
    return array


def with_batch_axis(array: np.ndarray, spec: TensorSpec, what: str) -> np.ndarray:
    """Add the batch axis to one sample, and refuse what is neither a sample nor a batch.

    An input without axes, as some files have, takes one number for each sample.
    """
    sample = spec.shape[1:]
    for candidate in (array, array[np.newaxis]):
        sizes = candidate.shape[1:]
        if candidate.ndim == max(1, len(spec.shape)) and all(
            wanted is None or wanted == size for wanted, size in zip(sample, sizes, strict=True)
        ):
            return candidate
    hint = "Resize or reshape it as for training."
    if array.ndim == len(spec.shape) - 1 and sample[-1:] == (1,):
        hint = "If the channel axis is missing, pass x[..., np.newaxis]."
    raise DataError(
        f"{what} for the input {spec.name!r} must have the shape {_shape(sample)} for each sample.",
        received=f"an array of shape {array.shape}",
        hint=hint,
    )


def checked(array: np.ndarray, spec: TensorSpec, what: str, start: int = 0) -> np.ndarray:
    """Cast a batch to the type of its input and refuse NaN, infinity and what cannot be cast.

    Args:
        array: Some samples.
        spec: The input that they are for.
        what: What the data is called in error messages.
        start: The number of the first sample, for error messages.
    """
    if spec.dtype == "string":
        return array
    if array.dtype.kind not in "fiub":
        raise DataError(
            f"{what} for the input {spec.name!r} must be numbers that fit {spec.dtype}.",
            received=f"dtype {array.dtype}",
            hint="Decode or encode it as for training.",
        )
    with np.errstate(all="ignore"):
        cast = array.astype(spec.dtype, copy=False)
    if array.dtype.kind == "f" and not _is_finite(cast if cast.dtype.kind == "f" else array):
        bad = np.argwhere(~np.isfinite(cast if cast.dtype.kind == "f" else array))[0]
        value = array[tuple(bad)]
        raise DataError(
            f"{what} for the input {spec.name!r} must be finite in {spec.dtype}.",
            received=f"{value} in sample {start + int(bad[0])} at {tuple(map(int, bad[1:]))}",
            hint="Find where it comes from, or drop the sample.",
        )
    if cast.dtype.kind in "iub" and cast.dtype != array.dtype and not np.array_equal(cast, array):
        raise DataError(
            f"{what} for the input {spec.name!r} must be whole numbers that {spec.dtype} can hold.",
            received=f"{array.dtype} values from {array.min()} to {array.max()}",
            hint="Pass ids or counts, not scaled values.",
        )
    return cast


def _is_finite(array: np.ndarray) -> bool:
    """Tell whether all numbers are finite, a few rows at a time, as fresh memory costs more than the question."""
    rows = max(1, NUMBERS_AT_ONCE // max(1, array[:1].size))
    return all(np.isfinite(array[start : start + rows]).all() for start in range(0, len(array), rows))


def _shape(sizes: Sequence[int | None]) -> str:
    inner = ", ".join("any" if size is None else str(size) for size in sizes)
    return f"({inner},)" if len(sizes) == 1 else f"({inner})"


def _listed(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(str(spec) for spec in specs)
