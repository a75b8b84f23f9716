"""The one format of messages between a process and its children: JSON, with bytes and arrays beside it.

In: values of JSON, bytes and NumPy arrays, in lists and dicts. Out: the same on the other side; tuples become lists.
Nothing in a message is ever executed, so that a child taken over by a hostile file cannot take over its parent.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

import numpy as np

HEAD = struct.Struct("<QI")
"""Bytes of the JSON text, number of buffers; their lengths follow, then the text, then the buffers."""


def send(stream: BinaryIO, message: object) -> None:
    """Write one message to an unbuffered stream.

    Raises:
        OSError: the other side is gone.
    """
    buffers: list[memoryview] = []
    text = json.dumps(_pack(message, buffers)).encode()
    lengths = [len(buffer) for buffer in buffers]
    _write(stream, HEAD.pack(len(text), len(buffers)) + struct.pack(f"<{len(buffers)}Q", *lengths) + text)
    for buffer in buffers:
        _write(stream, buffer)


def receive(stream: BinaryIO) -> Any:
    """Read one message.

    Raises:
        EOFError: the other side ended.
        ValueError: what came is no message.
    """
    size, count = HEAD.unpack(_read(stream, HEAD.size))
    lengths = struct.unpack(f"<{count}Q", _read(stream, 8 * count))
    text = _read(stream, size)
    return _unpack(json.loads(bytes(text)), [_read(stream, length) for length in lengths])


def _pack(value: object, buffers: list[memoryview]) -> object:
    if isinstance(value, np.ndarray):
        buffers.append(memoryview(np.ascontiguousarray(value).reshape(-1).view(np.uint8)))
        return {"array": [len(buffers) - 1, value.dtype.str, value.shape]}
    if isinstance(value, (bytes, bytearray, memoryview)):
        buffers.append(memoryview(value).cast("B"))
        return {"bytes": len(buffers) - 1}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {"dict": [[key, _pack(inner, buffers)] for key, inner in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_pack(inner, buffers) for inner in value]
    return value


def _unpack(value: object, buffers: list[bytearray]) -> object:
    if isinstance(value, list):
        return [_unpack(inner, buffers) for inner in value]
    if not isinstance(value, dict):
        return value
    (kind, inner), *_ = value.items()
    if kind == "array":
        index, dtype, shape = inner
        return np.frombuffer(buffers[index], np.dtype(dtype)).reshape(shape)
    if kind == "bytes":
        return bytes(buffers[inner])
    return {key: _unpack(item, buffers) for key, item in inner}


def _write(stream: BinaryIO, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def _read(stream: BinaryIO, size: int) -> bytearray:
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        count = stream.readinto(rest)
        if not count:
            raise EOFError
        rest = rest[count:]
    return data
