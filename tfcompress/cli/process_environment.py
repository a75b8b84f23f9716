"""What a command's process is told before anything starts: no noise of C++ code on stderr, no notebook to draw in.

In: nothing. Out: the environment and the stderr of this process, which is the command's own.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys

from tfcompress.errors import FileError
from tfcompress.temporary_files import temporary_file


def begin(*, verbose: bool) -> None:
    """Set the environment, and keep TensorFlow's start-up lines from stderr unless they are asked for.

    What Python prints there is seen in any case, crashes too.
    """
    os.environ["MPLBACKEND"] = "Agg"  # that of a notebook's kernel, which may have started us, is in no other process
    if not verbose:
        _hide_noise()


def _hide_noise() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if sys.stderr is None:
        return
    try:
        visible = os.dup(sys.stderr.fileno())
        log = temporary_file()
    except (OSError, ValueError, FileError):  # no stderr of the system, or no room: noise is the lesser evil
        return
    sys.stderr.flush()
    # Some of these lines are printed before anyone can choose a level, straight to the descriptor.
    os.dup2(log.fileno(), sys.stderr.fileno())
    sys.stderr = os.fdopen(visible, "w", encoding=sys.stderr.encoding, errors=sys.stderr.errors, buffering=1)
    faulthandler.enable(sys.stderr)
