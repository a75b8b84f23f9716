"""Names of classes, from a list or from a file of lines, one for each value of an output.

In: what the caller calls labels, and the outputs of a file. Out: a list of words by output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError, FileError

Labels = Sequence[str] | str | PathLike[str]
"""Words in the order of the classes, or the path of a text file with one a line."""


def by_output(labels: Labels | Mapping[str, Labels] | None, outputs: Sequence[TensorSpec]) -> dict[str, list[str]]:
    """Return the words of each output that has some.

    Args:
        labels: Words or a path; for several outputs a dict by output name.
        outputs: The outputs of the file.

    Raises:
        DataError: there are not as many labels as values in an output.
        FileError: a path is not that of a text file.
    """
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        if len(outputs) > 1:
            raise DataError(
                "For several outputs labels go by the name of an output.",
                received=[s.name for s in outputs],
                hint="Pass labels={name: …}.",
            )
        labels = {outputs[0].name: labels}
    widths = {spec.name: spec.shape[-1] if spec.shape else 1 for spec in outputs}
    found = {}
    for name, given in labels.items():
        if name not in widths:
            raise DataError("Labels must be of an output.", received=name, hint=f"One of {sorted(widths)}.")
        words = _read(given) if isinstance(given, (str, PathLike)) else list(given)
        if len(words) != widths[name] or not all(isinstance(word, str) and word.isprintable() for word in words):
            raise DataError(
                f"There must be one label of one line for each of the {widths[name]} values of {name!r}.",
                received=f"{len(words)} labels",
            )
        found[name] = words
    return found


def _read(path: str | PathLike[str]) -> list[str]:
    """Return the lines of a text file; empty ones at its end are none."""
    try:
        return Path(path).read_text("utf-8-sig").rstrip().splitlines()
    except (OSError, ValueError) as error:
        raise FileError(
            "Names of classes are read from a text file in UTF-8 with one a line.",
            received=f"{fspath(path)!r}: {getattr(error, 'strerror', None) or error}",
            hint="Write such a file; in Python a list of words does too.",
        ) from error
