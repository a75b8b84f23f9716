"""Runs the benchmarks one after the other and writes the pages anew.

    python -m benchmarks               what ships with the project: under ten minutes
    python -m benchmarks DATA MODEL    CIFAR-10 stored as JPEG and a model trained on it as well: hours

DATA is the folder of `benchmarks.cifar10`, MODEL a trained .keras file for it. Spoken digits are there as
fsdd_8khz.npz, and the sensor data is a package (benchmarks/requirements-sensor.txt); without them these tasks are left
out, and that is told. Each file here answers one question and
can be run alone. One that fails is told at the end; the rows it made are kept.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

WAYS = ("float", "after training", "recovered", "trained", "80% zeros", "50% of MACs")
"""Parts of the names of ways that are quick enough in all."""
QUICK = [
    ["frontier", "digits", "--again", "--seeds", "3", "--only", *WAYS],
    ["coverage", "--quick"],
    ["conversion_cost", "--quick"],
    ["runner_speed"],
]
ON_DATA = [
    ["calibration_accuracy"],
    ["quantize_file"],
    ["pruning_accuracy"],
    ["qat_resnet8"],
    ["int4_resnet8"],
    ["packed_resnet8"],
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
    tasks = [["digits"], ["audio", f"{data}/fsdd_8khz.npz"], ["sensor_cnn"], ["sensor_lstm"], ["cifar10", data, model]]
    frontiers = [["frontier", *task, "--again", "--seeds", "3"] for task in tasks if can_run(task)]
    return [*frontiers, *on_data, ["pruning_step", model], ["channels_latency", model], *LONG]


def can_run(task: list[str]) -> bool:
    """Return whether the data of a task is there; tell where it is not."""
    if task[0] == "audio" and not Path(task[1]).exists():
        print(f"audio is left out: no {task[1]}")
        return False
    if task[0].startswith("sensor"):
        from benchmarks.sensor import watch_file

        try:
            watch_file()
        except FileNotFoundError as error:
            print(f"{task[0]} is left out: {error}")
            return False
    return True


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
