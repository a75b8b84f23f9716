"""The process in which TensorFlow's converter runs, so that its crashes and leaks are not the user's.

In: one JSON request a line on stdin. Out: JSON answers on what was stdout at the start; everything that TensorFlow
prints goes to stderr, which the worker keeps as its log. Ends when stdin ends.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tfcompress.errors import ConversionError, TfcompressError

OUTPUT = "converted.tflite"


def main() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # C++ code writes to stdout, where it would garble the answers

    import tensorflow  # noqa: F401, loaded once, before the first request

    for line in sys.stdin:
        for answer in _serve(json.loads(line), lambda count: print(json.dumps({"samples": count}), file=answers)):
            print(json.dumps(answer), file=answers)


def _serve(request: dict[str, Any], advance: Any) -> list[dict[str, Any]]:
    from tfcompress.conversion.converter import run_converter
    from tfcompress.conversion.mixture import Mixture
    from tfcompress.conversion.samples import Calibration

    folder = Path(request["folder"])
    if "trial" in request:
        from tfcompress.conversion.trial import run_once

        return [{"trial": run_once((folder / OUTPUT).read_bytes(), request["trial"]), "memory": _memory()}]
    calibration = None if request["calibration"] is None else Calibration.from_dict(request["calibration"], folder)
    try:
        content = run_converter(
            folder / "saved_model",
            request["quantization"],
            request["io"],
            calibration,
            request["method"],
            Mixture.from_dict(request["mixture"]),
            request["extra_ops"],
            request["requantize"],
            advance,
        )
    except TfcompressError as error:
        return [_answer(error)]
    except MemoryError:
        return [_answer(ConversionError("The conversion must fit into memory.", received="MemoryError"))]
    (folder / OUTPUT).write_bytes(content)
    return [{"done": OUTPUT, "memory": _memory()}]


def _answer(error: TfcompressError) -> dict[str, Any]:
    parts = {"required": error.required, "received": str(error.received), "todo": error.todo}
    return {"error": {"kind": type(error).__name__, **parts}, "memory": _memory()}


def _memory() -> int:
    """Bytes of memory that this process holds now; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0


if __name__ == "__main__":
    main()
