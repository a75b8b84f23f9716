"""What the user sees while work goes on: messages and progress bars, always on stderr.

In: texts and counts. Out: nothing but what is printed; stdout stays free for results. A stream that is closed, or that
cannot show a character, never ends the work.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import Protocol, TextIO

from tfcompress.errors import TfcompressWarning
from tfcompress.notebook import Bar, in_notebook
from tfcompress.printable_names import one_line

PLAIN = {"→": "->", "–": "-", "…": "...", "·": "*", "×": "x", "±": "+-", "µ": "u", "²": "2", "≤": "<=", "≥": ">="}
PLAIN |= dict.fromkeys("─━═╌╴╶╸╺", "-") | dict.fromkeys("│┃║", "|")
PLAIN |= dict.fromkeys("┌┐└┘├┤┬┴┼┏┓┗┛┡┩╇╈┢┪╞╡╪┳┻╋╭╮╯╰", "+")
"""What is printed where a stream has no such character; others are told by their code, such as \\xdf."""


class Advance(Protocol):
    """Moves a progress bar on by `steps`, and renames its stage where `stage` is given."""

    def __call__(self, steps: int = 1, stage: str | None = None) -> None: ...


class Loudness(Enum):
    """How much is told on stderr, besides errors: nothing, what was done or chosen, or each stage with its time."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


_loudness: ContextVar[Loudness] = ContextVar("loudness", default=Loudness.NORMAL)


@contextmanager
def loudness(level: Loudness) -> Iterator[None]:
    """Tell so much while the block runs."""
    token = _loudness.set(level)
    try:
        yield
    finally:
        _loudness.reset(token)


def is_verbose() -> bool:
    """Whether each stage is told."""
    return _loudness.get() is Loudness.VERBOSE


def say(text: str) -> None:
    """Print one line about what was done or chosen, unless it was asked to be quiet."""
    if _loudness.get() is not Loudness.QUIET:
        tell(text)


def tell(text: str) -> None:
    """Print one line that is always to be seen: an error of a command."""
    show(f"tfcompress: {one_line(text)}")


def show(text: str) -> None:
    """Print text as it is on stderr, if there is one."""
    if (stream := _stderr()) is not None:
        with contextlib.suppress(OSError, ValueError):  # a pipe that nobody reads any more
            print(text, file=stream, flush=True)


def warn(text: str, stacklevel: int = 3) -> None:
    """Issue a `TfcompressWarning`: the result is probably not what the user hopes for."""
    warnings.warn(one_line(text), TfcompressWarning, stacklevel=stacklevel)


@contextmanager
def progress(stage: str, total: int | None = None) -> Iterator[Advance]:
    """Show a progress bar while the block runs; it vanishes at the end.

    Args:
        stage: What is being done, in a few words.
        total: How many steps there are; None shows a bar without an end.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    if is_verbose():
        yield from _timed(stage)
        return
    if in_notebook() and _loudness.get() is not Loudness.QUIET:
        notebook_bar = Bar(stage, total)
        try:
            yield notebook_bar.advance
        finally:
            notebook_bar.close()
        return
    stream = None if _loudness.get() is Loudness.QUIET else _stderr()
    console = None if stream is None else Console(file=stream, highlight=False)
    if console is None or not console.is_terminal:
        yield _nothing
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(stage, total=total)

        def advance(steps: int = 1, stage: str | None = None) -> None:
            bar.update(task, advance=steps, description=stage)

        yield advance


def _timed(stage: str) -> Iterator[Advance]:
    """Tell the time of each stage in a line when it ends."""
    begun = [(stage, time.monotonic())]

    def advance(steps: int = 1, stage: str | None = None) -> None:
        if stage is not None and stage != begun[-1][0]:
            begun.append((stage, time.monotonic()))
            tell(f"{begun[-2][0]}: {begun[-1][1] - begun[-2][1]:.1f} s")

    yield advance
    tell(f"{begun[-1][0]}: {time.monotonic() - begun[-1][1]:.1f} s")


def make_streams_safe() -> None:
    """Make stdout and stderr of this process take any text, whatever their encoding; for commands."""
    codecs.register_error("tfcompress.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.closed:
            stream.reconfigure(errors="tfcompress.plain")


def flush_stdout() -> None:
    """Write what stdout still holds; where nobody reads it any more, that is no error."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):  # else Python complains once more when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    told = (PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode() for character in lost)
    return "".join(told), error.end


def _stderr() -> TextIO | None:
    """Return stderr; None where there is none or it is closed."""
    stream = sys.stderr
    return None if stream is None or getattr(stream, "closed", False) else stream


def _nothing(steps: int = 1, stage: str | None = None) -> None:
    """Show no progress."""
