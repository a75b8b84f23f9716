"""Which inputs of a test each file got right, so that two tools are compared on the same inputs.

Kept in results/answers.json: by task, tool and way the commit and a line of bits a seed.
Two tools differ by the mean over inputs and seeds; its variance is that over inputs, of their means over seeds, and for
either tool that over seeds.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import RESULTS

Z_95 = 1.96


def keep(task: str, tool: str, way: str, right: list[np.ndarray], folder: Path = RESULTS) -> None:
    """Keep what the files of one way got right: an array of booleans a seed."""
    path = folder / "answers.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    bits = {"inputs": len(right[0]), "seeds": [np.packbits(each).tobytes().hex() for each in right]}
    kept.setdefault(task, {}).setdefault(tool, {})[way] = bits
    path.write_text(json.dumps(kept, indent=1) + "\n")


def kept(folder: Path = RESULTS) -> dict[tuple[str, str, str], np.ndarray]:
    """Return the answers by task, tool and way: seeds × inputs, 1 for right."""
    path = folder / "answers.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return {
        (task, tool, way): np.stack(
            [np.unpackbits(np.frombuffer(bytes.fromhex(seed), np.uint8))[: bits["inputs"]] for seed in bits["seeds"]]
        )
        for task, tools in found.items()
        for tool, ways in tools.items()
        for way, bits in ways.items()
    }


def difference(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return by how many points the second is better than the first, and half of the 95 % interval."""
    means = second.mean(axis=0, dtype=float) - first.mean(axis=0, dtype=float)
    variance = means.var(ddof=1) / len(means)
    for each in (first, second):
        if len(each) > 1:
            variance += each.mean(axis=1, dtype=float).var(ddof=1) / len(each)
    return 100 * float(means.mean()), 100 * Z_95 * math.sqrt(variance)
