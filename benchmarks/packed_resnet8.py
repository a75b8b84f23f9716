"""Bytes of ResNet-8 with zeros once its weights are packed for TFLM's op DECODE, and the arena that it needs then.

    python -m benchmarks.packed_resnet8 DATA MODEL [--sparsities 0.8 0.9] [--images 1000]

DATA is the folder of `benchmarks.cifar10`, MODEL a trained .keras file for it. Six epochs of pruning, three of int8
training in which zeros stay zero, as in `benchmarks.frontier`; the plain files are kept in build/ and taken from there.
Plain and packed file run on TFLM; "differing" counts the values of all outputs on those test images.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.ours import pruned
from benchmarks.record import Record
from benchmarks.tasks import cifar
from tfcompress import Runner, load, pack

KEPT = Path(__file__).parent.parent / "build" / "packed_resnet8"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--sparsities", nargs="+", type=float, default=[0.8, 0.9])
    parser.add_argument("--images", type=int, default=1000)
    arguments = parser.parse_args()
    task, record = cifar(arguments.data, arguments.model), Record("packed_resnet8", "zeros", "method")
    x, y = (each[: arguments.images] for each in task.test)
    for sparsity in arguments.sparsities:
        path = KEPT / f"{sparsity:.0%}.tflite"
        if not path.exists():
            pruned(sparsity, train_quantized=True)(task).save(path)
        plain = load(path)
        expected = Runner(plain, runtime="tflm").predict(x.astype("float32"))
        for method in ("auto", "pruning_mask"):
            packed = pack(plain, method=method)
            found = Runner(packed, runtime="tflm").predict(x.astype("float32"))
            with TemporaryDirectory() as folder:
                bare = packed.save(Path(folder, "bare.tflite"), manifest=False).stat().st_size
            record.add(
                zeros=f"{sparsity:.0%}",
                method=method,
                plain_bytes=plain.size,
                packed_bytes=packed.size,
                without_manifest=bare,
                plain_arena=packed.packing.arena_before,
                packed_arena=packed.packing.arena_after,
                images=len(x),
                differing=int((found != expected).sum()),
                accuracy=100 * float((found.argmax(1) == y).mean()),
            )


if __name__ == "__main__":
    main()
