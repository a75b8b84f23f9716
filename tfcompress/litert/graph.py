"""A .tflite file as a graph that can be edited: values know which op produces them and which ops read them.

Rewrite passes work on these classes and never on the flatbuffer schema; `serialization` reads and writes the bytes.

    file = read_graph(content)              # bytes → EditableFile
    for op in file.main.ops: ...            # file.main is the first subgraph, the others are bodies of control flow
    file.main.replace(op, new_op)
    content = write_graph(file)             # EditableFile → bytes
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PLAIN_TYPES = {"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool"}
"""Types of which NumPy has the same; constants of others (int4, bfloat16, strings) are kept as bytes."""


@dataclass(eq=False)
class Quantization:
    """How integers stand for real numbers, or the range from which that will be decided."""

    scales: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    """One scale, or one for each index of `axis`; empty where the value is not quantized."""
    zero_points: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    axis: int = 0
    range: tuple[float, float] | None = None
    """Smallest and largest real value, as calibration or training measured them."""
    details: tuple[int, Any] = (0, None)
    """Blockwise and custom quantization, as they stand in the file."""
    bits: int = 8
    """To how many bits training rounded the values in that range; no file holds it."""


@dataclass(eq=False)
class Value:
    """A tensor: an activation, a constant, or a variable that keeps its content between ops."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    content: np.ndarray | None = None
    """The bytes of a constant; values that share one array share one buffer of the file."""
    quantization: Quantization | None = None
    shape_signature: tuple[int, ...] | None = None
    """The shape with -1 for each size that is left open; None where all are fixed."""
    is_variable: bool = False
    producer: Op | None = field(default=None, repr=False)
    readers: list[Op] = field(default_factory=list, repr=False)
    """The ops that read it, once for each input that it is."""
    rest: dict[str, Any] = field(default_factory=dict, repr=False)
    """What else the file says of it (sparsity, variants), carried along as it is."""

    @property
    def is_constant(self) -> bool:
        return self.content is not None

    @property
    def data(self) -> np.ndarray | None:
        """The numbers of a constant in its shape; None for activations and for types that NumPy lacks."""
        if self.content is None or self.dtype not in PLAIN_TYPES or self.rest.get("sparsity") is not None:
            return None
        wanted = math.prod(self.shape) * np.dtype(self.dtype).itemsize
        return self.content.view(self.dtype).reshape(self.shape) if self.content.size == wanted else None

    @data.setter
    def data(self, array: np.ndarray) -> None:
        self.content = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        self.dtype, self.shape, self.shape_signature = str(array.dtype), array.shape, None
        self.rest.pop("sparsity", None)

    @property
    def range(self) -> tuple[float, float] | None:
        """Smallest and largest real value; None where the value needs none."""
        return None if self.quantization is None else self.quantization.range

    @range.setter
    def range(self, bounds: tuple[float, float] | None) -> None:
        self.quantization = self.quantization or Quantization()
        self.quantization.range = bounds

    @property
    def scale(self) -> float:
        """The scale of a value that has one for all its numbers."""
        return float(self.quantization.scales[0])

    @property
    def zero_point(self) -> int:
        """The integer that stands for 0 in a value with one scale."""
        points = self.quantization.zero_points
        return int(points[0]) if len(points) else 0

    def quantize(self, dtype: str, scales: float | np.ndarray, axis: int = 0) -> None:
        """Make it an integer type with zero point 0.

        Args:
            dtype: "int8", "int16", "int32" or "int64".
            scales: One scale for the tensor, or one for each index of `axis` (per channel).
            axis: The channel axis of `scales`.
        """
        found = np.atleast_1d(np.asarray(scales, np.float32))
        self.dtype, self.quantization = dtype, Quantization(found, np.zeros(len(found), np.int64), axis)


@dataclass(eq=False)
class Op:
    """One operator: a builtin such as CONV_2D, or a custom one."""

    kind: str
    inputs: list[Value | None]
    """None for an optional input that is left out."""
    outputs: list[Value]
    options: Any = None
    """The op's settings as the schema names them, such as `ReducerOptionsT`; see `serialization.options`."""
    version: int = 1
    is_custom: bool = False
    intermediates: list[Value] = field(default_factory=list)
    """Values inside a fused recurrent op, whose scales the kernel needs."""
    rest: dict[str, Any] = field(default_factory=dict, repr=False)
    """What else the file says of it (custom options, StableHLO options), carried along as it is."""

    @property
    def name(self) -> str:
        """The name of its first output, by which other tools know it."""
        return self.outputs[0].name if self.outputs else ""

    def input(self, place: int) -> Value | None:
        """The input at a place; None where the op leaves it out."""
        return self.inputs[place] if place < len(self.inputs) else None


