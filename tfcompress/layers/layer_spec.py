"""What is known of one kind of layer, operation or activation of either Keras: its `LayerSpec`.

In: nothing. Out: the dataclasses that the families fill in and all stages read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Flag, auto
from typing import Any, Literal, Protocol

from tfcompress.layers.example import Example

Result = Literal["own_range", "passthrough", "input_range", "shared_range", "fixed_range", "float"]
"""Where the quantization range of a result comes from. own_range: it has one; passthrough: it holds values of its input
as they are; input_range: it is rounded to the range of its input; shared_range: one range with all its inputs;
fixed_range: one that the kernel demands; float: it is not quantized."""


PLAIN_KERNEL = 10
"""How many times as long a number takes, at least, in int8 kernels that LiteRT has only in plain C++."""


class Fusion(Flag):
    """What the converter makes one op of."""

    NONE = 0
    ABSORBS_NEXT = auto()
    """A ReLU after it becomes part of it."""
    FUSES_INTO_PREVIOUS = auto()
    """It becomes part of an op before it that absorbs."""
    FUSES_INTO_KERNEL = auto()
    """It becomes part of a layer with a kernel before it: it scales and shifts each channel."""


@dataclass(frozen=True)
class KernelLayout:
    """The axes of a weight that is multiplied with inputs."""

    scales: tuple[int, ...] = (-1,)
    """The axes that have an int8 scale for each index; none: one scale for the whole weight."""
    inputs: tuple[int, ...] = (-2,)
    outputs: tuple[int, ...] = (-1,)
    outputs_last: bool = False
    """In the file its outputs are columns, as in depthwise kernels; else they are rows."""
    trained: bool = True
    """Training rounds it."""
    int4_scales: tuple[int, ...] | None = None
    """The axes that have a scale for each index in four bits; None: its op has no kernel for weights of four bits."""
    rounds_once: bool = False
    """LiteRT's kernel rounds its sums once, as that of FULLY_CONNECTED does; the others, and all of TFLM's, twice."""
    scales_bias: bool = True
    """The int32 bias of the op has the scale of its sums, input scale times kernel scale."""


class Form(Protocol):
    """A layer in operations that all become integer ops, written once for calibration and for training."""

    def __call__(self, quantizer: Any, layer: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Compute what the layer computes; `quantizer` is a `tfcompress.layers.quantizer.Quantizer`."""


@dataclass(frozen=True)
class CallInfo:
    """The arguments of one call, and what is known of the tensors among them."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    shapes: tuple[tuple[int | None, ...], ...] = ()
    dtypes: tuple[str, ...] = ()
    masked: bool = False
    """Whether a tensor among them carries a mask."""
    layout: int = sys.maxsize
    """That of the saved quantization-aware model which the call is part of."""


@dataclass(frozen=True)
class LayerSpec:
    """One kind of layer, operation or activation."""

    names: tuple[str, ...] = ()
    """Classes of layers, classes and symbols of operations, and names of activation functions, of both Kerases."""
    kernels: Mapping[str, KernelLayout] = field(default_factory=dict)
    """The weights that are multiplied with inputs, by name; also those that only one Keras gives that name."""
    result: Result = "own_range"
    range: tuple[float, float] | None = None
    """The fixed range of its result."""
    note: str = "int8 result"
    """How it is quantized, or why it is not: one phrase for tables, which decides nothing."""
    fusion: Fusion = Fusion.NONE
    int8: Form | None = None
    """The form in which calibration and training compute it; None: as Keras does."""
    rounded: Form | None = None
    """The form in training alone, of a layer whose ops calibration takes as they are: weights are rounded inside."""
    folded: Form | None = None
    """Its form where it has become part of the op before it; None: as alone."""
    trained_since: int | None = 1
    """The layout of saved quantization-aware models from which on training quantizes it; None: it does not."""
    results: tuple[str, ...] = ()
    """The ranges of what it returns, by name, where its form rounds that itself."""
    cells: tuple[tuple[str, str], ...] = ()
    """The name scope and the range of each value that stays inside an op, as the cell of a fused LSTM does."""
    channels: Callable[..., Any] | None = None
    """How channels pass through it; None: they are kept whole."""
    prunable: bool = True
    """Whether its weights of two axes and more may be pruned."""
    write_cost: int = 1
    """How long it takes to write a number of its result, in those of an addition; 0: it is no op of the file."""
    inline_activation: bool = False
    """Its attribute `activation` is computed after it, as an op of its own or as a part of it."""
    bias: bool = False
    """The op adds an int32 bias."""
    scale_and_offset: Callable[[Any], tuple[Any, Any]] | None = None
    """What a layer that scales and shifts channels multiplies by and adds in inference, a number a channel."""
    moments: Callable[[Any], tuple[Any, Any, Any] | None] | None = None
    """Mean and variance that it saw in training, and their axes; None where it holds none."""
    product: float | None = None
    """Its result is the product of its inputs: 1 in its int32 form is worth the product of their steps times this."""
    slope: float | None = None
    """It multiplies what is below zero by this, and its kernel rounds both sides as sums are rounded."""
    averages: bool = False
    """Its result is the mean of values of its input."""
    inner: Callable[[Any], Any] | None = None
    """The layer or function that it stands for, of a layer that only wraps another."""
    each_step: Callable[[Any], Any] | None = None
    """The layer that it calls on each step of a sequence, as if steps were samples."""
    of_settings: Callable[[LayerSpec, Any], LayerSpec] | None = None
    """Makes of this spec the one for a layer with its settings."""
    of_call: Callable[[LayerSpec, Any, CallInfo], LayerSpec] | None = None
    """Makes of this spec the one for a call with its arguments."""
    homes: tuple[str, ...] = ("keras.", "tf_keras.", "tensorflow.")
    """How the names of the modules begin that define it."""
    examples: tuple[Example, ...] = ()
    """Small models of it."""

    @property
    def form(self) -> Form | None:
        """The form in which it is trained; None: as Keras computes it."""
        return self.rounded or self.int8

    def stays_float(self, why: str) -> LayerSpec:
        """Return the spec of a layer that is not quantized."""
        forms = {"int8": None, "rounded": None, "folded": None}
        sums = {"bias": False, "product": None, "slope": None, "averages": False}
        return replace(self, result="float", range=None, note=why, results=(), cells=(), **forms, **sums)

    def but(self, **changes: Any) -> LayerSpec:
        """Return a copy with other fields."""
        return replace(self, **changes)
