"""An op of a file and the tensors that it reads and writes, as facts.

In: what `model` reads out of a file. Out: values.
"""

from __future__ import annotations

from dataclasses import dataclass


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
