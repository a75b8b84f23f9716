"""What an interpreter says of a file and of each of its ops: the truth for "cpu" and "tflm".

In: a `TFLiteModel` and a runtime. Out: findings, and what TFLM counts of its memory. Runs everything in a process that
may die. Knows nothing of accelerators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tfcompress.console import progress
from tfcompress.deployment.findings import Finding
from tfcompress.errors import RunError
from tfcompress.flatbuffer.model import Op, TFLiteModel
from tfcompress.flatbuffer.naming import layer_of, signature
from tfcompress.flatbuffer.rewrite import keep_ops
from tfcompress.runtime.engine import Runtime
from tfcompress.runtime.process import Died, Process

NAMES: dict[Runtime, str] = {"litert": "LiteRT", "reference": "LiteRT's reference kernels", "tflm": "TFLM"}


def refusals(tflite: TFLiteModel, runtime: Runtime) -> tuple[list[Finding], dict[str, str | int | float]]:
    """Run a file, and where it fails each of its ops alone.

    Args:
        tflite: The file.
        runtime: Which interpreter.

    Returns:
        The findings, and for TFLM the bytes of its arena as it counts them itself.

    Raises:
        MissingPackageError: "tflm" without its package.
    """
    said, why = _attempt(process := Process(), tflite, runtime)
    process.end()
    if why is None:
        return [], dict(arena(said))
    found = list(_each(tflite, runtime))
    if not found:  # each op runs alone, but not together
        found = [Finding("file", "", f"{NAMES[runtime]}: {why}", "Look for the op that the message names.")]
    return found, {}


def arena(text: str) -> dict[str, int]:
    """Read what TFLM prints: "[RecordingMicroAllocator] Arena allocation total 2416 bytes"."""
    found = re.findall(r"Arena allocation (total|head|tail) (\d+) bytes", text)
    return {f"arena {part}, bytes": int(count) for part, count in found}


def _each(tflite: TFLiteModel, runtime: Runtime) -> Iterator[Finding]:
    ops = [op for op in tflite.ops if op.subgraph == 0]
    process = Process()
    known: dict[tuple[object, ...], str | None] = {}
    with progress(f"asking {NAMES[runtime]} for each op", len(ops)) as advance:
        for number, op in enumerate(ops):
            kind = (signature(op), tuple(tensor.shape for tensor in (*op.inputs, *op.outputs)))
            if kind not in known:
                alone = TFLiteModel(keep_ops(tflite.content, number, number + 1))
                _, known[kind] = _attempt(process, alone, runtime)
                process = process if process.end.alive else Process()
            if (why := known[kind]) is not None:
                yield Finding(
                    signature(op), layer_of(tflite, op), f"{NAMES[runtime]}: {why}", _way_out(op, why, runtime)
                )
            advance()
    process.end()


def _attempt(process: Process, tflite: TFLiteModel, runtime: Runtime) -> tuple[str, str | None]:
    """Run a file on zeros; return what the interpreter printed, and what it says against the file."""
    try:
        return process.trial(tflite, runtime), None
    except RunError as error:
        return "", str(error.received)
    except Died as death:
        return "", f"it dies: {death}"


def _way_out(op: Op, why: str, runtime: Runtime) -> str:
    floats = [tensor for tensor in (*op.inputs, *op.outputs) if tensor.is_float]
    if "Hybrid" in why or (floats and any(tensor.dtype == "int8" for tensor in op.inputs)):
        return 'Convert with "int8" and samples: integer weights with float activations are for phones.'
    if any(tensor.dtype == "float16" for tensor in op.inputs):
        return 'Convert with "int8" or "float32": float16 weights are for phones and GPUs.'
    if op.name.startswith("Flex") or op.custom:
        return "Replace the layer that makes it: the op is no builtin of TensorFlow Lite."
    if runtime == "tflm":
        return "Replace the layer by ones whose ops TFLM has, or leave it out of the model and compute it in C."
    return "Replace the layer that makes it, or convert it in other types."
