"""What DECODE, an op of TFLM alone, reads for one constant: a stream, and a table behind a header of 16 bytes.

    byte 0: method   1: version of the header, 1   4: version of the method, 1   5 to 15: settings of the method

In: bytes. Out: the two as a value, and the layout of what comes out. The methods are the files beside this one; each
has `encode`, and `decode`, which refuses what TFLM would read behind the end of the stream or of the table.
Source: tensorflow/lite/micro/kernels/decode_state.h of TFLM.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tfcompress.litert.graph import Value

DECODE = "TFLM_DECODE"
"""What files call the op."""

HEADER = 16
"""Bytes of the header; what follows is aligned for every type."""

VERSION = 1


@dataclass(frozen=True)
class Encoding:
    """One constant as DECODE reads it."""

    method: str
    """How the user calls the method."""
    stream: np.ndarray
    """Bytes: mask, indices or codewords."""
    table: np.ndarray
    """Bytes: the header, and the values that the stream chooses from. Several constants may have one table."""


@dataclass(frozen=True)
class Layout:
    """What comes out of DECODE, as TFLM sees it."""

    dtype: str
    count: int
    channels: int = 1
    """How many scales there are: TFLM has a table for each."""
    is_last: bool = False
    """Whether channels are the last axis; else they are the first."""
    zero_points: tuple[int, ...] = (0,)

    @property
    def channel(self) -> np.ndarray:
        """The channel of each value."""
        places = np.arange(self.count)
        return places % self.channels if self.is_last else places // max(1, self.count // self.channels)


def layout_of(value: Value) -> Layout:
    """Return how DECODE writes a value.

    Raises:
        ValueError: TFLM refuses it, or finds no end.
    """
    if any(size < 0 for size in value.shape):
        raise ValueError("an open size")
    count, known = math.prod(value.shape), value.quantization
    if known is None or not len(known.scales) or not len(known.zero_points):
        return Layout(value.dtype, count)
    channels, axes = len(known.scales), len(value.shape)
    points = known.zero_points if len(known.zero_points) == channels else known.zero_points[:1].repeat(channels)
    is_last = channels > 1 and known.axis == axes - 1
    if known.axis != 0 and not is_last:
        raise ValueError(f"scales along axis {known.axis}")
    if channels > 1 and (not axes or value.shape[known.axis] != channels):
        raise ValueError(f"{channels} scales for a shape of {value.shape}")
    return Layout(value.dtype, count, channels, is_last, tuple(map(int, points)))


def header(code: int, *settings: int) -> np.ndarray:
    """Return the header of a method, with its settings from byte 5 on."""
    made = np.zeros(HEADER, np.uint8)
    made[[0, 1, 4]] = code, VERSION, VERSION
    made[5 : 5 + len(settings)] = settings
    return made


def with_header(head: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return header and values as bytes."""
    return np.concatenate([head, np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)])


def values_behind_header(table: np.ndarray, dtype: str) -> np.ndarray:
    """Return what stands behind a header, as whole values of a type."""
    size = np.dtype(dtype).itemsize
    body = np.frombuffer(table.tobytes(), np.uint8)[HEADER:]
    return body[: len(body) // size * size].view(dtype)
