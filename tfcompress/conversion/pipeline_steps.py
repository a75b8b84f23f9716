"""What travels along a pipeline, and the steps that take more of it than the graph.

In: a `Conversion`. Out: the same, one step further. Why which step comes when stands in `pipelines`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import numpy as np

from tfcompress.console import Advance
from tfcompress.conversion.calibration import await_ranges, calibrate
from tfcompress.conversion.precision_plan import Kind
from tfcompress.conversion.quantization_losses import Loss, quantization_losses
from tfcompress.conversion.range_estimators import Method
from tfcompress.conversion.samples import Calibration
from tfcompress.conversion.weight_bits import FlashBudget
from tfcompress.litert.graph import EditableFile, Op, Value
from tfcompress.litert.inspect import CASTS
from tfcompress.litert.passes.beyond_int8 import beyond_int8, free_scales, with_arithmetic
from tfcompress.litert.passes.bypass_int8 import bypass_int8
from tfcompress.litert.passes.clip_masks import limit_masks
from tfcompress.litert.passes.correct_biases import FloatLayer
from tfcompress.litert.passes.int16_forms import int16_forms
from tfcompress.litert.passes.quantize_ends import quantize_ends
from tfcompress.litert.passes.quantize_int16 import quantize_int16
from tfcompress.litert.passes.range_lstm import CellRange, range_lstm
from tfcompress.litert.passes.read_fake_quant import int16_results, read_fake_quant
from tfcompress.litert.passes.requantize_narrow import shield_scales
from tfcompress.litert.passes.substitute_ops import substitute_ops


@dataclass
class Conversion:
    """What travels from pass to pass: the file, what the user asked for, and what earlier passes found."""

    file: EditableFile
    asked: Callable[[str], Kind]
    """What the user wants an op to be, by the name of its first result."""
    quantizer: Callable[[Conversion], EditableFile]
    """Makes an int8 file of a float file with ranges, all ops but those that are apart."""
    has_int8: Callable[[Op], bool] = lambda _: True
    """Whether the quantizer has an int8 form of an op."""
    layer: Callable[[str], str] = str
    """Names the layer of an activation, for messages."""
    io: str = "int8"
    requantize: bool = False
    """Whether int8 becomes int16 in one op."""
    calibration: Calibration | None = None
    method: Method = "mse"
    advance: Advance = lambda *_: None
    cell_range: CellRange = lambda _: (-1.0, 1.0)
    """Returns the trained range of the cell of a fused LSTM."""
    weights: Literal["int8", "int4"] = "int8"
    keeps_int8: Callable[[str], bool] | None = None
    """Whether an op keeps weights of 8 bits, by the name of its first result; None: first, last, depthwise ones do."""
    budget: FlashBudget | None = None
    """What the finished file may take."""
    recover: bool = False
    """Whether what integers lose is to be got back from the samples."""
    factors: dict[str, list[int]] = field(default_factory=dict)
    """What channels were multiplied with, as `equalize_channels` knows it."""
    floats: EditableFile | None = None
    """The float file as it was when it was quantized, for that."""
    int4_ops: list[Op] = field(default_factory=list)
    """The ops whose weights fit into four bits."""
    clustered: set[str] = field(default_factory=set)
    """The ops whose kernels hold a few values, by the names of their first results."""
    losses: list[Loss] | None = None
    """Takes what integers lose."""
    raised: set[str] = field(default_factory=set)
    """Results that are in int16 although the user did not ask for it."""
    shields: dict[str, Op] = field(default_factory=dict)
    """The ops before which products stand that keep scales apart, by the names of the products."""
    drawn: dict[Value, np.ndarray] = field(default_factory=dict)
    """Some of the numbers of each activation."""
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Range by name of the value, as the quantizer makes a new file that has none."""
    rounded: Collection[str] = ()
    """Int8 values by name that were there before the quantizer came, such as what training rounded."""
    means: Mapping[str, np.ndarray] = field(default_factory=dict)
    layers: Mapping[str, FloatLayer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.asked = cache(self.asked)

    def kind(self, name: str) -> Kind:
        """Return what an op becomes, by the name of its first result."""
        if name in self.shields:
            return self.kind(self.shields[name].name)
        # The quantizer puts a digit behind the name of a float whose integers are an output of the model.
        is_raised = name in self.raised or (name[-1:].isdigit() and name[:-1] in self.raised)
        return "int16" if is_raised and self.asked(name) == "int8" else self.asked(name)

    def is_apart(self, op: Op) -> bool:
        """Tell whether an op is not to be in int8."""
        return self.kind(op.name) != "int8"

    def is_int8(self, op: Op) -> bool:
        """Tell whether an op is to be in int8."""
        return self.kind(op.name) == "int8"

    def is_int16(self, op: Op) -> bool:
        """Tell whether an op of an int8 file is to be in int16."""
        return self.kind(op.name) == "int16"

    def is_integer(self, op: Op) -> bool:
        """Tell whether an op is to be in integers of any kind."""
        return self.kind(op.name) != "float"


def substitute(made: Conversion) -> None:
    """Replace ops that int8 kernels lack or compute poorly."""
    substitute_ops(made.file.main, made.is_apart)


def substitute_int16(made: Conversion) -> None:
    """Replace ops, but no rectifiers."""
    substitute_ops(made.file.main, fuse_relu=False)


def substitute_int8(made: Conversion) -> None:
    """Replace ops but those that stay in float."""
    substitute_ops(made.file.main, is_kept=made.is_apart)


def measure_ranges(made: Conversion) -> None:
    """Measure the range of each activation; those of int16 ops keep everything that was seen."""
    made.means = _measured(made, lambda name: made.kind(name) == "int16")


def measure_ranges_int16(made: Conversion) -> None:
    """Measure ranges that keep everything that was seen."""
    made.means = _measured(made, lambda _: True)


def _measured(made: Conversion, fine: Callable[[str], bool], only: list[Value] | None = None) -> dict[str, np.ndarray]:
    return calibrate(
        made.file,
        made.calibration,
        made.method,
        made.advance if only is None else lambda _: None,
        fine,
        lambda name: made.kind(name) == "float",
        only,
        made.drawn if only is None else None,
        made.layer,
    )


def raise_beyond_int8(made: Conversion) -> None:
    """Have ops in int16 whose results int8 cannot hold, or that the quantizer does not know."""
    graph = made.file.main
    unknown = with_arithmetic(graph, [op for op in graph.ops if op.outputs and not made.has_int8(op)])
    beyond = [op for op in (*beyond_int8(graph, made.drawn), *unknown) if made.is_int8(op)]
    # The quantizer names an op of several results by all of them.
    made.raised |= {name for op in beyond for name in (op.name, ";".join(value.name for value in op.outputs))}
    made.raised |= {*free_scales(graph, [op for op in graph.ops if _leaves_int16(made, op)])}


def _leaves_int16(made: Conversion, op: Op) -> bool:
    """Tell whether an op is to be in int16, and somebody reads it in int8."""
    readers = op.outputs[0].readers if op.outputs and made.is_int16(op) else None
    return readers is not None and (not readers or any(map(made.is_int8, readers)))


def note_losses(made: Conversion) -> None:
    """Take note of what int8 loses."""
    if made.losses is not None:
        made.losses += quantization_losses(made.file.main, made.drawn, made.is_int8, whole_int16=False)


def note_losses_int16(made: Conversion) -> None:
    """Take note of what int16 loses."""
    if made.losses is not None:
        made.losses += quantization_losses(made.file.main, made.drawn, made.is_integer, whole_int16=True)


def use_int16_forms(made: Conversion) -> None:
    """Write ops that are to be in int16 in forms that have int16 kernels, and measure the values between."""
    if new := int16_forms(made.file.main, made.is_int16):
        made.raised |= {value.name for value in new}
        _measured(made, lambda name: made.kind(name) == "int16", new)


def use_int16_forms_everywhere(made: Conversion) -> None:
    """Write all ops in forms that have int16 kernels, and measure the values between."""
    if new := int16_forms(made.file.main, made.is_integer):
        _measured(made, lambda _: True, new)


def forget_numbers(made: Conversion) -> None:
    """Let go of the numbers of activations."""
    made.drawn.clear()


def read_ranges_of_training(made: Conversion) -> None:
    """Turn fake quants into ranges, and find what is in int16."""
    read_fake_quant(made.file.main)
    made.raised = int16_results(made.file.main)


def find_int16(made: Conversion) -> None:
    """Find what is in int16, of the graph as it is now."""
    made.raised = int16_results(made.file.main)


def range_cells(made: Conversion) -> None:
    """Give ranges to what is inside fused LSTMs."""
    range_lstm(made.file.main, made.cell_range)


def keep_apart(made: Conversion) -> None:
    """Keep the scales of what ops outside int8 join."""
    made.shields |= shield_scales(made.file.main, made.is_apart)


def keep_ranges(made: Conversion) -> None:
    """Take note of the ranges."""
    made.ranges = {value.name: value.range for value in made.file.main.values if value.range is not None}


def quantize_int8(made: Conversion) -> None:
    """Have the quantizer make an int8 file."""
    made.rounded = {op.name for op in made.file.main.ops if op.kind == "QUANTIZE"}
    made.file = made.quantizer(made)


def bypass_casts(made: Conversion) -> None:
    """Let ops that are apart read what others that are apart put out, as it is."""
    bypass_int8(made.file.main, lambda op: op.kind not in CASTS and made.is_apart(op), made.rounded)


def quantize_model_ends(made: Conversion) -> None:
    """Have inputs and outputs in int8 where int16 parts are at the ends of the model."""
    quantize_ends(made.file.main, made.ranges, made.is_int16)


def quantize_int16_parts(made: Conversion) -> None:
    """Quantize to int16 what the quantizer has left in float."""
    quantize_int16(made.file.main, made.ranges, made.is_int16, requantize=made.requantize, layer=made.layer)


def quantize_all_int16(made: Conversion) -> None:
    """Quantize everything to int16."""
    quantize_int16(made.file.main, made.ranges, made.is_integer, io=made.io == "int16", layer=made.layer)


def drop_unused(made: Conversion) -> None:
    """Drop values that nothing uses."""
    made.file.main.drop_unused()


def limit_mask_values(made: Conversion) -> None:
    """Keep masks, which are far below all else, from widening ranges."""
    limit_masks(made.file.main, made.drawn)


def await_all_ranges(made: Conversion) -> None:
    """Have every float activation wait for a range."""
    await_ranges(made.file)
