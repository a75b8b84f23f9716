"""Data on disk becomes inputs and labels.

In: the path of a .npz or .npy file and the names of a model's inputs. Out: arrays for `tfcompress.data`.
Knows nothing of what the data is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress.errors import DataError

LABELS = ("y", "labels", "label")


def read(path: str | PathLike[str], input_names: Sequence[str]) -> tuple[Any, np.ndarray | None]:
    """Read inputs and, where there are any, labels.

    Args:
        path: A `.npy` file with one array of inputs, or a `.npz` file with one array an input under its name (or
            "x" for a single input) and labels under "y" or "labels".
        input_names: The names of the model's inputs.

    Returns:
        An array for a single input, else a dict by name; and the labels or None.

    Raises:
        DataError: no such file, no NumPy file, or arrays under other names.
    """
    path = Path(path)
    try:
        content = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError("Data files are .npz or .npy, without pickled objects.", received=f"{path}: {error}") from error
    if isinstance(content, np.ndarray):
        return content, None
    with content:
        try:
            arrays = {name: content[name] for name in content.files}
        except (OSError, ValueError, EOFError) as error:
            raise DataError("A .npz file must be whole.", received=f"{path}: {error}") from error
    found = [name for name in LABELS if name in arrays and name not in input_names]
    labels = arrays.pop(found[0]) if found else None
    if len(input_names) == 1 and sorted(arrays) != list(input_names):
        if "x" in arrays:
            return arrays["x"], labels
        if len(arrays) == 1:
            return next(iter(arrays.values())), labels
    if sorted(arrays) == sorted(input_names):
        return (arrays[input_names[0]] if len(input_names) == 1 else arrays), labels
    raise DataError(
        f"{path.name} must hold an array under the name of each input: {', '.join(input_names)}"
        + (" (or x)" if len(input_names) == 1 else "")
        + ", and labels under y.",
        received=f"arrays called {', '.join(sorted(arrays)) or 'nothing'}",
        todo="Save it with np.savez(path, x=…, y=…).",
    )
