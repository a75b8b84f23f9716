"""A .tflite file as a value: its bytes, and what they say about inputs, outputs, ops, tensors and origin.

In: the bytes of a .tflite file, from tfcompress or from elsewhere. Out: facts, read on demand.
Knows nothing of Keras and runs nothing.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfcompress import files
from tfcompress.data import TensorSpec
from tfcompress.errors import FileError
from tfcompress.flatbuffer.bounds import require_sound
from tfcompress.flatbuffer.calls import calls_of
from tfcompress.flatbuffer.constants import spare, unpacked
from tfcompress.flatbuffer.manifest import KEY, decode
from tfcompress.flatbuffer.op import OpFacts, Tensor
from tfcompress.kerases import unique

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT


@dataclass(frozen=True, eq=True)
class TFLiteModel:
    """The bytes of a .tflite file, and what can be read from them.

    Args:
        content: The whole file. Use `tfcompress.load(path)` for a file on disk.

    Raises:
        FileError: the bytes are no readable .tflite file.

    Example:
        >>> tflite = tfcompress.load("model.tflite")
        >>> print(tflite.inputs[0])
        image: (1, 8, 8, 1) int8
        >>> tflite.manifest["settings"]
        {'io': 'int8', 'quantization': 'int8'}
    """

    content: bytes

    def __post_init__(self) -> None:
        if not isinstance(self.content, bytes) or self.content[4:8] != b"TFL3":
            raise FileError(
                "The bytes of a .tflite file are needed: they carry TFL3 at byte 4.",
                received=f"{self.content[:8]!r}" if isinstance(self.content, bytes) else type(self.content).__name__,
            )
        try:
            require_sound(self.content)
            _ = self.inputs, self.outputs, self.ops
        except FileError:
            raise
        except Exception as error:
            raise FileError(
                "A whole .tflite file is needed.",
                received=f"{len(self.content):,} bytes that cannot be read ({type(error).__name__}: {error!s:.200})",
                todo="The file is damaged or cut off: convert or copy it again.",
            ) from error

    @property
    def size(self) -> int:
        """Bytes of the file, which is what it takes in flash."""
        return len(self.content)

    @cached_property
    def deflated_size(self) -> int:
        """Bytes after deflate at its best, which is what a download takes."""
        return len(zlib.compress(self.content, 9))

    @cached_property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs, by the names of the signature where there is one."""
        return tuple(spec for _, spec in self.bound_inputs)

    @cached_property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs, by the names of the signature where there is one."""
        return tuple(spec for _, spec in self.bound_outputs)

    @cached_property
    def bound_inputs(self) -> tuple[tuple[int, TensorSpec], ...]:
        """The inputs with their tensor numbers, which is how a runtime finds them."""
        return self._bound("inputs")

    @cached_property
    def bound_outputs(self) -> tuple[tuple[int, TensorSpec], ...]:
        """The outputs with their tensor numbers."""
        return self._bound("outputs")

    @cached_property
    def output_tensors(self) -> tuple[int, ...]:
        """The tensor numbers of the outputs in the order of the graph, which is not that of the signature."""
        return tuple(map(int, _list(self._parsed.subgraphs[0].outputs)))

    @cached_property
    def signatures(self) -> dict[str, int]:
        """The subgraph of each signature; runtimes run the first subgraph unless they are told another signature."""
        taken: set[str] = set()
        return {unique(_text(s.signatureKey), taken): int(s.subgraphIndex) for s in _list(self._parsed.signatureDefs)}

    @cached_property
    def subgraphs(self) -> tuple[tuple[Tensor, ...], ...]:
        """The tensors of each subgraph; the first is what is run, others are bodies of loops, or other signatures."""
        from ai_edge_litert import schema_py_generated as schema

        types = {value: name.lower() for name, value in vars(schema.TensorType).items() if name.isupper()}
        return tuple(
            tuple(_tensor(index, raw, types, self._parsed.buffers) for index, raw in enumerate(_list(graph.tensors)))
            for graph in self._parsed.subgraphs
        )

    @cached_property
    def ops(self) -> tuple[OpFacts, ...]:
        """Every operation of every subgraph, in the order in which they run."""
        from ai_edge_litert import schema_py_generated as schema

        names = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}
        codes = [
            (_text(code.customCode), code.version, True)
            if code.customCode
            else (names.get(code.builtinCode, f"BUILTIN_{code.builtinCode}"), code.version, False)
            for code in self._parsed.operatorCodes
        ]
        found = []
        for number, (graph, tensors) in enumerate(zip(self._parsed.subgraphs, self.subgraphs, strict=True)):
            for place, raw in enumerate(_list(graph.operators)):
                name, version, custom = codes[raw.opcodeIndex]
                operands = tuple(tensors[i] if i >= 0 else None for i in _list(raw.inputs))
                read = tuple(tensor for tensor in operands if tensor is not None)
                written = tuple(tensors[i] for i in _list(raw.outputs) if i >= 0)
                found.append(
                    OpFacts(len(found), number, name, version, read, written, custom, operands, place, calls_of(raw))
                )
        return tuple(found)

    @cached_property
    def writers(self) -> dict[tuple[int, int], OpFacts]:
        """The op that writes a tensor, by the numbers of its subgraph and of the tensor."""
        return {(op.subgraph, tensor.index): op for op in reversed(self.ops) for tensor in op.outputs}

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """How tfcompress made the file: versions, settings, calibration, model; empty for other files."""
        for entry in _list(self._parsed.metadata):
            if _text(entry.name) == KEY:
                return decode(bytes(_list(self._parsed.buffers[entry.buffer].data)))
        return {}

    def constant(self, tensor: Tensor, subgraph: int = 0) -> np.ndarray | None:
        """The constant values of a tensor, in its shape unless they are stored sparsely; None for activations.

        They have the file's own type where NumPy has it: integers of 4 and 2 bits become int8 or uint8, bfloat16
        becomes float32.

        Args:
            tensor: One of `subgraphs[subgraph]`.
            subgraph: Which subgraph the tensor is of.
        """
        data = self._parsed.buffers[self._parsed.subgraphs[subgraph].tensors[tensor.index].buffer].data
        if data is None or not len(data):
            return None
        values = unpacked(np.frombuffer(np.asarray(data, np.uint8).tobytes(), np.uint8), tensor.dtype)
        count = math.prod(size or 0 for size in tensor.shape)
        return values[:count].reshape(tensor.shape) if len(values) - count in range(spare(tensor.dtype)) else values

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the file; one that is there stays whole until the new one is complete.

        Args:
            path: Where to; the folder must exist.

        Raises:
            FileError: the path cannot be written.
        """
        return files.write(path, self.content)

    def __repr__(self) -> str:
        sides = "; ".join(", ".join(map(str, side)) for side in (self.inputs, self.outputs))
        return f"TFLiteModel({self.size:,} bytes; {sides})"

    @cached_property
    def _parsed(self) -> ModelT:
        from tfcompress.flatbuffer.packing import unpack

        return unpack(self.content)

    def _bound(self, side: str) -> tuple[tuple[int, TensorSpec], ...]:
        graph, tensors = self._parsed.subgraphs[0], self.subgraphs[0]
        order = [int(index) for index in _list(getattr(graph, side))]
        names = {index: tensors[index].name for index in order}
        signatures = [entry for entry in _list(self._parsed.signatureDefs) if entry.subgraphIndex == 0]
        bound = [(index, names[index]) for index in order]
        if signatures:
            named = [(entry.tensorIndex, _text(entry.name)) for entry in _list(getattr(signatures[0], side))]
            # One tensor may serve two outputs; inputs are in the order of the graph.
            bound = named if side == "outputs" else [(index, {**names, **dict(named)}[index]) for index in order]
        taken: set[str] = set()
        return tuple((index, _spec(unique(name, taken), tensors[index])) for index, name in bound)


