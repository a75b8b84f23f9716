"""What to write instead of ops that a phone's int8 kernels do not have.

In: names of ops. Out: one sentence for each that there is an answer for. Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Iterable

INSTEAD: dict[str, str] = {
    "CAST": "Give ids an integer input: keras.Input(…, dtype='int32').",
}


def advice(ops: Iterable[str]) -> list[str]:
    """Return the sentences for some ops, each once."""
    return list(dict.fromkeys(INSTEAD[op] for op in ops if op in INSTEAD))