@dataclass(eq=False)
class Signature:
    """The names by which a caller knows inputs and outputs of a graph."""

    key: str
    inputs: list[tuple[str, Value]]
    outputs: list[tuple[str, Value]]


@dataclass(eq=False)
class Graph:
    """One subgraph: ops in the order in which they run, and the values between them."""

    name: str
    ops: list[Op] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    rest: dict[str, Any] = field(default_factory=dict, repr=False)

    def append(self, op: Op) -> Op:
        """Add an op at the end."""
        return self.insert(op, len(self.ops))

    def insert(self, op: Op, place: int | Op) -> Op:
        """Add an op at a place in the order, or before another op."""
        self.ops.insert(place if isinstance(place, int) else self.ops.index(place), op)
        self._connect(op)
        return op

    def replace(self, op: Op, *made: Op) -> None:
        """Put ops in the place of one; one of them produces what it produced."""
        place = self.ops.index(op)
        self._disconnect(op)
        self.ops[place : place + 1] = made
        for each in made:
            self._connect(each)

    def remove(self, op: Op) -> None:
        """Take an op out; what it produced has no producer then."""
        self.replace(op)

    def bypass(self, op: Op, value: Value) -> None:
        """Take an op with one result out; what read or gave out the result reads and gives out another value."""
        result = op.outputs[0]
        self.read_instead(result, value)
        if result in self.outputs:
            self.set_output(value, instead_of=result)
        self.remove(op)

    def set_input(self, op: Op, place: int, value: Value | None) -> None:
        """Let an op read another value at a place, which may be one behind its last input."""
        op.inputs += [None] * (place + 1 - len(op.inputs))
        if op.inputs[place] is not None:
            op.inputs[place].readers.remove(op)
        op.inputs[place] = value
        if value is not None:
            value.readers.append(op)

    def read_instead(self, value: Value, other: Value, readers: Iterable[Op] | None = None) -> None:
        """Let ops read another value wherever they read one.

        Args:
            value: What they read.
            other: What they read from now on.
            readers: Which of its readers. Default: all.
        """
        for op in dict.fromkeys(list(value.readers) if readers is None else readers):
            for place in [place for place, each in enumerate(op.inputs) if each is value]:
                self.set_input(op, place, other)

    def set_output(self, value: Value, instead_of: Value) -> None:
        """Make a value an output of the graph, and of its signatures, in the place of another."""
        self.outputs = [value if each is instead_of else each for each in self.outputs]
        for signature in self.signatures:
            signature.outputs = [(name, value if each is instead_of else each) for name, each in signature.outputs]

    def constant(self, array: Any, dtype: str = "int32") -> Value:
        """Return a constant with these numbers; small ones that are there already serve again."""
        array = np.asarray(array, dtype)
        content = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        name = f"constant_{dtype}_{'_'.join(map(str, array.reshape(-1)[:8]))}_{array.shape}"
        if array.size <= 8:
            for value in self.values:
                if value.name == name and value.is_constant:
                    return value
        return self.add(Value(name, array.shape, dtype, content))

    def add(self, value: Value) -> Value:
        """Add a value."""
        self.values.append(value)
        return value

    def new_like(self, value: Value, name: str, dtype: str | None = None) -> Value:
        """Add an activation with the shape of another."""
        return self.add(Value(name, value.shape, dtype or value.dtype, shape_signature=value.shape_signature))

    def drop_unused(self) -> None:
        """Take out values that nothing reads, produces or gives out."""
        used = {*map(id, self.inputs), *map(id, self.outputs)}
        for op in self.ops:
            used |= {id(value) for value in (*op.inputs, *op.outputs, *op.intermediates)}
        for signature in self.signatures:
            used |= {id(value) for _, value in (*signature.inputs, *signature.outputs)}
        self.values = [value for value in self.values if id(value) in used]

    def _connect(self, op: Op) -> None:
        for value in filter(None, op.inputs):
            value.readers.append(op)
        for value in op.outputs:
            value.producer = op

    def _disconnect(self, op: Op) -> None:
        for value in filter(None, op.inputs):
            value.readers.remove(op)
        for value in op.outputs:
            value.producer = None


@dataclass(eq=False)
class EditableFile:
    """A whole file: its graphs, and what stands beside them."""

    graphs: list[Graph]
    metadata: list[tuple[str, np.ndarray]] = field(default_factory=list)
    """Entries by name, such as the manifest, in the order of the file."""
    description: str = ""
    version: int = 3
    rest: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def main(self) -> Graph:
        """The first graph, which is the model; the others are bodies of control flow and further signatures."""
        return self.graphs[0]

    def set_metadata(self, name: str, content: bytes) -> None:
        """Store an entry in place of all of that name."""
        kept = [(key, data) for key, data in self.metadata if key != name]
        self.metadata = [*kept, (name, np.frombuffer(content, np.uint8))]
