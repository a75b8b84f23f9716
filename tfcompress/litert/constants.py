"""The bytes of constant data become numbers, those of fewer than 8 bits and those that NumPy has no type for as well.

In: bytes, and the type that the file gives them. Out: a flat array.
Source: packing of small integers, tensorflow/lite/kernels/internal/portable_tensor_utils.cc (the first is lowest).
"""

from __future__ import annotations

import numpy as np

PLAIN = {"float16", "float32", "float64", "int8", "int16", "int32", "int64"}
PLAIN |= {"uint8", "uint16", "uint32", "uint64", "bool", "complex64", "complex128"}
SMALL = {"int4": 4, "uint4": 4, "int2": 2}


def unpacked(data: np.ndarray, dtype: str) -> np.ndarray:
    """Return the values that some bytes hold; the bytes themselves where their type is unknown.

    Args:
        data: The bytes, as a flat array of uint8.
        dtype: The type, in the spelling of the schema, in lower case.
    """
    if dtype in SMALL:
        bits = SMALL[dtype]
        parts = data[:, np.newaxis] >> np.arange(0, 8, bits, dtype=np.uint8) & (1 << bits) - 1
        signed = dtype.startswith("int")
        values = parts.reshape(-1).astype(np.int8 if signed else np.uint8)
        return np.where(values >= 1 << bits - 1, values - (1 << bits), values).astype(np.int8) if signed else values
    if dtype == "bfloat16" and len(data) % 2 == 0:
        return (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    if dtype in PLAIN and len(data) % np.dtype(dtype).itemsize == 0:
        return data.view(dtype)
    return data


def spare(dtype: str) -> int:
    """Return how many values a last byte can hold: one more than may stand behind the last value."""
    return 8 // SMALL[dtype] if dtype in SMALL else 1


def packed_int4(numbers: np.ndarray) -> np.ndarray:
    """Return the bytes of integers from -8 to 7, two a byte, the first in the low half."""
    halves = numbers.astype(np.uint8).reshape(-1) & 15
    halves = np.append(halves, np.zeros(len(halves) % 2, np.uint8))
    return halves[::2] | halves[1::2] << 4
