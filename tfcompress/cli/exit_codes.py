"""What a command's exit code says, in one table: the code follows it, and so does the page of the docs.

In: what a command found. Out: a number.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """The exit codes of all commands; 1 and 4 are answers, not errors."""

    DONE = 0
    FAILED = 1
    WRONG_USE = 2
    FAULT = 3
    TOO_FEW_SAMPLES = 4
    INTERRUPTED = 128 + 2
    NO_READER = 128 + 13


MEANINGS = {
    ExitCode.DONE: "done; where something was checked, it passed",
    ExitCode.FAILED: "checked and failed: the file loses more than its limit, or the target does not run it",
    ExitCode.WRONG_USE: "an argument, a file or the data is wrong; one line on stderr says what to do",
    ExitCode.FAULT: "a fault in tfcompress; stderr has the traceback to report",
    ExitCode.TOO_FEW_SAMPLES: "the samples are too few to tell whether a limit is kept; the output says how many would",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C",
    ExitCode.NO_READER: "nobody reads the output any more, as behind `| head`",
}


def code_of(result: Any) -> ExitCode:
    """Return the exit code for a result: by its verdict, by whether it passed, else that it is done."""
    if getattr(result, "verdict", None) == "too few samples to tell":
        return ExitCode.TOO_FEW_SAMPLES
    return ExitCode.DONE if getattr(result, "passed", True) else ExitCode.FAILED
