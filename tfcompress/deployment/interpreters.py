"""What an interpreter says of a file and of each of its ops: the truth for "cpu" and "tflm".

In: a `TFLiteModel` and a runtime. Out: findings, and what the runtime tells of a file that it runs. Runs everything in
a process that may die.
"""

from __future__ import annotations

import re
import time

from tfcompress.console import progress
from tfcompress.deployment.findings import Finding
from tfcompress.errors import RunError
from tfcompress.isolation.child_process import Died
from tfcompress.litert.extract_ops import keep_ops, kind_of
from tfcompress.litert.op_names import layer_of, signature
from tfcompress.litert.subgraph_runs import callers_first, runs_by_signature
from tfcompress.litert.tflite_model import OpFacts, TFLiteModel
from tfcompress.runtime.engine import NEW_NAMES, NOT_UTF8, require_unpacked, runtime_of
from tfcompress.runtime.run_once import run_once
from tfcompress.runtime.timeouts import sample_timeout
from tfcompress.typing import Runtime

AT_RUN = "failed to invoke"
"""What runtimes say of an op that they have, and that fails on the values it meets."""

FAIR_SECONDS = 5.0
"""An op that had less is not said to hang."""

HANDLES = {"resource", "variant"}
"""Types of inputs that nothing can be given for."""


def refusals(tflite: TFLiteModel, runtime: Runtime) -> tuple[list[Finding], dict[str, str | int | float]]:
    """Run a file, and where it fails each of its ops alone.

    Args:
        tflite: The file.
        runtime: Which interpreter.

    Returns:
        The findings, and the facts of the runtime: of TFLM the bytes of the least arena that runs the file.

    Raises:
        MissingPackageError: "tflm" without its package.
    """
    try:
        require_unpacked(tflite, runtime)
    except RunError as error:
        return [Finding("file", "", error.required, error.hint)], {}
    why = _attempt(tflite, runtime)
    facts: dict[str, str | int | float] = {}
    if why is None:
        try:
            facts = runtime_of(runtime).facts(tflite)
        except RunError as error:
            why = str(error.received)
    if why is None:
        return [], facts
    if NOT_UTF8 in why:  # no op is to blame
        return [Finding("file", "", f"{runtime_of(runtime).label}: {why}", NEW_NAMES)], {}
    rows, is_complete = _each(tflite, runtime)
    if rows and is_complete:
        return rows, {}
    whole = _of_the_whole(tflite, runtime, why)
    if (whole.op, whole.layer) not in {(row.op, row.layer) for row in rows}:
        rows = [whole, *rows]
    return (rows if is_complete else [*rows, _unasked(runtime)]), {}


def _each(tflite: TFLiteModel, runtime: Runtime) -> tuple[list[Finding], bool]:
    """Ask for each op alone; ops of loops and branches before the ops that run them.

    Returns:
        What was found, and whether there was time for all ops.
    """
    order = {graph: place for place, graph in enumerate(reversed(callers_first(tflite)))}
    deadline = time.monotonic() + sample_timeout(tflite)  # for all of them together
    known: dict[bytes, str | None] = {}
    found: dict[int, Finding] = {}
    refused: set[str] = set()
    with progress(f"asking {runtime_of(runtime).label} for each op", len(tflite.ops)) as advance:
        for op in sorted(tflite.ops, key=lambda one: order[one.subgraph]):
            alone = TFLiteModel(keep_ops(tflite.content, op.place, op.place + 1, op.subgraph))
            beside = {signature(other) for other in alone.ops} - {signature(op)}
            if not beside & refused and not any(spec.dtype in HANDLES for spec in alone.inputs):
                if (kind := kind_of(alone.content)) not in known:
                    left = deadline - time.monotonic()
                    if left < FAIR_SECONDS:
                        return [found[index] for index in sorted(found)], False
                    known[kind] = _attempt(alone, runtime, left)
                why = known[kind]
                if why is not None and AT_RUN not in why:  # what fails on zeros alone may take what the others give it
                    found[op.index] = _finding(tflite, op, why, runtime)
                    refused.add(signature(op))
            advance()
    return [found[index] for index in sorted(found)], True


def _of_the_whole(tflite: TFLiteModel, runtime: Runtime, why: str) -> Finding:
    """Say what stands against a file whose ops all run alone: the op that the runtime names, or what no op uses."""
    ops = [op for op in tflite.ops if op.subgraph == 0]
    named = re.findall(r"Node number (\d+) \((\w+)\)|Node (\w+) \(number (\d+)f?\)", why)
    for first, name, other, second in reversed(named):
        place = int(first or second)
        if place < len(ops) and ops[place].name == (name or other):
            return _finding(tflite, ops[place], why, runtime)
    if ops and _attempt(TFLiteModel(keep_ops(tflite.content, None, len(ops))), runtime) is None:
        used = {tensor.index for op in ops for tensor in (*op.inputs, *op.outputs)} | {*tflite.output_tensors}
        left = [tensor.name for tensor in tflite.subgraphs[0] if tensor.index not in used]
        rest = f"It is in what no op uses: metadata, or a tensor{f' such as {left[0]!r}' if left else ''}."
        return Finding("file", "", f"{runtime_of(runtime).label}: {why}. {rest}", "Convert the model anew without it.")
    return Finding("file", "", f"{runtime_of(runtime).label}: {why}", "Look for the op that the message names.")


def _finding(tflite: TFLiteModel, op: OpFacts, why: str, runtime: Runtime) -> Finding:
    name, _ = runs_by_signature(tflite).get(op.subgraph, ("", 0))
    where = f" It is an op of the signature {name!r}." if len(tflite.signatures) > 1 else ""
    return Finding(
        signature(op), layer_of(tflite, op), f"{runtime_of(runtime).label}: {why}{where}", _way_out(op, why, runtime)
    )


def _unasked(runtime: Runtime) -> Finding:
    why = f"{runtime_of(runtime).label}: the other ops were not asked, as those before them took too long."
    return Finding("file", "", why, "See what is said of those; or ask again on an idle machine.")


def _attempt(tflite: TFLiteModel, runtime: Runtime, seconds: float | None = None) -> str | None:
    """Run a file on zeros; return what the interpreter says against it."""
    try:
        run_once(tflite, runtime, seconds=seconds)
    except RunError as error:
        return str(error.received)
    except Died as death:
        return f"it dies: {death}"
    return None


def _way_out(op: OpFacts, why: str, runtime: Runtime) -> str:
    floats = [tensor for tensor in (*op.inputs, *op.outputs) if tensor.is_float]
    if "Hybrid" in why or (floats and any(tensor.dtype in ("int8", "int4", "int2") for tensor in op.inputs)):
        return 'Convert with "int8" or "int8x4" and samples: integer weights with float activations are for phones.'
    if any(tensor.dtype == "float16" for tensor in op.inputs):
        return 'Convert with "int8" or "float32": float16 weights are for phones and GPUs.'
    if op.name.startswith("Flex") or op.custom:
        return "Replace the layer that makes it: the op is no builtin of TensorFlow Lite."
    return runtime_of(runtime).way_out
