"""Which of the many forms of data a user passed: whole arrays, or a stream that is read once.

In: an array, a list, a dict, (x, y), a path, a folder of images, a dataset, a generator or a function that makes one.
Out: the same as a `DataForm`. Reads nothing yet, and knows nothing of types or values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from tfcompress.data import data_files
from tfcompress.data.image_folder import Images, images
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError
from tfcompress.fork_safety import require_tensorflow_threads

ROWS_OF_A_FILE = 32


class SupportsArray(Protocol):
    """What NumPy makes an array of by itself: an array, a tensor, a table of pandas."""

    def __array__(self) -> np.ndarray: ...


class Indexable(Protocol):
    """What has a length and numbered elements: a `keras.utils.PyDataset`, a dataset of torch."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...


ArrayLike: TypeAlias = SupportsArray | Sequence[float | SupportsArray] | Sequence[Sequence[float]]
"""An array, or lists of numbers; no path, which NumPy's own `ArrayLike` takes for text to make an array of."""

LabelsLike: TypeAlias = ArrayLike | Mapping[str, ArrayLike]
"""Labels for one output, or by output."""

LabelledData: TypeAlias = tuple[np.ndarray, np.ndarray] | Iterable[tuple[Any, ...]]
"""(x, y) of arrays, or a dataset of such pairs."""

Data: TypeAlias = (
    ArrayLike
    | Mapping[str, Any]
    | Images
    | Iterable[Any]
    | Indexable
    | Callable[[], Iterable[Any]]
    | str
    | PathLike[str]
)
"""Whatever a user calls data: all that `form` tells apart."""


@dataclass(frozen=True)
class DataForm:
    """Data, and whether it is an array (or a dict of arrays) as a whole or a stream of samples or batches."""

    data: Any
    whole: bool
    labels: Any = None
    """The labels of (x, y); a stream carries its own."""


def form(x: Data, specs: Sequence[TensorSpec], what: str, size: int | None) -> DataForm:
    """Tell what `x` is.

    Args:
        x: What the user passed.
        specs: The inputs that it is for.
        what: What the data is called in error messages.
        size: How many rows of a file are read at a time. Default: 32.

    Raises:
        DataError: it is nothing that holds samples, or a path without any.
    """
    listed = ", ".join(map(str, specs))
    if x is None:
        raise DataError(f"{what} must hold data for {listed}.", received=None, hint="Pass an array.")
    if isinstance(x, (str, PathLike)):
        data_files.require_readable(x)
        names = [spec.name for spec in specs]
        x = images(x) if Path(x).is_dir() else data_files.rows(x, names, size or ROWS_OF_A_FILE)
    if isinstance(x, Images):
        return DataForm(x.read(specs, what), whole=False)
    if callable(x) and not hasattr(x, "__array__") and not isinstance(x, Iterable):
        x = x()  # a function that makes a generator, as the converter wants it
    if isinstance(x, tuple) and len(x) in (2, 3) and _is_sample(x[0], specs, axes_more=(1,)):
        return DataForm(x[0], whole=True, labels=x[1])
    if isinstance(x, Mapping) or (hasattr(x, "__array__") and hasattr(x, "shape")):
        return DataForm(x, whole=True)
    if isinstance(x, (list, tuple)):
        return DataForm(x, whole=not _is_list_of_samples(x, specs))
    if hasattr(x, "__len__") and hasattr(x, "__getitem__") and not isinstance(x, Iterable):
        return DataForm(_items(x), whole=False)  # keras.utils.PyDataset, a torch dataset
    if not isinstance(x, Iterable):
        raise DataError(
            f"{what} must be an array, a dict by input name, a dataset, an iterable of samples or a path.",
            received=f"an object of type {type(x).__name__}",
            hint=f"The inputs are {listed}.",
        )
    if type(x).__module__.startswith("tensorflow."):
        require_tensorflow_threads()
    return DataForm(x, whole=False)


def _is_list_of_samples(x: Sequence[Any], specs: Sequence[TensorSpec]) -> bool:
    """Tell a list of arrays, of dicts or of (x, y), which is read one by one, from nested lists of numbers."""
    first = x[0] if len(x) else None
    return _is_sample(first, specs) or (
        isinstance(first, tuple) and len(first) in (2, 3) and _is_sample(first[0], specs)
    )


def _is_sample(value: Any, specs: Sequence[TensorSpec], axes_more: tuple[int, ...] = (0, 1)) -> bool:
    """Tell by its axes whether a value is a sample, or with one axis more a batch."""
    if isinstance(value, Mapping):
        return True
    shape = getattr(value, "shape", None)
    return shape is not None and len(specs) == 1 and len(shape) - len(specs[0].shape) + 1 in axes_more


def _items(x: Any) -> Iterator[Any]:
    return (x[index] for index in range(len(x)))
