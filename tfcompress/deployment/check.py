"""Whether a .tflite file runs on a target, op by op, before anything is flashed or installed.

In: a `TFLiteModel` and the names of targets. Out: `Findings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from tfcompress.deployment.findings import Findings, FindingsByTarget
from tfcompress.deployment.target import Facts, Target, target_of
from tfcompress.errors import SettingError
from tfcompress.litert.inspection import names_run
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.typing import StrPath
from tfcompress.typing import Target as TargetName


@overload
def check(tflite: TFLiteModel | StrPath, target: TargetName) -> Findings: ...
@overload
def check(tflite: TFLiteModel | StrPath, target: Sequence[TargetName]) -> FindingsByTarget: ...
def check(tflite: TFLiteModel | StrPath, target: TargetName | Sequence[TargetName]) -> Findings | FindingsByTarget:
    """Tell whether a file runs on a target, and which ops stand against it.

    Args:
        tflite: The file, as a `TFLiteModel` or as a path.
        target: Where it is to run; `tfcompress check --help` lists all. "cpu": LiteRT's interpreter runs the file, and
            from which release on. "tflm": the interpreter of microcontrollers runs it, and the facts hold the least
            arena in which it does (`pip install 'tfcompress[micro]'`); ops that CMSIS-NN, its kernels for Cortex-M,
            does not run as its reference kernels do are findings, too. "gpu": each op is held against what LiteRT's GPU
            delegate takes. "ethos-u55", "ethos-u85": Arm's compiler vela places each op on the NPU or the processor,
            where TFLM must run it (`pip install 'tfcompress[ethosu]'`). Several, as a list, are checked one by one.

    Returns:
        The `Findings`, with op, version, types, layer, reason and way out; and figures in `facts`. For several targets
        a `FindingsByTarget`: `Findings` by target.

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
    if isinstance(target, str):
        return _check(as_tflite(tflite), target_of(target))
    asked = [target_of(name) for name in dict.fromkeys(target)] if isinstance(target, Sequence) else []
    if not asked:
        raise SettingError("target must name at least one target.", received=repr(target))
    tflite = as_tflite(tflite)
    return FindingsByTarget({one.name: _check(tflite, one) for one in asked})


def _check(tflite: TFLiteModel, target: Target) -> Findings:
    facts: Facts = {"flash for the file, bytes": tflite.size}
    if len(tflite.signatures) > 1:
        facts["signature that is run"] = f"{names_run(tflite)} of {len(tflite.signatures)}"
    rows, more = target.check(tflite)
    return Findings(target.name, len(tflite.ops), tuple(rows), facts | more)
