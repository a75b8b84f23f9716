"""Runs the benchmarks one after the other and writes the pages anew.

    python -m benchmarks               what ships with the project: under ten minutes
    python -m benchmarks DATA MODEL    CIFAR-10 stored as JPEG and a model trained on it as well: hours

DATA is the folder of `benchmarks.cifar10`, MODEL a trained .keras file for it. Each file here answers one question and
can be run alone. One that fails is told at the end; the rows it made are kept.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

QUICK = [
    ["frontier", "--again", "--seeds", "3"],
    ["coverage", "--quick"],
    ["conversion_cost", "--quick"],
    ["runner_speed"],
]
ON_DATA = [
    ["frontier", "--again"],
    ["calibration_accuracy"],
    ["quantize_file"],
    ["pruning_accuracy"],
    ["qat_resnet8"],
    ["int4_resnet8"],
    ["channels_resnet8"],
    ["runner_speed"],
]
LONG = [
    ["coverage"],
    ["conversion_cost"],
    ["conversion_applications"],
    ["catalogue", "--again"],
    ["qat_applications", "--again"],
    ["channels_applications"],
]


def runs(data: str | None, model: str | None) -> list[list[str]]:
    """Return the modules and their arguments."""
    if not (data and model):
        return QUICK
    on_data = [[name, data, model, *rest] for name, *rest in ON_DATA]
    return [QUICK[0], *on_data, ["pruning_step", model], *LONG]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?")
    parser.add_argument("model", nargs="?")
    arguments = parser.parse_args()
    if bool(arguments.data) != bool(arguments.model):
        parser.error("DATA and MODEL go together")
    failed = []
    for name, *rest in [*runs(arguments.data, arguments.model), ["pages"]]:
        print(f"\n## {name} {' '.join(rest)}", flush=True)
        start = time.perf_counter()
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *rest]).returncode
        print(f"## {name}: {time.perf_counter() - start:.0f} s", flush=True)
        failed += [name] if code else []
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
