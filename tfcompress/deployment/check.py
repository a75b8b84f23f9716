"""Whether a .tflite file runs on a target, op by op, before anything is flashed or installed.

In: a `TFLiteModel` and the name of a target. Out: `Findings`.
"""

from __future__ import annotations

from os import PathLike

from tfcompress.deployment.findings import Findings
from tfcompress.deployment.target import Facts, target_of
from tfcompress.litert.inspection import names_run
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.typing import Target


def check(tflite: TFLiteModel | str | PathLike[str], target: Target) -> Findings:
    """Tell whether a file runs on a target, and which ops stand against it.

    Args:
        tflite: The file, as a `TFLiteModel` or as a path.
        target: Where it is to run; `tfcompress check --help` lists all. "cpu": LiteRT's interpreter runs the file, and
            from which release on. "tflm": the interpreter of microcontrollers runs it, and the facts hold the least
            arena in which it does (`pip install 'tfcompress[micro]'`); ops that CMSIS-NN, its kernels for Cortex-M,
            does not run as its reference kernels do are findings, too. "gpu": each op is held against what LiteRT's GPU
            delegate takes. "ethos-u55", "ethos-u85": Arm's compiler vela places each op on the NPU or the processor,
            where TFLM must run it (`pip install 'tfcompress[ethosu]'`).

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
    asked = target_of(target)
    tflite = as_tflite(tflite)
    facts: Facts = {"flash for the file, bytes": tflite.size}
    if len(tflite.signatures) > 1:
        facts["signature that is run"] = f"{names_run(tflite)} of {len(tflite.signatures)}"
    rows, more = asked.check(tflite)
    return Findings(target, len(tflite.ops), tuple(rows), facts | more)
