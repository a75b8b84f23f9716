"""What a command is: each is declared once, in a file of its own.

In: nothing. Out: the type. What all commands have in common is in `parser` and `main`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


class Printable(Protocol):
    """What a command found or made: it prints itself, and tells its facts as JSON."""

    def __str__(self) -> str: ...

    def to_dict(self) -> dict[str, Any]:
        """Return the facts in types that JSON has."""
        ...


@dataclass(frozen=True)
class Command:
    """One command of `tfcompress`."""

    name: str
    purpose: str
    """What it does, in a line of the list of commands."""
    example: str
    """A line that works, with the names of the files that a reader would have."""
    add: Callable[[argparse.ArgumentParser], None]
    """Names the arguments."""
    run: Callable[[argparse.Namespace], Printable]
    """Does the work and returns what is printed; a result with a `verdict` or `passed` decides the exit code."""
    details: str = ""
    """What else a user should know, as paragraphs."""
