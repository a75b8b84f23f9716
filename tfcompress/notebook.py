"""What is otherwise in a notebook: progress bars are HTML, and log lines of TensorFlow's libraries stay out of it.

In: nothing. Out: what a cell shows. No package for widgets is needed.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from tfcompress.import_hook import around_import

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
LOG_LINE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog|[IW]\d{4} |[\d-]+ [\d:.]+: [IW] |INFO: |"
    rb"To enable the following instructions:"
)
SECONDS = 0.1
"""Between two drawings of a bar."""

_one_at_a_time = threading.RLock()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell: Any = None if ipython is None or "ipykernel" not in sys.modules else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def hide_tensorflow_log() -> None:
    """In a notebook, keep the lines that TensorFlow logs while it starts out of the cell that first needs it."""
    if "tensorflow" not in sys.modules and LEVEL not in os.environ and in_notebook():
        around_import("tensorflow", _hidden_level)


@contextmanager
def without_log_lines() -> Iterator[None]:
    """In a notebook, keep the log lines of C++ code out of the cell while the block runs; all else goes through."""
    if not in_notebook():
        yield
        return
    with _one_at_a_time, tempfile.TemporaryFile() as held:
        visible = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(visible, 2)
            held.seek(0)
            for line in held:
                if not LOG_LINE.match(line):
                    os.write(2, line)
            os.close(visible)


@contextmanager
def _hidden_level() -> Iterator[None]:
    """TensorFlow reads its level once, while it is imported; some lines come before it does."""
    os.environ[LEVEL] = "3"
    try:
        with without_log_lines():
            yield
    finally:
        os.environ.pop(LEVEL, None)


class Bar:
    """A progress bar in the output of a cell; it vanishes at the end.

    Args:
        stage: What is being done.
        total: How many steps there are; None shows a bar without an end.
    """

    def __init__(self, stage: str, total: int | None) -> None:
        from IPython.display import HTML, display

        self._html, self._stage, self._total = HTML, stage, total
        self._done, self._drawn = 0, time.monotonic()
        self._handle: Any = display(HTML(self._text()), display_id=True)

    def advance(self, steps: int = 1, stage: str | None = None) -> None:
        """Move on, and rename the stage where one is given."""
        renamed = stage is not None and stage != self._stage
        self._done, self._stage = self._done + steps, self._stage if stage is None else stage
        if renamed or time.monotonic() - self._drawn > SECONDS:
            self._draw(self._text())

    def close(self) -> None:
        """Take it away."""
        self._draw("")

    def _draw(self, text: str) -> None:
        self._drawn = time.monotonic()
        if self._handle is not None:
            self._handle.update(self._html(text))

    def _text(self) -> str:
        share = "" if self._total is None else f' value="{self._done}" max="{self._total}"'
        count = f"{self._done:,}" if self._total is None else f"{self._done:,} of {self._total:,}"
        return f"<div>{escape(self._stage)} <progress{share}></progress> {count}</div>"
