"""The targets "ethos-u55" and "ethos-u85": Arm's NPUs beside a Cortex-M that runs TFLM.

In: a `TFLiteModel`. Out: findings and figures. Source: the package `ethos-u-vela`, run as a program of its own with
its default system for the accelerator. The cycles are the compiler's estimate, not a measurement.
"""

from __future__ import annotations

import csv
import importlib.util
import re
import shutil
import subprocess
import sys
from functools import partial

from tfcompress import files
from tfcompress.console import progress
from tfcompress.deployment.findings import Finding
from tfcompress.deployment.target import Facts, Target
from tfcompress.deployment.targets import tflm
from tfcompress.errors import MissingPackageError, RunError
from tfcompress.isolation.start_child import child_environment, require_python
from tfcompress.litert.flatbuffer import within_flatbuffer
from tfcompress.litert.op_names import layer_of, signature
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.temporary_files import temporary_folder
from tfcompress.typing import Target as TargetName

ACCELERATORS: dict[TargetName, str] = {"ethos-u55": "ethos-u55-128", "ethos-u85": "ethos-u85-256"}
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
NO_INT4 = "Vela has no weights of four bits: 5.2.0 ends with a floating point exception on them."
EIGHT_BITS = 'Convert with "int8".'
KIB = 1024
MAX_SECONDS = 1800.0
"""How long vela may take; MobileNetV2 takes it seconds, and a file on which it found no end would block `check`."""


def check(tflite: TFLiteModel, target: TargetName) -> tuple[list[Finding], Facts]:
    """Compile the file; what the NPU leaves to the processor must run there, in TFLM."""
    if small := [op for op in tflite.ops if op.name in WEIGHTED and op.inputs[1].dtype == "int4"]:
        return [Finding(signature(op), layer_of(tflite, op), NO_INT4, EIGHT_BITS) for op in small], {}
    left, facts = compiled(tflite, target)
    left += tflm.behind(tflite)
    try:
        return _with_the_processor(left, tflm.refused(tflite)[0]), facts
    except MissingPackageError:
        return left, facts | {"ops on the processor": "not checked, as tflite-micro is not installed"}


def _with_the_processor(left: list[Finding], refused: list[Finding]) -> list[Finding]:
    """Replace what the NPU leaves to the processor by what TFLM says against it, where it does."""
    stopped = {(row.op, row.layer): row for row in refused}
    rows = [stopped.get((row.op, row.layer), row) for row in left]
    return [*rows, *(row for row in refused if row.op == "file")] if left else []


def compiled(tflite: TFLiteModel, target: TargetName) -> tuple[list[Finding], Facts]:
    """Compile a file for an NPU; return what stays on the processor, and the compiler's figures.

    Args:
        tflite: The file.
        target: One of `ACCELERATORS`.

    Raises:
        MissingPackageError: there is no vela.
        RunError: vela gives up, or finds no end.
    """
    with temporary_folder() as folder, progress(f"compiling for {target}"):
        source = files.write(folder / "model.tflite", within_flatbuffer(tflite.content))
        words = [*_program(), str(source), "--accelerator-config", ACCELERATORS[target], "--output-dir", str(folder)]
        try:
            done = subprocess.run(
                [*words, "--show-cpu-operations"],
                capture_output=True,
                text=True,
                cwd=folder,  # of our own: `python -m` looks for modules there first
                env=child_environment(),
                check=False,
                timeout=MAX_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise RunError(
                "Vela must compile the file.",
                received=f"no end after {MAX_SECONDS:g} s",
                hint="Compile parts of the model by themselves, to see on which one it stays.",
            ) from None
        summaries = [*folder.glob("model_summary_*.csv")]
        if done.returncode or not summaries:
            lines = (done.stderr or done.stdout).strip().splitlines()
            last = " | ".join([line for line in lines if not line.startswith("Warning: No ")][-4:])
            raise RunError("Vela must compile the file.", received=last or f"exit code {done.returncode}")
        (row,) = csv.DictReader(summaries[0].read_text().splitlines())
    found = list(_on_the_processor(tflite, done.stdout + done.stderr))
    share = 1 - len(found) / max(1, len(tflite.ops))
    flash = sum(float(row[f"{place}_chip_flash_memory_used"]) for place in ("on", "off"))
    facts: Facts = {
        "accelerator": f"{row['accelerator_configuration']}, {row['system_config']}, {row['memory_mode']}",
        "ops on the NPU, %": round(100 * share, 1),
        "SRAM, bytes": round(float(row["sram_memory_used"]) * KIB),
        "flash for the NPU, bytes": round(flash * KIB),
        "DRAM, bytes": round(float(row["dram_memory_used"]) * KIB),
        "estimated cycles": round(float(row["cycles_total"])),
        "estimated time at the clock of that system, ms": round(1000 * float(row["inference_time"]), 4),
    }
    return found, facts


def _program() -> list[str]:
    if importlib.util.find_spec("ethosu") is not None:
        require_python()
        return [sys.executable, "-m", "ethosu.vela"]
    if (program := shutil.which("vela")) is not None:
        return [program]
    raise MissingPackageError(
        "Targets with an Ethos-U need Arm's compiler ethos-u-vela.",
        received="neither the package nor a program called vela",
        hint="pip install 'tfcompress[ethosu]', or put a vela from another environment on the PATH.",
    )


def _on_the_processor(tflite: TFLiteModel, said: str) -> list[Finding]:
    """Read vela's list of what it leaves to the processor, with the reasons that it gave before."""
    names = re.findall(r"^\s*CPU: \w+ = (.*) \(outputs", said, re.MULTILINE)
    told = re.findall(r"^Warning \([^)]*\) operator: [^,]*, ofm: '(.*)'\nReason: (.*)\n(.*)", said, re.MULTILINE)
    reasons = {name: f"{why}. {rest}" if not rest.startswith(("Warning", "#")) else why for name, why, rest in told}
    writers = {tensor.name: op for op in tflite.ops for tensor in op.outputs}
    found = []
    for name in names:
        op = writers.get(name)
        reason = f"Vela leaves it to the processor: {reasons.get(name, 'no reason given')}".rstrip(". ") + "."
        floats = op is not None and any(tensor.is_float for tensor in (*op.inputs, *op.outputs))
        convert = floats and "DataType" in reason
        hint = 'Convert with "int8" and samples.' if convert else "Replace the layer by one that the NPU has."
        found.append(
            Finding(signature(op) if op else name, layer_of(tflite, op) if op else name, reason, hint, blocks=False)
        )
    return found


TARGETS = tuple(
    Target(
        name,
        asks="Arm's compiler vela (`pip install 'tfcompress[ethosu]'`)",
        stops="what neither NPU nor TFLM runs",
        slows="an op left to the CPU",
        pruning="less flash and less time: the NPU's compiler packs zeros",
        check=partial(check, target=name),
    )
    for name in ACCELERATORS
)
