"""Which op of a file kills a runtime: the last one of the shortest beginning of the file that does.

In: a file, and a function that tells whether its first ops survive. Out: the op. Runs nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable

from tfcompress.flatbuffer.model import Op, TFLiteModel


def deadly_op(tflite: TFLiteModel, survives: Callable[[int], bool]) -> Op | None:
    """Find the op by halving; None where the whole file survives after all, as when the system ended the process.

    Args:
        tflite: A file that kills a runtime.
        survives: Tells whether the first ops of the file, that many, survive.
    """
    ops = [op for op in tflite.ops if op.subgraph == 0]
    alive, dead = 0, len(ops)
    if not ops or survives(dead):
        return None
    while dead - alive > 1:
        middle = (alive + dead) // 2
        alive, dead = (middle, dead) if survives(middle) else (alive, middle)
    return ops[dead - 1]
