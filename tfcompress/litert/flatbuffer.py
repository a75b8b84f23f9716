"""The one reader of .tflite bytes for change, and the one writer: all other modules read and change a `ModelT`.

In: bytes. Out: a `ModelT` with every constant in its buffer and one number for each kind of op; and bytes of it again.
Files may keep constants and options behind the flatbuffer (`Buffer.offset`, `Operator.large_custom_options_offset`),
and files of before 2020 have their op kinds in `deprecated_builtin_code` alone: after `unpack` neither is so.
Source of the format: the TFLite schema, https://ai.google.dev/edge/litert (schema.fbs), and its reader,
tensorflow/lite/core/interpreter_builder.cc.
"""

from __future__ import annotations

from collections.abc import Callable

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import FileError

ALIGNMENT = 16  # the schema's force_align for constant data; the generated Python writer ignores it

MAX_BYTES = 2**31 - 1
"""Offsets in a flatbuffer reach this far."""


def unpack(content: bytes) -> schema.ModelT:
    """Read a file, with what lies behind the flatbuffer brought into it.

    Args:
        content: A whole .tflite file that `bounds.require_sound` has let pass.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for code in model.operatorCodes or []:
        code.builtinCode = builtin_code(code.builtinCode, code.deprecatedBuiltinCode)
    _bring_constants(model, content)
    for graph in model.subgraphs or []:
        _fill(graph, "tensors", "operators", "inputs", "outputs")
        for op in graph.operators:
            _fill(op, "inputs", "outputs")
            if op.customOptions is None and op.largeCustomOptionsOffset > 1:
                op.customOptions = _bytes_at(content, op.largeCustomOptionsOffset, op.largeCustomOptionsSize)
            op.largeCustomOptionsOffset = op.largeCustomOptionsSize = 0
    return model


def builtin_code(code: int, deprecated: int) -> int:
    """Return which op an op code is of, as every reader of the format does: the larger of its two numbers."""
    return max(code, deprecated)


def lies_behind(content: bytes) -> bool:
    """Tell whether constants or options of custom ops lie behind the flatbuffer; TFLM does not look there."""
    model = schema.Model.GetRootAs(content, 0)
    buffers = (model.Buffers(index) for index in range(model.BuffersLength()))
    if any(buffer.Offset() > 1 and buffer.DataIsNone() for buffer in buffers):
        return True
    graphs = (model.Subgraphs(index) for index in range(model.SubgraphsLength()))
    ops = (graph.Operators(index) for graph in graphs for index in range(graph.OperatorsLength()))
    return any(op.LargeCustomOptionsOffset() > 1 and op.CustomOptionsIsNone() for op in ops)


def is_sparse(content: bytes) -> bool:
    """Tell whether constants are stored without their zeros; TFLM reads them as if they were whole."""
    model = schema.Model.GetRootAs(content, 0)
    graphs = (model.Subgraphs(index) for index in range(model.SubgraphsLength()))
    tensors = (graph.Tensors(index) for graph in graphs for index in range(graph.TensorsLength()))
    return any(tensor.Sparsity() is not None for tensor in tensors)


def within_flatbuffer(content: bytes) -> bytes:
    """Return a file with all that lies behind the flatbuffer brought into it; others as they are.

    Raises:
        FileError: a flatbuffer cannot hold it all.
    """
    return pack(unpack(content)) if lies_behind(content) else content


def pack(model: schema.ModelT) -> bytes:
    """Serialise a model with its constant data aligned, as microcontrollers and vector code need it.

    Vectors of one content have one place: to change a file, change a `ModelT` of it, not bytes.

    Raises:
        FileError: the constants are more than a flatbuffer can hold.
    """
    held = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    if held > MAX_BYTES:
        raise FileError(
            "A .tflite file that is written anew holds its constants in one flatbuffer of 2 GiB at most.",
            received=f"{held:,} bytes of constants",
            hint="Quantize the weights, or split the model.",
        )
    for buffer in model.buffers:
        buffer.__class__ = _AlignedBuffer
    builder = _SharingBuilder(most=held)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _bring_constants(model: schema.ModelT, content: bytes) -> None:
    """Put constants into their buffers; those that lie at one place behind the flatbuffer become one buffer."""
    first: dict[tuple[int, int], int] = {}
    same: dict[int, int] = {}
    for number, buffer in enumerate(model.buffers or []):
        if buffer.data is None and buffer.offset > 1 and buffer.size:
            same[number] = first.setdefault((buffer.offset, buffer.size), number)
            if same[number] == number:
                buffer.data = _bytes_at(content, buffer.offset, buffer.size)
        buffer.offset = buffer.size = 0
    tensors = [tensor for graph in model.subgraphs or [] for tensor in graph.tensors or []]
    for user in (*tensors, *(model.metadata or [])):
        user.buffer = same.get(user.buffer, user.buffer)


def _fill(owner: schema.SubGraphT | schema.OperatorT, *names: str) -> None:
    """Give a list without entries where a file leaves a list out."""
    for name in names:
        if getattr(owner, name) is None:
            setattr(owner, name, [])


def _bytes_at(content: bytes, offset: int, size: int) -> np.ndarray:
    return np.frombuffer(content, np.uint8, size, offset)


class _SharingBuilder(flatbuffers.Builder):
    """Writes vectors and strings that are alike once: zero points of channels are 8 bytes each, and all are 0.

    Args:
        most: Bytes to save at most; `bounds` takes a file that unfolds to far more than it is for a hostile one.
    """

    def __init__(self, most: int) -> None:
        super().__init__(1024)
        self._left = most
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802, the base class's name
        return self._shared((x.dtype.str, x.tobytes()), lambda: super(_SharingBuilder, self).CreateNumpyVector(x))

    def CreateString(self, s: str | bytes, encoding: str = "utf-8", errors: str = "strict") -> int:  # noqa: N802
        content = s.encode(encoding, errors) if isinstance(s, str) else bytes(s)
        return self._shared(("string", content), lambda: super(_SharingBuilder, self).CreateString(content))

    def _shared(self, key: tuple[str, bytes], write: Callable[[], int]) -> int:
        known = key in self._written and self._left >= len(key[1])
        if known:
            self._left -= len(key[1])
        else:
            self._written[key] = write()
        return self._written[key]


class _AlignedBuffer(schema.BufferT):
    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802, the generated code's name
        data = None
        if self.data is not None and len(self.data):
            content = np.asarray(self.data, np.uint8).tobytes()
            builder.StartVector(1, len(content), ALIGNMENT)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            data = builder.EndVector()
        schema.BufferStart(builder)
        if data is not None:
            schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)
