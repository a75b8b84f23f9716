"""What a file takes on the device, beside the file that it comes from.

In: two `TFLiteModel`s. Out: a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from tfcompress.choices import did_you_mean
from tfcompress.console import progress
from tfcompress.conversion.float_file import float_file
from tfcompress.deployment.check import check
from tfcompress.errors import MissingPackageError, SettingError
from tfcompress.litert.inspect import inspect
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.result_base import Part, Result, Table
from tfcompress.runtime.latency import latency
from tfcompress.typing import KerasModel, StrPath

TURNS = 7
"""How often the two files are timed by turns."""


@dataclass(frozen=True)
class Change:
    """One figure before and after."""

    what: str
    before: float
    after: float

    @property
    def share(self) -> float:
        """What is left, as a share."""
        return self.after / self.before if self.before else 1.0


@dataclass(frozen=True, repr=False)
class BeforeAfter(Result):
    """Figures before and after; print it for a table, or take one by name: `changes["MACs"].share`."""

    rows: tuple[Change, ...]
    missing: str = ""
    """Why a figure is not there."""

    def __getitem__(self, what: str) -> Change:
        for row in self.rows:
            if row.what == what:
                return row
        known = [row.what for row in self.rows]
        raise SettingError(
            f"A figure must be one of {', '.join(map(repr, known))}.",
            received=repr(what),
            hint=did_you_mean(what, known) or self.missing,
        )

    @property
    def headline(self) -> str:
        """What is left of each figure."""
        return "left: " + ", ".join(f"{row.share:.1%} of {row.what}" for row in self.rows)

    def parts(self) -> Iterator[Part]:
        """A row a figure."""
        rows = [(row.what, _number(row.before), _number(row.after), f"{row.share:.1%}") for row in self.rows]
        yield Table(("", "before", "after", "left"), rows)
        if self.missing:
            yield self.missing


def before_after(before: TFLiteModel | KerasModel | StrPath, after: TFLiteModel | StrPath) -> BeforeAfter:
    """Put what two files take side by side: bytes in flash and deflated, MACs, the arena that TFLM needs, latency.

    Args:
        before: The file as it was, as a `TFLiteModel` or as a path; or the Keras model, which counts as a float32 file.
        after: The file that shall be smaller or faster.

    Returns:
        `BeforeAfter`. The latency is that of the optimised kernels on one thread of this machine, not of the device:
        the median of turns in which both files run; a file that `pack` has made has none. The arena is left out where
        `tflite-micro` is not installed or cannot run a file.

    Raises:
        FileError: no readable .tflite file.
        RunError: the runtime refuses a file.

    Example:
        >>> changes = tfcompress.before_after(floating, tflite)
        >>> changes["bytes in flash"].share < 1
        True
    """
    files = [float_file(before), as_tflite(after)]
    rows = [
        Change("bytes in flash", *(one.size for one in files)),
        Change("bytes deflated", *(one.deflated_size for one in files)),
        Change("MACs", *(inspect(one).macs for one in files)),
    ]
    missing = ""
    try:
        arenas = [check(one, "tflm").facts.get("arena needed, bytes") for one in files]
    except MissingPackageError as error:
        arenas, missing = [None], f"No arena: {error}"
    if None in arenas:
        missing = missing or "No arena: TFLM does not run both files; see check(…, 'tflm')."
    else:
        rows.append(Change("bytes of arena needed, TFLM", *arenas))
    if any(one.packing is not None for one in files):
        told = "No time on this machine: LiteRT runs no packed file; latency(…, runtimes=['tflm']) times TFLM here."
        return BeforeAfter(tuple(rows), f"{missing} {told}".strip())
    times: tuple[list[float], list[float]] = ([], [])
    with progress("timing by turns", TURNS) as advance:
        for _ in range(TURNS):
            for one, found in zip(files, times, strict=True):
                found.append(latency(one, threads=[1], seconds=0.1).rows[0].median)
            advance()
    rows.append(Change("ms on one thread of this machine", *(median(found) for found in times)))
    return BeforeAfter(tuple(rows), missing)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
