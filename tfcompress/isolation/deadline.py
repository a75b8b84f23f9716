"""A process that gives no sign in time is ended, whatever its parent waits for at that moment.

In: a process and seconds. Out: nothing; reading from the process and writing to it ends then.
"""

from __future__ import annotations

import subprocess
import threading
import time

from tfcompress.isolation.start_child import refused


class Deadline(threading.Thread):
    """Ends a process that gives no sign in time.

    Args:
        seconds: How long it may give none.
        process: The process.
    """

    def __init__(self, seconds: float, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True, name="tfcompress-deadline")
        self.passed = False
        self._process, self._changed = process, threading.Condition()
        self._end: float | None = time.monotonic() + seconds

    def extend(self, seconds: float) -> None:
        """Take a sign: the time begins anew."""
        with self._changed:
            self._end = time.monotonic() + seconds
            self._changed.notify()

    def run(self) -> None:
        with self._changed:
            while self._end is not None:
                left = self._end - time.monotonic()
                if left <= 0:
                    self.passed = True
                    self._process.kill()
                    return
                self._changed.wait(min(left, threading.TIMEOUT_MAX))

    def __enter__(self) -> Deadline:
        try:
            self.start()
        except RuntimeError as error:
            raise refused(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._end = None
            self._changed.notify()
