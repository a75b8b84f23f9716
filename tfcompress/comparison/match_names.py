"""Inputs and outputs of a model are matched to those of its file, by name.

In: names and shapes of both sides. Out: the name in the file by the name in the model.
"""

from __future__ import annotations

from collections.abc import Sequence

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError


def pair_inputs(keras: Sequence[TensorSpec], file: Sequence[TensorSpec]) -> dict[str, str]:
    """Match inputs of the model to inputs of the file, by name and shape."""
    names = pair_names("inputs", [spec.name for spec in keras], [spec.name for spec in file])
    shapes = {spec.name: spec.shape[1:] for spec in file}
    for spec in keras:
        there = shapes[names[spec.name]]
        sizes = zip(spec.shape[1:], there, strict=False)
        if len(there) != len(spec.shape) - 1 or any(None not in pair and pair[0] != pair[1] for pair in sizes):
            raise DataError(
                "Model and file must have inputs of the same shape.",
                received=f"{spec} and {there} in the file",
                hint="Compare a file with the model that it was made of.",
            )
    return names


def pair_names(what: str, keras: list[str], file: list[str]) -> dict[str, str]:
    """Match names of the model to names of the file; a single one needs no name."""
    if len(keras) == len(file) == 1:
        return {keras[0]: file[0]}
    if sorted(keras) != sorted(file):
        raise DataError(
            f"Model and file must have the same {what}, by name.",
            received=f"{sorted(keras)} and {sorted(file)}",
            hint="Compare a file with the model that it was made of.",
        )
    return {name: name for name in keras}
