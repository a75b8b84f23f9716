"""An op of a file and the tensors that it reads and writes, as facts.

In: what `model` reads out of a file. Out: values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.litert.graph import Value


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file; `bytes` counts the constant data it holds in flash."""

    index: int
    name: str
    shape: tuple[int | None, ...]
    """Sizes; None where the file leaves one open."""
    dtype: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    bytes: int
    buffer: int = 0
    """The number of its constant data, which several tensors may share; 0 for activations."""
    is_variable: bool = False
    """Whether it keeps its values from one run to the next, as the state of a recurrent op."""

    @property
    def is_float(self) -> bool:
        """Whether its numbers are floating point."""
        return self.dtype.startswith(("float", "bfloat", "complex"))


@dataclass(frozen=True)
class OpFacts:
    """One operation of a file, with the tensors that it reads and writes."""

    index: int
    subgraph: int
    name: str
    version: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    custom: bool = False
    operands: tuple[Tensor | None, ...] = ()
    """The inputs by position; None for those that the file leaves out."""
    place: int = 0
    """Its number among the ops of its subgraph, by which runtimes name it."""
    calls: tuple[int, ...] = ()
    """The subgraphs that it runs: condition and body of a loop, the branches of an IF."""


def tensor_facts(index: int, value: Value, numbers: dict[int, int]) -> Tensor:
    """Return the facts of a value; `numbers` gives each content a number, in the order in which they come."""
    known, signature = value.quantization, value.shape_signature or ()
    scales = () if known is None else tuple(map(float, known.scales))
    has_open = len(signature) == len(value.shape) and len(signature) > 0
    return Tensor(
        index=index,
        name=shown(value.name),
        shape=tuple(None if size < 0 else size for size in (signature if has_open else value.shape)),
        dtype=value.dtype,
        scales=scales,
        zero_points=() if known is None else tuple(map(int, known.zero_points)),
        axis=known.axis if known is not None and len(scales) > 1 else 0,
        bytes=0 if value.content is None else len(value.content),
        buffer=0 if value.content is None else numbers.setdefault(id(value.content), len(numbers) + 1),
        is_variable=value.is_variable,
    )


def tensor_spec(name: str, tensor: Tensor) -> TensorSpec:
    """Return an input or output as users know it."""
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


def shown(name: str) -> str:
    """Return a name without the bytes in it that are no UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
