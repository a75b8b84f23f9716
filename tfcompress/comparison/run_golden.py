"""Runs golden samples on this machine, and writes what came out.

    python run_golden.py
    tfcompress compare --golden golden.npz result.json     # where tfcompress is

In: golden.npz beside this file. Out: result.json beside it. Needs NumPy and one of ai-edge-litert, tflite-runtime and
TensorFlow; nothing else, no tfcompress. The kernels run in processes of their own: one that dies is told in the result.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

KERNELS = ("reference", "optimised")
RUNTIMES = (
    ("ai_edge_litert.interpreter", "ai_edge_litert.interpreter", "ai-edge-litert"),
    ("tflite_runtime.interpreter", "tflite_runtime.interpreter", "tflite-runtime"),
    ("tensorflow.lite.python.interpreter", "tensorflow.lite.python.interpreter", "tensorflow"),
)
TOLERANCE = 1e-4
"""By how much floats may differ, as a share of the largest one of their tensor: other kernels sum in another order."""


def runtime() -> tuple[Any, Any, str]:
    """Return the interpreter's class, the choice of kernels, and what the package is called with its version."""
    for module, resolvers, package in RUNTIMES:
        try:
            found = importlib.import_module(module)
            resolver = importlib.import_module(resolvers).OpResolverType
        except (ImportError, AttributeError):
            continue
        return found.Interpreter, resolver, f"{package} {version(package)}"
    raise SystemExit(
        "One of ai-edge-litert, tflite-runtime and tensorflow must be installed: pip install ai-edge-litert"
    )


def version(package: str) -> str:
    """Return the version of an installed package."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed(package)
    except PackageNotFoundError:
        return "unknown"


class Model:
    """A file in an interpreter that starts each sample in the initial state."""

    def __init__(self, content: bytes, kernels: str, facts: dict[str, Any], inputs: list[np.ndarray]) -> None:
        self._content, self._facts, self._shapes = content, facts, [array.shape[1:] for array in inputs]
        self._make, self._resolvers, _ = runtime()
        self._kernels = kernels
        self._loaded = self._load()

    def _load(self) -> Any:
        resolvers = self._resolvers
        chosen = resolvers.BUILTIN_REF if self._kernels == "reference" else resolvers.AUTO
        loaded = self._make(model_content=self._content, num_threads=1, experimental_op_resolver_type=chosen)
        for one, shape in zip(self._facts["inputs"], self._shapes):  # noqa: B905, for Python 3.9
            if one["open"]:
                loaded.resize_tensor_input(one["tensor"], [self._facts["batch"], *shape])
        loaded.allocate_tensors()
        return loaded

    def run(self, rows: list[np.ndarray], tensors: list[int]) -> list[np.ndarray]:
        """Return tensors, a row a sample, for as many samples as the file takes at once."""
        if self._facts["state"] == "resource variables":
            self._loaded = self._load()
        elif self._facts["state"] != "none":
            self._loaded.reset_all_variables()
        for one, array in zip(self._facts["inputs"], rows):  # noqa: B905
            self._loaded.set_tensor(one["tensor"], array.reshape(() if one["scalar"] else array.shape))
        self._loaded.invoke()
        batch = self._facts["batch"]
        return [np.array(self._loaded.get_tensor(tensor)).reshape(batch, -1) for tensor in tensors]

    def run_all(self, inputs: list[np.ndarray], tensors: list[int], stage: str) -> list[np.ndarray]:
        """Return tensors for all samples."""
        count, batch = len(inputs[0]), self._facts["batch"]
        parts = []
        for start in range(0, count, batch):
            rows = [array[start : start + batch] for array in inputs]
            missing = batch - len(rows[0])
            rows = [np.concatenate([row, np.repeat(row[-1:], missing, axis=0)]) for row in rows] if missing else rows
            parts.append(self.run(rows, tensors))
            if sys.stderr.isatty():
                print(f"\r{stage}: {min(start + batch, count)} of {count}", end="", file=sys.stderr)
        return [np.concatenate(column)[:count] for column in zip(*parts)]  # noqa: B905


def differences(found: np.ndarray, expected: np.ndarray) -> dict[str, Any]:
    """Return how many values differ, of how many, and by how much at most."""
    if found.shape != expected.shape:
        return {"differing": int(expected.size), "values": int(expected.size), "largest": None}
    apart = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    wrong = found != expected
    if expected.dtype.kind == "f":
        wrong = ~(apart <= TOLERANCE * np.abs(expected).max(initial=0))
    largest = float(apart.max(initial=0))
    return {
        "differing": int(np.count_nonzero(wrong)),
        "values": int(expected.size),
        "largest": largest if np.isfinite(largest) else None,
    }


def run_kernels(golden: Path, kernels: str) -> dict[str, Any]:
    """Return what one kind of kernels makes of the golden samples: outputs, and how each op's result differs."""
    with np.load(golden, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    facts = json.loads(arrays["facts"].tobytes())
    inputs = [arrays[f"input_{place}"] for place in range(len(facts["inputs"]))]
    model = Model(arrays["model"].tobytes(), kernels, facts, inputs)
    outputs = model.run_all(inputs, [one["tensor"] for one in facts["outputs"]], kernels)
    few = [array[: facts["samples_by_op"]] for array in inputs]
    inside = Model(arrays["model_of_ops"].tobytes(), kernels, facts, few)
    found = inside.run_all(few, [one["tensor"] for one in facts["ops"]], f"{kernels}, op by op")
    ops = [differences(array, arrays[f"op_{place}"]) for place, array in enumerate(found)]
    return {"outputs": [array.tolist() for array in outputs], "ops": ops}


def in_another_process(golden: Path, kernels: str) -> dict[str, Any]:
    """Return what `run_kernels` does, or how its process ended."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        command = [sys.executable, __file__, str(golden), "--kernels", kernels, "-o", str(answer)]
        done = subprocess.run(command, stderr=None if sys.stderr.isatty() else subprocess.PIPE, text=True)
        if done.returncode == 0 and answer.exists():
            return json.loads(answer.read_text())
        words = (done.stderr or "").strip().splitlines()[-1:]
        return {"error": " ".join([f"the process ended with {done.returncode}", *words])}


def main() -> None:
    """Run both kinds of kernels."""
    parser = argparse.ArgumentParser(description="Run golden samples on this machine, and write what came out.")
    here = Path(__file__).resolve().parent
    parser.add_argument(
        "golden", nargs="?", type=Path, default=here / "golden.npz", help="default: golden.npz beside it"
    )
    parser.add_argument("-o", "--output", type=Path, help="default: result.json beside golden.npz")
    parser.add_argument("--kernels", choices=KERNELS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.golden.is_file():
        raise SystemExit(f"{arguments.golden} must be there: tfcompress golden writes it.")
    output = arguments.output or arguments.golden.parent / "result.json"
    if arguments.kernels:
        output.write_text(json.dumps(run_kernels(arguments.golden, arguments.kernels)))
        return
    result = {
        "golden": hashlib.sha256(arguments.golden.read_bytes()).hexdigest(),
        "runtime": runtime()[2],
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "kernels": {kernels: in_another_process(arguments.golden, kernels) for kernels in KERNELS},
    }
    output.write_text(json.dumps(result))
    failed = [f"{name} kernels: {one['error']}" for name, one in result["kernels"].items() if "error" in one]
    print(
        "\n".join([*failed, f"{output} is written: tfcompress compare --golden {arguments.golden.name} {output.name}"])
    )


if __name__ == "__main__":
    main()
