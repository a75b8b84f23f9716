"""What one step of a quantization-aware model does: the call, its form, and where its ranges are.

In: nothing. Out: plain data that `quantized_graph` fills in and `quantized_step` reads; Keras does not look inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tfcompress.layers.layer_spec import Form
from tfcompress.training.quantization.learned_steps import LearnedSteps

Measuring = Literal["", "all", "ends"]
"""Which ranges are tracked on float inference, while nothing is rounded: none, all, those of inputs and outputs."""


@dataclass(frozen=True)
class RangeOf:
    """A range of some step."""

    step: Any
    """None: the step itself that asks."""
    name: str = "result"


@dataclass
class StepConfig:
    """What a step does in one call of the float model; Keras does not look inside."""

    operation: Any = None
    arguments: Any = None
    form: Form | None = None
    rounds: bool = False
    fixed: tuple[float, float] | None = None
    border: bool = False
    """Its result is an input or an output of the model."""
    grid: RangeOf | None = None
    """The range to which this one's result is rounded again."""
    reads: tuple[RangeOf | None, ...] = ()
    """For each tensor that it is called on the range on whose grid it lies; None where that is unknown."""
    source: RangeOf | None = None
    """The range from whose grid a kernel reads."""
    kernel: Any = None
    """The layer whose kernel makes the sums that this step adds a bias to, or rounds."""
    norm: Any = None
    """The multiplication a channel after it, or alone."""
    factors: tuple[RangeOf, ...] = ()
    """The ranges on whose grids lies what this one multiplies, averages or rectifies."""
    share: float = 1.0
    """What the product of their steps is multiplied by."""
    count: int = 1
    """How many values this step averages."""
    slope: float | None = None
    """What is below zero is multiplied by this."""
    stays_float: bool = False
    learned: LearnedSteps | None = None
    """The steps of the model's kernels of four bits; None where all kernels have 8 bits."""
    names: tuple[str, ...] = ()
    """The ranges of its intermediate results."""
    result: str = "result"
    """The range of its result."""
    results: tuple[str, ...] = ()
    """The ranges of what it returns, where its form has rounded that already."""
    cells: tuple[tuple[str, str], ...] = ()
    """The name scope and the range of each value that stays inside an op."""
    step_axes: int = 0
    """How many axes after the first are steps, each a sample of its own to the operation."""
    activation: StepConfig | None = None
    """The activation inside the layer, which comes after its sums."""

    @property
    def tracked(self) -> tuple[str, ...]:
        """The names of the ranges that are tracked."""
        own = self.rounds and self.fixed is None and not self.results
        return (*self.names, *((self.result,) if own else ()))
