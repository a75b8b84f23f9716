"""Whether a .tflite file runs on a target, op by op, before anything is flashed or installed.

In: a `TFLiteModel` and the name of a target. Out: `Findings`. Knows nothing of Keras.
"""

from __future__ import annotations

from os import PathLike
from typing import Literal, get_args

from tfcompress.deployment.cmsis_nn import gaps
from tfcompress.deployment.ethos_u import ACCELERATORS, compiled
from tfcompress.deployment.findings import Finding, Findings
from tfcompress.deployment.gpu import left_to_the_processor
from tfcompress.deployment.interpreters import refusals
from tfcompress.errors import MissingPackageError, SettingError
from tfcompress.flatbuffer.inspection import names_run
from tfcompress.flatbuffer.manifest import text
from tfcompress.flatbuffer.model import TFLiteModel, load
from tfcompress.flatbuffer.packing import lies_behind
from tfcompress.flatbuffer.runtimes import oldest_runtime

Target = Literal["cpu", "gpu", "tflm", "ethos-u55", "ethos-u85"]

BEHIND = Finding(
    "file",
    "",
    "Constant data or options of custom ops lie behind the flatbuffer, where TFLM does not look for them.",
    "Build firmware of what tfcompress.export_c writes: there they are in the flatbuffer, as checked here.",
)


def check(tflite: TFLiteModel | str | PathLike[str], target: Target) -> Findings:
    """Tell whether a file runs on a target, and which ops stand against it.

    Args:
        tflite: The file, as a `TFLiteModel` or as a path.
        target: "cpu": LiteRT's interpreter runs the file, and from which release on. "tflm": the interpreter of
            microcontrollers runs it, and the facts hold the least arena in which it does
            (`pip install 'tfcompress[micro]'`); ops that CMSIS-NN, its kernels for Cortex-M, does not run as its
            reference kernels do are findings, too. "gpu": each op is held against what LiteRT's GPU delegate takes.
            "ethos-u55", "ethos-u85": Arm's compiler vela places each op on the NPU or the processor, where TFLM must
            run it (`pip install 'tfcompress[ethosu]'`).

    Returns:
        The `Findings`, with op, version, types, layer, reason and way out; and figures in `facts`.

    Raises:
        SettingError: an unknown target.
        FileError: no readable .tflite file.
        MissingPackageError: a target without its package.
        RunError: vela gives up.

    Example:
        >>> findings = tfcompress.check(tflite, "cpu")
        >>> findings.passed, len(findings)
        (True, 0)
    """
    if target not in get_args(Target):
        raise SettingError(f"target must be one of {', '.join(map(repr, get_args(Target)))}.", received=repr(target))
    tflite = tflite if isinstance(tflite, TFLiteModel) else load(tflite)
    rows: list[Finding] = []
    facts: dict[str, str | int | float] = {"flash for the file, bytes": tflite.size}
    if len(tflite.signatures) > 1:
        facts["signature that is run"] = f"{names_run(tflite)} of {len(tflite.signatures)}"
    if target in ACCELERATORS:
        more, figures = compiled(tflite, target)
        rows, facts = rows + more, facts | figures
    if target in ("cpu", "gpu"):
        more, _ = refusals(tflite, "litert")  # what no delegate takes runs on the processor, if it runs at all
        rows += more
        facts["oldest runtime"] = text(oldest_runtime(tflite), 500)
    if target == "gpu":
        stopped = {(row.op, row.layer) for row in rows}
        rows += [row for row in left_to_the_processor(tflite) if (row.op, row.layer) not in stopped]
    if target == "tflm":
        rows += _open_sizes(tflite)
    if (target == "tflm" or target in ACCELERATORS) and lies_behind(tflite.content):
        rows.append(BEHIND)
    if target == "tflm" or target in ACCELERATORS:
        try:
            more, figures = refusals(tflite, "tflm")
            refused = {(row.op, row.layer) for row in more}
            more += [row for row in gaps(tflite) if (row.op, row.layer) not in refused]
            rows = [*rows, *more] if target == "tflm" else _with_the_processor(rows, more)
            facts |= figures if target == "tflm" else {}
        except MissingPackageError:
            if target == "tflm":
                raise
            facts["ops on the processor"] = "not checked, as tflite-micro is not installed"
    return Findings(target, len(tflite.ops), tuple(rows), facts)


def _open_sizes(tflite: TFLiteModel) -> list[Finding]:
    return [
        Finding(
            "file", spec.name, f"The input {spec} has an open size; TFLM plans its memory once.", "Fix the keras.Input."
        )
        for spec in tflite.inputs
        if None in spec.shape[1:]
    ]


def _with_the_processor(left: list[Finding], refused: list[Finding]) -> list[Finding]:
    """Replace what the NPU leaves to the processor by what TFLM says against it, where it does."""
    stopped = {(row.op, row.layer): row for row in refused}
    rows = [stopped.get((row.op, row.layer), row) for row in left]
    return [*rows, *(row for row in refused if row.op == "file")] if left else []