def load(path: str | PathLike[str]) -> TFLiteModel:
    """Read a .tflite file, from tfcompress or from elsewhere.

    Args:
        path: The file.

    Raises:
        FileError: there is no such file, or it is no readable .tflite file.

    Example:
        >>> tfcompress.load("model.tflite").size < 20_000
        True
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError, TypeError) as error:
        why = getattr(error, "strerror", None) or error
        raise FileError("The path of a .tflite file is needed.", received=f"{path}: {why}") from error
    return TFLiteModel(content)


def _tensor(index: int, raw: Any, types: dict[int, str], buffers: Sequence[Any]) -> Tensor:
    arithmetic = raw.quantization
    scales = tuple(map(float, _list(arithmetic and arithmetic.scale)))
    data = buffers[raw.buffer].data
    signature = _list(raw.shapeSignature)
    has_open = len(signature) == len(_list(raw.shape)) and len(signature) > 0
    return Tensor(
        index=index,
        name=_text(raw.name),
        shape=tuple(None if size < 0 else int(size) for size in _list(signature if has_open else raw.shape)),
        dtype=types[raw.type],
        scales=scales,
        zero_points=tuple(map(int, _list(arithmetic and arithmetic.zeroPoint))),
        axis=arithmetic.quantizedDimension if len(scales) > 1 else 0,
        bytes=0 if data is None else len(data),
        buffer=raw.buffer,
        is_variable=bool(raw.isVariable),
    )


def _spec(name: str, tensor: Tensor) -> TensorSpec:
    usable = len(tensor.scales) == 1 and math.isfinite(tensor.scales[0]) and tensor.scales[0] > 0
    quantized = usable and not tensor.is_float
    zero_point = (tensor.zero_points or (0,))[0]
    return TensorSpec(
        name,
        tensor.shape,
        tensor.dtype,
        tensor.scales[0] if quantized else None,
        zero_point if quantized else None,
    )


def _list(value: Any) -> Sequence[Any]:
    return [] if value is None else value


def _text(value: bytes | str | None) -> str:
    return (value or b"").decode("utf-8", "replace") if not isinstance(value, str) else value
