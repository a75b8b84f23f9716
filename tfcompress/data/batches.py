"""Whatever a user calls data becomes checked batches of arrays by input name.

In: an array, a list of samples, a dict by input name, (x, y), a `tf.data.Dataset`, a generator or another iterable, of
samples or of batches, with labels or without, the path of a .npz or .npy file, a folder of images. Out: batches in the
types and shapes that the inputs ask for. Holds one batch at a time beside what the user passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfcompress.data.data_forms import Data, form
from tfcompress.data.input_arrays import by_name, checked, with_batch_axis
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError

Labels = np.ndarray | dict[str, np.ndarray]
"""An array, or arrays by output."""


@dataclass(frozen=True)
class Batch:
    """Some samples: arrays by input name, and the labels if the data carried any."""

    inputs: dict[str, np.ndarray]
    labels: Labels | None = None

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))


def batches(
    x: Data, specs: Sequence[TensorSpec], *, size: int | None = None, what: str = "x", labelled: bool = False
) -> Iterator[Batch]:
    """Yield data as checked batches.

    Args:
        x: Data for the inputs; for several inputs by name only. A tuple (x, y) of arrays, and tuples inside a
            dataset, a list or a generator, are taken as inputs and labels.
        specs: The inputs; the first axis of each shape is the batch.
        size: Samples in a batch. Default: what an iterable brings, or 32 of an array.
        what: What the data is called in error messages.
        labelled: Whether labels inside the data are wanted. Default: they are dropped.

    Raises:
        DataError: there is nothing, or names, shapes, types or lengths do not fit, or a value is NaN or infinite.
    """
    found = form(x, specs, what, size)
    count = 0
    if found.whole:
        parts = _whole(found.data, found.labels if labelled else None, specs, what, size or 32)
    else:
        parts = _stream(found.data, specs, what, size, labelled)
    for batch in parts:
        count += len(batch)
        yield batch
    if count == 0:
        raise DataError(
            f"{what} must hold at least one sample.",
            received="no samples",
            hint="A generator can be read once only: make a new one for each call.",
        )


def _whole(x: Any, labels: Any, specs: Sequence[TensorSpec], what: str, size: int) -> Iterator[Batch]:
    arrays = by_name(x, specs, what)
    for spec in specs:
        arrays[spec.name] = with_batch_axis(arrays[spec.name], spec, what)
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"All inputs in {what} must have the same number of samples.", received=lengths)
    count = next(iter(lengths.values()))
    labels = _labels_of(labels, count, 0)
    for start in range(0, count, size):
        part = _part(Batch(arrays, labels), start, start + size)
        yield Batch({spec.name: checked(part.inputs[spec.name], spec, what, start) for spec in specs}, part.labels)


def _stream(x: Any, specs: Sequence[TensorSpec], what: str, size: int | None, labelled: bool) -> Iterator[Batch]:
    waiting: list[Batch] = []
    carried: Labels | None = None
    seen = 0
    for element in x:
        inputs, labels = _split_labels(element, specs)
        arrays = by_name(inputs, specs, what)
        rows = {spec.name: checked(with_batch_axis(arrays[spec.name], spec, what), spec, what, seen) for spec in specs}
        lengths = {name: len(array) for name, array in rows.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"All inputs in {what} must have the same number of samples.", received=lengths)
        batch = Batch(rows, _labels_of(labels, len(next(iter(rows.values()))), seen) if labelled else None)
        if not len(batch):
            continue
        if seen and (batch.labels is None) != (carried is None):
            raise DataError(f"Either all of {what} carries labels or none.", received=f"a change after {seen} samples")
        carried = batch.labels
        seen += len(batch)
        if size is None:
            yield batch
            continue
        waiting.append(batch)
        if sum(map(len, waiting)) >= size:
            joined = _join(waiting)
            whole = len(joined) - len(joined) % size
            for start in range(0, whole, size):
                yield _part(joined, start, start + size)
            waiting = [_part(joined, whole, len(joined))] if whole < len(joined) else []
    if waiting:
        yield _join(waiting)


def _split_labels(element: Any, specs: Sequence[TensorSpec]) -> tuple[Any, Any]:
    """Take (x,), (x, y) and (x, y, weights) apart; anything else is inputs alone."""
    if isinstance(element, (tuple, list)) and len(element):
        if len(element) == 1:
            return element[0], None
        first = element[0]
        if len(element) in (2, 3) and isinstance(element, tuple) and (len(specs) == 1 or isinstance(first, Mapping)):
            return first, element[1]
    return element, None


def _labels_of(labels: Any, count: int, seen: int) -> Labels | None:
    """Return the labels of one element of a stream, one for each of its samples."""
    if labels is None:
        return None
    if isinstance(labels, Mapping):
        return {str(name): _label_array(array, count, seen) for name, array in labels.items()} or None
    return _label_array(labels, count, seen)


def _label_array(labels: Any, count: int, seen: int) -> np.ndarray:
    try:
        array = np.atleast_1d(np.asarray(labels))
    except ValueError as error:
        raise DataError(
            "Labels must be one array.",
            received=f"{type(labels).__name__} ({error})",
            hint="For a model of several outputs pass y={name: labels}.",
        ) from error
    if count == 1 and len(array) != 1:
        array = array[np.newaxis]  # the one-hot row of one sample
    if len(array) != count or array.dtype == object:
        raise DataError(
            "There must be one label for each sample.",
            received=f"{count} samples and {len(array)} labels after {seen} samples",
        )
    return array


def _join(parts: list[Batch]) -> Batch:
    for name, array in parts[0].inputs.items():
        other = next((part.inputs[name] for part in parts if part.inputs[name].shape[1:] != array.shape[1:]), None)
        if other is not None:
            raise DataError(
                "Samples that run together must have one shape.",
                received=f"{array.shape[1:]} first, then {other.shape[1:]} for the input {name!r}",
                hint="Crop or resize them to one size.",
            )
    inputs = {name: np.concatenate([part.inputs[name] for part in parts]) for name in parts[0].inputs}
    return Batch(inputs, _joined_labels([part.labels for part in parts]))


def _joined_labels(parts: list[Labels | None]) -> Labels | None:
    if isinstance(parts[0], dict):
        if any(not isinstance(part, dict) or set(part) != set(parts[0]) for part in parts):
            raise DataError("Labels must be for the same outputs in all samples.", received=sorted(parts[0]))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return None if any(part is None for part in parts) else np.concatenate(parts)


def _part(batch: Batch, start: int, stop: int) -> Batch:
    inputs = {name: array[start:stop] for name, array in batch.inputs.items()}
    if isinstance(batch.labels, dict):
        return Batch(inputs, {name: array[start:stop] for name, array in batch.labels.items()})
    return Batch(inputs, None if batch.labels is None else batch.labels[start:stop])
