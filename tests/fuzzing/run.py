"""Damaged files and hostile manifests through everything that reads files; run as `python -m tests.fuzzing.run`.

In: a kind and a range of seeds. Out: exit code 0 if each one ended in a result or in an error of ours; a crash or a
hang is that of this process, and a traceback names the seed. Starts no TensorFlow.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

import tfcompress
from tests.foreign_files import loop, with_constants_behind
from tfcompress.litert.flatbuffer import pack
from tfcompress.litert.manifest import KEY
from tfcompress.litert.write_metadata import rewrite
from tfcompress.runtime import timeouts

ROOT = Path(__file__).parent.parent.parent
BUILT = [path.read_bytes() for path in sorted((ROOT / "tflite_models").glob("*.tflite"))]
SOURCES = (*BUILT, *map(with_constants_behind, BUILT), loop(3), loop(3, known=False), with_constants_behind(loop(2)))
EXTREMES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC, 0x00010000, 0x40000000)
SLOWEST = 240.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("files", "manifests"))
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    timeouts.SECONDS = 10.0
    endings: Counter[str] = Counter()
    for seed in range(arguments.first, arguments.first + arguments.count):
        rng = np.random.default_rng(seed)
        sources = SOURCES if arguments.kind == "files" else BUILT
        source = sources[seed % len(sources)]
        content = damaged(source, rng) if arguments.kind == "files" else with_manifest(source, rng, seed)
        print(f"seed {seed}", file=sys.stderr, flush=True)
        started = time.monotonic()
        for step in STEPS:
            endings[attempt(step, content)] += 1
        took = time.monotonic() - started
        assert took < SLOWEST, f"seed {seed} took {took:.0f} s"
    print(json.dumps(endings))


def attempt(step, content: bytes) -> str:
    """Return how a step ended: well, or with an error of ours."""
    try:
        step(tfcompress.TFLiteModel(content))
    except tfcompress.TfcompressError as error:
        words, ending = str(error), type(error).__name__
    else:
        words, ending = "well", "well"
    assert 0 < len(words) < 5000
    ending = next((name for name in ("SIGSEGV", "SIGABRT", "SIGFPE", "SIGBUS", "no end") if name in words), ending)
    return f"{step.__name__}: {ending}"


def look(tflite) -> None:
    assert str(tfcompress.inspect(tflite))
    assert repr(tflite)


def check_for(target: str):
    def check(tflite) -> None:
        assert str(tfcompress.check(tflite, target))

    return check


def run_on(runtime: str):
    def run(tflite) -> None:
        runner = tfcompress.Runner(tflite, runtime=runtime)
        sizes = {spec.name: [size or 1 for size in spec.shape[1:]] for spec in runner.inputs}
        if sum(np.prod(shape, dtype=float) for shape in sizes.values()) < 1e6:
            runner.predict({name: np.zeros((3, *shape), np.float32) for name, shape in sizes.items()})

    return run


STEPS = (look, *map(check_for, ("cpu", "gpu", "tflm", "ethos-u55")), *map(run_on, ("litert", "reference", "tflm")))


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file where it tells of its structure, or cut it off."""
    kind = rng.integers(6)
    if kind == 0:
        return content[: rng.integers(len(content))]
    found = np.frombuffer(content, np.uint8).copy()
    places = structure(content)
    if kind == 1:
        chosen = rng.choice(places, rng.integers(1, 20))
        found[chosen] = rng.integers(0, 256, len(chosen))
    elif kind in (2, 3):
        words = found[: len(found) // 4 * 4].view(np.uint32)
        chosen = rng.choice(places[places < words.nbytes] // 4, rng.integers(1, 6))
        words[chosen] = rng.choice(EXTREMES, len(chosen)) if kind == 2 else words[rng.permutation(chosen)] + 4
    elif kind == 4:
        start, size = rng.choice(places), rng.integers(1, 200)
        found[start : start + size] = 0
    else:
        start, to, size = rng.choice(places), rng.choice(places), int(rng.integers(4, 64))
        piece = found[start : start + size].copy()
        found[to : to + len(piece)] = piece[: len(found[to : to + len(piece)])]
    return found.tobytes()


def structure(content: bytes) -> np.ndarray:
    """Return the places of all bytes that are no constant data: damage there is the worse one."""
    inside = np.zeros(len(content), bool)
    values = [value for graph in tfcompress.TFLiteModel(content).file.graphs for value in graph.values]
    for data in {value.content.tobytes() for value in values if value.is_constant}:
        start = content.find(data) if len(data) > 16 else -1
        inside[start : start + len(data)] = start >= 0
    return np.flatnonzero(~inside)


def with_manifest(content: bytes, rng: np.random.Generator, seed: int) -> bytes:
    """Give a file a manifest that lies, is of the wrong form, or is none."""
    if seed % 3 == 0:
        return with_raw_manifest(content, RAW[(seed // 3) % len(RAW)](rng))
    return rewrite(content, {}, manifest_of(rng))


RAW = (
    lambda rng: b"",
    lambda rng: b"not deflated",
    lambda rng: zlib.compress(b"{" * 100_000),
    lambda rng: zlib.compress(b'{"layers":' * 50_000 + b"1" + b"}" * 50_000),
    lambda rng: zlib.compress(b"[" * 900 + b"]" * 900),
    lambda rng: zlib.compress(b'{"a": "\xff\xfe"}'),
    lambda rng: zlib.compress(b"0" * 50_000_000),
    lambda rng: zlib.compress(b'{"a": ' + b"9" * 10_000 + b"}"),
    lambda rng: zlib.compress(b"[" + b"[]," * 1_000_000 + b"[]]"),
    lambda rng: zlib.compress(b'{"calibration": 1e999, "layers": NaN}'),
    lambda rng: rng.bytes(100),
    lambda rng: zlib.compress(json.dumps(manifest_of(rng)).encode())[:-5],
)


def with_raw_manifest(content: bytes, manifest: bytes) -> bytes:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for entry in model.metadata:
        if entry.name == KEY.encode():
            model.buffers[entry.buffer].data = list(manifest)
    return pack(model)


def manifest_of(rng: np.random.Generator):
    """Return a manifest with true keys and values of any kind."""
    keys = ("tfcompress", "versions", "settings", "calibration", "model", "layers", "decisions", "source", "targets")
    return {str(key): value(rng, 0) for key in rng.choice(keys, rng.integers(1, len(keys) + 1), replace=False)}


def value(rng: np.random.Generator, depth: int):
    kind = rng.integers(9 if depth < 4 else 6)
    simple = [
        None,
        True,
        int(rng.integers(-(2**62), 2**62)),
        float(rng.normal()),
        "\x1b[2J\x07\n\u202e" * 3,
        "x" * 5000,
    ]
    if kind < 6:
        return simple[kind]
    names = ("ranges", "samples", "quantization", "sha256", "conv", "digit", "\x00", "💥", "weights", "op")
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.integers(4))]
    return {str(rng.choice(names)): value(rng, depth + 1) for _ in range(rng.integers(5))}


if __name__ == "__main__":
    main()
