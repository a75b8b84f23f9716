"""The process in which models are converted, as its parent sees it: crashes, hangs and leaks end there.

In: a request. Out: the converted bytes, or a `ConversionError`. The process is kept warm between conversions, as
TensorFlow takes seconds to start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfcompress.console import Advance
from tfcompress.errors import ConversionError
from tfcompress.isolation.child_process import ChildProcess, Died, NoAnswer
from tfcompress.isolation.serve_requests import Tell

OUTPUT, LOSSES, BITS = "converted.tflite", "losses.json", "bits.json"

TIMEOUT = 3600.0
"""Seconds without a sign after which a conversion is given up."""

MAX_GROWTH = 2**30
"""Bytes that the process may grow by before a new one takes its place; each conversion leaks some."""

CAUSES = {
    "SIGSEGV": "The converter crashed. It often does on recurrent layers and on values that are not finite.",
    "SIGABRT": "The converter met a graph it cannot handle. The last lines of its log name the op.",
    "SIGKILL": "The system ended the converter, most likely for want of memory.",
}

converter_process = ChildProcess("tfcompress.conversion.convert_child:start", MAX_GROWTH)
"""One serves a whole program; ended with it."""


def ask_converter(
    child: ChildProcess, name: str, request: dict[str, Any], advance: Advance, timeout: float = TIMEOUT
) -> bytes:
    """Have one request answered; return the file that was made.

    Args:
        child: The process to ask.
        name: What runs in it, for messages.
        request: What the process takes, with "folder", where the result is written.
        advance: Called with the number of samples that were run, and what they were run for.
        timeout: Seconds without a sign after which the process is ended.

    Raises:
        ConversionError: the converter gave up, died, or did not answer in time.
    """
    try:
        child.ask(request, timeout, lambda told: advance(*told))
    except Died as death:
        raise ConversionError(
            f"{name} must survive the model.",
            received=str(death),
            hint=CAUSES.get(death.ending, "Your process is unharmed; the log may name the op."),
        ) from None
    except NoAnswer as hung:
        raise ConversionError(
            f"A conversion must give a sign within {timeout:g} seconds.", received=f"none, and a log that ends{hung}"
        ) from None
    return Path(request["folder"], OUTPUT).read_bytes()


def advance_by(tell: Tell) -> Advance:
    """Return what moves the bar of the parent on from within the process."""

    def advance(steps: int = 1, stage: str | None = "calibrating") -> None:
        tell([steps, stage])

    return advance
