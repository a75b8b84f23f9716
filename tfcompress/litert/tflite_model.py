"""A .tflite file as a value: its bytes, and what they say about inputs, outputs, ops, tensors and origin.

In: the bytes of a .tflite file, from tfcompress or from elsewhere. Out: facts, read on demand.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress import files
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import FileError
from tfcompress.litert.bare_file import bare
from tfcompress.litert.bounds import require_sound
from tfcompress.litert.constants import spare, unpacked
from tfcompress.litert.decode.checksum import require_unchanged
from tfcompress.litert.decode.decode_op import decode_ops, decoded, require_decodable
from tfcompress.litert.decode.packing import Packing, packing_of
from tfcompress.litert.graph import EditableFile
from tfcompress.litert.manifest import KEY, decode
from tfcompress.litert.op_facts import OpFacts, Tensor, shown, tensor_facts, tensor_spec
from tfcompress.litert.serialization import read_graph, write_graph
from tfcompress.litert.subgraph_calls import calls_of
from tfcompress.result_base import plain
from tfcompress.unique_names import unique

WAY_OUT = "A Keras model becomes one with tfcompress.convert(model)."


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
            if decode_ops(self.file):
                require_decodable(self.file)
                require_unchanged(self.file, self.manifest)
        except FileError:
            raise
        except Exception as error:
            raise FileError(
                "A whole .tflite file is needed.",
                received=f"{len(self.content):,} bytes that cannot be read ({type(error).__name__}: {error!s:.200})",
                hint="The file is damaged or cut off: convert or copy it again.",
            ) from error

    @classmethod
    def from_graph(cls, file: EditableFile) -> TFLiteModel:
        """Return the file that a graph becomes, without reading it again.

        Args:
            file: A sound file; it belongs to the result from then on.
        """
        made = object.__new__(cls)
        object.__setattr__(made, "content", write_graph(file))
        vars(made)["file"] = file
        return made

    @cached_property
    def file(self) -> EditableFile:
        """The file as graphs, to look at: who changes one reads another with `serialization.read_graph`."""
        return read_graph(self.content)

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
        return self.ends(0, "outputs")

    @cached_property
    def signatures(self) -> dict[str, int]:
        """The subgraph of each signature; runtimes run the first subgraph unless they are told another signature."""
        taken: set[str] = set()
        numbered = enumerate(self.file.graphs)
        return {unique(shown(one.key), taken): number for number, graph in numbered for one in graph.signatures}

    @cached_property
    def subgraphs(self) -> tuple[tuple[Tensor, ...], ...]:
        """The tensors of each subgraph; the first is what is run, others are bodies of loops, or other signatures."""
        numbers: dict[int, int] = {}  # of constant data, over all graphs
        return tuple(
            tuple(tensor_facts(index, value, numbers) for index, value in enumerate(graph.values))
            for graph in self.file.graphs
        )

    @cached_property
    def ops(self) -> tuple[OpFacts, ...]:
        """Every operation of every subgraph, in the order in which they run."""
        found: list[OpFacts] = []
        for number, (graph, tensors) in enumerate(zip(self.file.graphs, self.subgraphs, strict=True)):
            known = {id(value): tensor for value, tensor in zip(graph.values, tensors, strict=True)}
            for place, op in enumerate(graph.ops):
                operands = tuple(None if value is None else known[id(value)] for value in op.inputs)
                read = tuple(tensor for tensor in operands if tensor is not None)
                written = tuple(known[id(value)] for value in op.outputs)
                found.append(
                    OpFacts(
                        index=len(found),
                        subgraph=number,
                        name=shown(op.kind),
                        version=op.version,
                        inputs=read,
                        outputs=written,
                        custom=op.is_custom,
                        operands=operands,
                        place=place,
                        calls=calls_of(op),
                    )
                )
        return tuple(found)

    @cached_property
    def writers(self) -> dict[tuple[int, int], OpFacts]:
        """The op that writes a tensor, by the numbers of its subgraph and of the tensor."""
        return {(op.subgraph, tensor.index): op for op in reversed(self.ops) for tensor in op.outputs}

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """How tfcompress made the file: versions, settings, calibration, model; empty for other files."""
        return next((decode(data.tobytes()) for name, data in self.file.metadata if name == KEY), {})

    @cached_property
    def packing(self) -> Packing | None:
        """What `pack` has made of each constant; None for files that it has not made."""
        if not decode_ops(self.file):
            return None  # a manifest that cannot be read stops no other file
        return packing_of(self.file, self.size, self.manifest)

    def constant(self, tensor: Tensor, subgraph: int = 0) -> np.ndarray | None:
        """The constant values of a tensor, in its shape unless they are stored sparsely; None for activations.

        Of packed weights they are what those unpack to. They have the file's own type where NumPy has it: integers of 4
        and 2 bits become int8 or uint8, bfloat16 becomes float32.

        Args:
            tensor: One of `subgraphs[subgraph]`.
            subgraph: Which subgraph the tensor is of.
        """
        value = self.file.graphs[subgraph].values[tensor.index]
        data = value.content
        if data is None:
            return decoded(value)
        values = unpacked(np.frombuffer(data.tobytes(), np.uint8), tensor.dtype)
        count = math.prod(size or 0 for size in tensor.shape)
        return values[:count].reshape(tensor.shape) if len(values) - count in range(spare(tensor.dtype)) else values

    def save(self, path: str | PathLike[str], *, manifest: bool = True) -> Path:
        """Write the file; one that is there stays whole until the new one is complete.

        Args:
            path: Where to; its folder is made where there is none.
            manifest: Whether to write what no runtime reads: how the file was made, and the names of tensors inside.
                Inputs, outputs and signatures keep theirs, and so does what another tool has attached.

        Raises:
            FileError: the path cannot be written.
        """
        return files.write(path, self.content if manifest else bare(self.content))

    def to_dict(self) -> dict[str, Any]:
        """Size, deflated size, inputs, outputs and manifest, ready for `json.dump`."""
        return {name: plain(getattr(self, name)) for name in ("size", "deflated_size", "inputs", "outputs", "manifest")}

    def __repr__(self) -> str:
        sides = "; ".join(", ".join(map(str, side)) for side in (self.inputs, self.outputs))
        return f"TFLiteModel({self.size:,} bytes; {sides})"

    def __str__(self) -> str:
        return repr(self) if self.packing is None else f"{self!r}\n{self.packing}"

    def ends(self, subgraph: int, side: str) -> tuple[int, ...]:
        """Return the tensor numbers of the "inputs" or "outputs" of a subgraph, in the order of the graph."""
        graph = self.file.graphs[subgraph]
        places = {id(value): place for place, value in enumerate(graph.values)}
        return tuple(places[id(value)] for value in getattr(graph, side))

    def _bound(self, side: str) -> tuple[tuple[int, TensorSpec], ...]:
        graph, tensors = self.file.main, self.subgraphs[0]
        bound = [(index, tensors[index].name) for index in self.ends(0, side)]
        if graph.signatures:
            places = {id(value): place for place, value in enumerate(graph.values)}
            named = [(places[id(value)], shown(name)) for name, value in getattr(graph.signatures[0], side)]
            # One tensor may serve two outputs; inputs are in the order of the graph.
            bound = named if side == "outputs" else [(index, dict(named).get(index, name)) for index, name in bound]
        taken: set[str] = set()
        return tuple((index, tensor_spec(unique(name, taken), tensors[index])) for index, name in bound)


def as_tflite(tflite: Any) -> TFLiteModel:
    """Return what a call takes as a .tflite file: a `TFLiteModel`, or the path of one.

    Raises:
        FileError: it is neither.
    """
    if isinstance(tflite, TFLiteModel):
        return tflite
    if not isinstance(tflite, (str, PathLike)):
        received = f"an object of type {type(tflite).__module__}.{type(tflite).__qualname__}"
        raise FileError("A TFLiteModel or the path of a .tflite file is needed.", received=received, hint=WAY_OUT)
    return load(tflite)


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
        raise FileError("The path of a .tflite file is needed.", received=f"{path}: {why}", hint=WAY_OUT) from error
    if content[4:8] != b"TFL3":
        raise FileError(f"{path} must be a .tflite file, with TFL3 at byte 4.", received=content[:8], hint=WAY_OUT)
    return TFLiteModel(content)
