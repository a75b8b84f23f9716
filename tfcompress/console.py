"""What the user sees while work goes on: messages and progress bars, always on stderr.

In: texts and counts. Out: nothing but what is printed; stdout stays free for results.
Knows nothing of models.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from tfcompress.errors import TfcompressWarning
from tfcompress.printable import one_line

if TYPE_CHECKING:
    from rich.console import Console


class Advance(Protocol):
    """Moves a progress bar on by `steps`, and renames its stage where `stage` is given."""

    def __call__(self, steps: int = 1, stage: str | None = None) -> None: ...


def _stderr() -> Console:
    from rich.console import Console

    return Console(file=sys.stderr, highlight=False)


def say(text: str) -> None:
    """Print one line about what was done or chosen."""
    _stderr().print(f"tfcompress: {one_line(text)}", markup=False, soft_wrap=True)


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
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = _stderr()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(stage, total=total)

        def advance(steps: int = 1, stage: str | None = None) -> None:
            bar.update(task, advance=steps, **({} if stage is None else {"description": stage}))

        yield advance
