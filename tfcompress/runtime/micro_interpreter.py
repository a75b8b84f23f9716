"""TFLM's interpreter for a file, from the package tflite-micro.

In: the bytes of a file. Out: an interpreter, or an error that says how to get the package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfcompress.errors import MissingPackageError, RunError
from tfcompress.isolation.memory_limit import address_space_left
from tfcompress.litert.flatbuffer import is_sparse, within_flatbuffer

if TYPE_CHECKING:
    from tflite_micro.python.tflite_micro.runtime import Interpreter

ARENA = 2**29
"""Bytes that a file may use: more than any microcontroller has. What is not touched costs a computer nothing; where
the address space is limited, half of what is left."""


def micro_interpreter(content: bytes) -> Interpreter:
    """Return TFLM's interpreter for a file, with constants that lie behind its flatbuffer brought into it.

    Raises:
        MissingPackageError: there is no tflite-micro.
        RunError: the file has sparse tensors.
    """
    try:
        from tflite_micro import runtime
    except ImportError as error:
        raise MissingPackageError(
            "The runtime 'tflm' needs the package tflite-micro.",
            received=str(error),
            hint="pip install 'tfcompress[micro]' (Linux on x86-64 only; on other systems use a container or the "
            "runtime 'reference').",
        ) from error
    left = address_space_left()
    size = min(ARENA, ARENA if left is None else left // 2)
    if is_sparse(content):
        raise RunError(
            "TFLM needs weights that are stored whole: it reads on behind sparse ones.",
            received="a tensor that is stored sparsely",
            hint="Convert the model without sparse tensors; zeros cost no more flash after deflate.",
        )
    return runtime.Interpreter.from_bytes(within_flatbuffer(content), arena_size=size)
