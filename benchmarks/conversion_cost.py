"""What calibration and conversion to int8 cost in seconds and memory, and how that grows, beside TFLiteConverter.

    python -m benchmarks.conversion_cost [--quick] [--pairs 1] [--samples 50 200 500]

MobileNetV2 with random weights, of two sizes, on 50 to 500 samples. Both tools run one after the other on the same
samples, each in a new process with TensorFlow loaded before the clock starts; what counts is the ratio. Memory is the
sum of the peaks of all processes of a run, the samples among them. Libraries that several of these processes map lie in
memory once and are in that sum for each of them: how much of it counts more than once is told beside.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.record import Record
from benchmarks.run_isolated import apart

SMALL, LARGE = (0.35, 96), (1.0, 224)
COUNTS = (50, 200, 500)


def cost(tool: str, alpha: float, size: int, count: int) -> dict[str, Any]:
    """Convert once and return seconds and peak memory."""
    import keras
    import numpy as np

    import tfcompress
    from benchmarks.peers import tflite_converter

    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV2(weights=None, input_shape=(size, size, 3), alpha=alpha)
    samples = np.random.default_rng(0).random((count, size, size, 3), dtype=np.float32)
    tiny = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    convert = tflite_converter if tool == "TFLiteConverter" else lambda m, s: tfcompress.convert(m, samples=s)
    convert(tiny, np.random.default_rng(0).random((50, 4), dtype=np.float32))
    start = time.perf_counter()
    convert(model, samples)
    return {"seconds": time.perf_counter() - start, "megabytes": peak() / 2**20, "repeated": repeated() / 2**20}


def peak() -> int:
    """Return the sum of the peaks of memory, in bytes, of this process and of those that it has started."""
    return sum(1024 * int(status.get("VmHWM", "0 kB").split()[0]) for _, status in processes())


def repeated() -> int:
    """Return the bytes of mapped files that are in several of these processes, but for the first of each."""
    held: dict[str, list[int]] = {}
    for folder, _ in processes():
        found: dict[str, int] = {}
        name, resident = "", 0
        for line in (folder / "smaps").read_text().splitlines():
            words = line.split()
            if not words[0].endswith(":"):
                name = words[5] if len(words) > 5 else ""
            elif words[0] == "Rss:":
                resident = int(words[1])
            elif words[0] == "Anonymous:" and name.startswith("/"):
                found[name] = found.get(name, 0) + 1024 * (resident - int(words[1]))
        for name, size in found.items():
            held.setdefault(name, []).append(size)
    return sum(sum(sizes) - max(sizes) for sizes in held.values())


def processes() -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield the folder in /proc, and the status, of this process and of those that it has started."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            lines = (folder / "status").read_text().splitlines()
        except OSError:  # it ended
            continue
        status = dict(line.split(":", 1) for line in lines if ":" in line)
        if os.getpid() in (int(status["Pid"]), int(status["PPid"])):
            yield folder, status


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the small model alone")
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--samples", type=int, nargs="+", default=COUNTS)
    arguments = parser.parse_args()
    record = Record("conversion_cost", "model", "samples")
    for alpha, size in [SMALL] if arguments.quick else [SMALL, LARGE]:
        for count in arguments.samples:
            found = [
                [apart(cost, tool, alpha, size, count) for tool in ("tfcompress", "TFLiteConverter")]
                for _ in range(arguments.pairs)
            ]
            record.add(
                model=f"MobileNetV2 {alpha}, {size}×{size}",
                samples=count,
                pairs=arguments.pairs,
                seconds_tfcompress=median(ours["seconds"] for ours, _ in found),
                seconds_TFLiteConverter=median(theirs["seconds"] for _, theirs in found),
                ratio=median(ours["seconds"] / theirs["seconds"] for ours, theirs in found),
                megabytes_tfcompress=round(median(ours["megabytes"] for ours, _ in found)),
                megabytes_TFLiteConverter=round(median(theirs["megabytes"] for _, theirs in found)),
                of_these_repeated=round(median(ours["repeated"] for ours, _ in found)),
            )


if __name__ == "__main__":
    main()
