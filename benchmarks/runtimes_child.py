"""One runtime, in a process of its own: which files it runs, and which versions of each builtin op it has.

Started by `benchmarks.runtimes` with a JSON request on stdin; answers a JSON line a question, as a file may end it.
Imports nothing of the project: the runtimes bring a NumPy of their own time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    request = json.load(sys.stdin)
    interpreter = _interpreter(request["package"])
    for path in request["files"]:
        print(json.dumps({"file": path, "error": run(interpreter, Path(path).read_bytes())}), flush=True)
    for name, code in request["builtins"].items():
        print(json.dumps({"builtin": name, "versions": versions(interpreter, code, request["template"])}), flush=True)


def _interpreter(package: str) -> Any:
    if package == "tflite-runtime":
        from tflite_runtime.interpreter import Interpreter
    elif package == "tensorflow":
        from tensorflow.lite.python.interpreter import Interpreter
    else:
        from ai_edge_litert.interpreter import Interpreter
    return Interpreter


def run(interpreter: Any, content: bytes) -> str:
    """Run a file on ones, as nothing divides by zero; return what the interpreter says against it."""
    try:
        loaded = interpreter(model_content=content)
        loaded.allocate_tensors()
        for entry in loaded.get_input_details():
            loaded.set_tensor(entry["index"], np.ones(entry["shape"], entry["dtype"]))
        loaded.invoke()
    except (RuntimeError, ValueError, SystemError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def versions(interpreter: Any, code: int, template: dict[str, Any]) -> int:
    """Return the highest version of a builtin op that is registered; 0 where there is none."""
    found = 0
    for version in range(1, template["versions"] + 1):
        content = bytearray(bytes.fromhex(template["content"]))
        for place, value in ((template["code"], code), (template["version"], version)):
            content[place : place + 4] = value.to_bytes(4, "little")
        content[template["old code"]] = min(code, 127)
        try:
            interpreter(model_content=bytes(content))
        except (RuntimeError, ValueError, SystemError):
            continue
        found = version
    return found


if __name__ == "__main__":
    main()
