"""The process in which a file runs that might take its process down, and every file in TFLM.

In: pickled requests on stdin. Out: pickled answers on what was stdout at the start; everything that the runtimes print
goes to stderr, which the parent keeps as a log. Ends when stdin ends. Both ends are tfcompress.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from typing import Any

from tfcompress.errors import RunError, TfcompressError
from tfcompress.flatbuffer.model import TFLiteModel
from tfcompress.runtime.engine import load_engine
from tfcompress.runtime.trial import run_once, timed


def main() -> None:
    """Answer requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends this process
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # C++ code writes to stdout, where it would garble the answers
    engine: Any = None
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        answer: Any
        try:
            what, content = request.pop("what"), request.pop("content", None)
            if what == "load":
                engine = load_engine(TFLiteModel(content), **request)
                answer = engine.batch
            elif what == "trial":
                answer = run_once(TFLiteModel(content), **request)
            elif what == "timed":
                answer = timed(TFLiteModel(content), **request)
            elif what == "tune":
                engine.tune(**request)
                answer = engine.batch
            else:
                answer = engine.run(**request)
        except TfcompressError as error:
            answer = error
        except MemoryError:
            answer = RunError("The file must fit into memory.", received="MemoryError")
        pickle.dump(answer, answers, protocol=5)
        answers.flush()


if __name__ == "__main__":
    main()
