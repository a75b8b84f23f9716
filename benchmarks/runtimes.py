"""Which op, in which version and types, does each runtime of the past years run?

    for v in 1.0.1 1.4.0 2.0.3 2.1.2 2.1.3 2.1.6 2.3.0; do
        pip install --no-deps --target FOLDER/$v ai-edge-litert==$v; done
    pip install --no-deps --target FOLDER/tflite-2.14.0 tflite-runtime==2.14.0
    pip install --no-deps --target FOLDER/tflite-2.14.0 --target FOLDER/1.0.1 "numpy<2"      (each of the two)
    python -m benchmarks.runtimes FOLDER FILES

FILES is a folder for the files: one a layer and kind of quantization, made where it is missing. Each op of each is run
alone on each runtime, and so is each whole file. Writes `tfcompress/litert/runtimes.json`, from which `check`,
`inspect` and `convert` tell the oldest runtime of a file; then holds what they tell against what the whole files did,
and ends with an error where a file claims a runtime that refuses it. The rows are the layers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.record import Record
from benchmarks.runtimes_corpus import corpus

RELEASES = (  # name, package, folder, day on which its wheel was built
    ("TensorFlow Lite 2.14.0", "tflite-runtime", "tflite-2.14.0", "2023-10-03"),
    ("LiteRT 1.0.1", "ai-edge-litert", "1.0.1", "2024-08-29"),
    ("LiteRT 1.4.0", "ai-edge-litert", "1.4.0", "2025-07-02"),
    ("LiteRT 2.0.3", "ai-edge-litert", "2.0.3", "2025-11-08"),
    ("LiteRT 2.1.2", "ai-edge-litert", "2.1.2", "2026-01-28"),
    ("tf.lite of TensorFlow 2.21.0", "tensorflow", "", "2026-03-06"),
    ("LiteRT 2.1.3", "ai-edge-litert", "2.1.3", "2026-03-16"),
    ("LiteRT 2.1.6", "ai-edge-litert", "2.1.6", "2026-07-01"),
    ("LiteRT 2.3.0", "ai-edge-litert", "2.3.0", "2026-10-06"),
)
NAMES = [name for name, *_ in RELEASES]
TABLE = Path(__file__).parent.parent / "tfcompress" / "litert" / "runtimes.json"
CHILD = Path(__file__).with_name("runtimes_child.py")
MOST_VERSIONS = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("files", type=Path)
    arguments = parser.parse_args()
    whole = list(corpus(arguments.files))
    ops = ops_alone([path for *_, path in whole], arguments.files / "ops")
    asked = [str(path) for path in (*(path for *_, path in whole), *ops.values())]
    answers = {name: ask(package, arguments.folder / folder, asked) for name, package, folder, _ in RELEASES}
    from tfcompress.litert import runtimes

    inside = signatures([path for *_, path in whole])
    TABLE.write_text(json.dumps(table(ops, inside, answers), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    runtimes._table.cache_clear()  # it was written anew
    runtimes._by_types.cache_clear()
    wrong = compare(whole, answers)
    if wrong:
        sys.exit(f"{len(wrong)} files claim a runtime that refuses them: {'; '.join(wrong[:20])}")


def ops_alone(files: list[Path], folder: Path) -> dict[tuple[str, str], Path]:
    """Write each kind of op to a file of its own; by its signature and its shapes."""
    from tfcompress.litert.extract_ops import keep_ops
    from tfcompress.litert.op_names import signature
    from tfcompress.litert.tflite_model import load

    folder.mkdir(exist_ok=True)
    found: dict[tuple[str, str], Path] = {}
    for path in files:
        tflite = load(path)
        for number, op in enumerate(op for op in tflite.ops if op.subgraph == 0):
            shapes = str([tensor.shape for tensor in (*op.inputs, *op.outputs)])
            if (signature(op), shapes) not in found:
                found[signature(op), shapes] = alone = folder / f"{len(found)}.tflite"
                alone.write_bytes(keep_ops(tflite.content, number, number + 1))
    return found


def ask(package: str, folder: Path, files: list[str]) -> dict[str, dict[str, Any]]:
    """Return the error of each file, and the highest version of each builtin op; a file that kills is told so."""
    template, builtins = probe()
    errors: dict[str, str] = {}
    versions: dict[str, int] = {}
    environment = {**os.environ, "PYTHONPATH": "" if package == "tensorflow" else str(folder)}
    while len(errors) < len(files) or len(versions) < len(builtins):
        left = [path for path in files if path not in errors]
        rest = {name: code for name, code in builtins.items() if name not in versions}
        request = {"package": package, "files": left, "builtins": rest, "template": template}
        done = subprocess.run(
            [sys.executable, str(CHILD)], input=json.dumps(request), capture_output=True, text=True, env=environment
        )
        rows = [json.loads(row) for row in done.stdout.splitlines() if row.startswith("{")]
        errors |= {row["file"]: row["error"] for row in rows if "file" in row}
        versions |= {row["builtin"]: row["versions"] for row in rows if "builtin" in row}
        if not rows and "Error" in done.stderr:
            sys.exit(f"{package} in {folder} does not start: {done.stderr[-500:]}")
        if done.returncode:  # the first that was not answered is the one that killed it
            if len(rows) < len(left):
                errors[left[len(rows)]] = f"dies with {done.returncode}"
            elif len(versions) < len(builtins):
                versions[[*rest][len(rows) - len(left)]] = 0
    print(f"{package} {folder.name}: {sum(map(bool, errors.values()))} of {len(files)} files refused", flush=True)
    return {"errors": errors, "versions": versions}


def probe() -> tuple[dict[str, Any], dict[str, int]]:
    """Return a file of one op code and no ops, with the places of its numbers, and the numbers of all builtin ops."""
    from ai_edge_litert import schema_py_generated as schema

    from tfcompress.litert.flatbuffer import pack

    model, code, graph = schema.ModelT(), schema.OperatorCodeT(), schema.SubGraphT()
    code.builtinCode, code.version, code.deprecatedBuiltinCode = 0x11223344, 0x55667788, 113  # to be found again
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
    graph.tensors, graph.operators = [], []
    graph.inputs = graph.outputs = []
    content = pack(model)
    template = {
        "content": content.hex(),
        "code": content.index((0x11223344).to_bytes(4, "little")),
        "version": content.index((0x55667788).to_bytes(4, "little")),
        "old code": content.index(bytes([113])),
        "versions": MOST_VERSIONS,
    }
    codes = {name: value for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}
    return template, {name: value for name, value in codes.items() if name not in ("CUSTOM", "DELEGATE")}


def signatures(files: list[Path]) -> dict[str, list[Path]]:
    """Return the files in which each kind of op is."""
    from tfcompress.litert.op_names import signature
    from tfcompress.litert.tflite_model import load

    found: dict[str, list[Path]] = {}
    for path in files:
        for kind in {signature(op) for op in load(path).ops}:
            found.setdefault(kind, []).append(path)
    return found


def table(
    ops: dict[tuple[str, str], Path], inside: dict[str, list[Path]], answers: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return the measured table: oldest runtime by signature, and the versions that each runtime registers."""

    def refused(path: Path) -> set[int]:
        return {place for place, name in enumerate(NAMES) if answers[name]["errors"][str(path)]}

    everywhere = set(range(len(NAMES)))
    against: dict[str, set[int]] = {}
    for signature, files in inside.items():
        alone = [refused(path) for (kind, _), path in ops.items() if kind == signature]
        alone = [places for places in alone if places != everywhere]  # which tells nothing of the runtime
        # A constant that is dequantized runs only beside what reads it.
        against[signature] = set().union(*alone) if alone else set.intersection(*map(refused, files))
    explained: dict[Path, set[int]] = {}
    for signature, files in inside.items():
        for path in files:
            explained[path] = explained.get(path, set()) | against[signature]
    for signature, files in inside.items():  # what runs alone and in no whole file, a fault of one runtime
        against[signature] |= set.intersection(*(refused(path) - explained[path] for path in files))
    oldest = {kind: max(places, default=-1) + 1 for kind, places in against.items() if places != everywhere}
    by_runtime = {
        name: sorted(signature for signature, first in oldest.items() if first == place)
        for place, name in enumerate([*NAMES, "none"])
    }
    versions = {
        builtin: [answers[name]["versions"][builtin] for name in NAMES]
        for builtin in answers[NAMES[-1]]["versions"]
        if answers[NAMES[-1]]["versions"][builtin]
    }
    return {
        "runtimes": [{"name": name, "released": day} for name, _, _, day in RELEASES],
        "oldest": {name: signatures for name, signatures in by_runtime.items() if signatures},
        "versions": {builtin: " ".join(map(str, found)) for builtin, found in sorted(versions.items())},
    }


def compare(whole: list[tuple[str, str, Path]], answers: dict[str, dict[str, Any]]) -> list[str]:
    """Record each layer by runtime, and return the files that claim a runtime that refuses them."""
    from tfcompress.litert.runtimes import oldest_runtime
    from tfcompress.litert.tflite_model import load

    record, wrong = Record("runtimes", "layer", "kind"), []
    for layer, kind, path in whole:
        errors = [answers[name]["errors"][str(path)] for name in NAMES]
        told = oldest_runtime(load(path))
        claimed = NAMES[NAMES.index(told.release.name) :] if told.release and not told.unmeasured else []
        wrong += [
            f"{path.name} on {name}" for name, error in zip(NAMES, errors, strict=True) if name in claimed and error
        ]
        cells = {name: "refuses" if error else "runs" for name, error in zip(NAMES, errors, strict=True)}
        record.add(layer=layer, kind=kind, **cells, told=str(told))
    return wrong


if __name__ == "__main__":
    main()
