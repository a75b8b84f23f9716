"""The table: which passes make an integer file, in which order, for each way; the reason stands beside each line.

In: a `Conversion` with a float file. Out: the same with an integer file. `converter` and `edge_quantizer` set it up.

    run("int8", conversion)
    content = write_graph(conversion.file)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from tfcompress.conversion import pipeline_steps as step
from tfcompress.conversion import recovery_steps as recovery_step
from tfcompress.conversion import weight_steps as weight_step
from tfcompress.conversion.flash_budget import rehearsal
from tfcompress.conversion.pipeline_steps import Conversion
from tfcompress.litert.passes.beyond_int8 import read_directly
from tfcompress.litert.passes.copied_constants import requantize_copied_constants
from tfcompress.litert.passes.integer_casts import quantize_integers, skip_floats
from tfcompress.litert.passes.integer_comparisons import compare_integers
from tfcompress.litert.passes.name_trained_lstms import name_trained_lstms
from tfcompress.litert.passes.requantize_by_product import requantize_by_product
from tfcompress.litert.passes.requantize_narrow import drop_shields, requantize_narrow
from tfcompress.litert.passes.requantize_operands import requantize_operands
from tfcompress.litert.passes.symmetric_operands import symmetric_operands
from tfcompress.litert.passes.tie_ranges import tie_ranges

Pass = Callable[[Conversion], None]


def _graph(rewrite: Callable[[Any], Any]) -> Pass:
    """Run a pass on the main graph."""
    return wraps(rewrite)(lambda made: rewrite(made.file.main))


def _int8(rewrite: Callable[..., Any]) -> Pass:
    """Run a pass on the ops of the main graph that are to be in int8."""
    return wraps(rewrite)(lambda made: rewrite(made.file.main, made.is_apart))


PIPELINES: dict[str, tuple[Pass, ...]] = {
    "int8": (
        _graph(skip_floats),  # first, as integers that stay integers need no range
        recovery_step.equalize_channels,  # "recover" alone; before ranges are measured and ops are replaced
        step.substitute,  # before calibration, as the values it makes await ranges like all others
        step.measure_ranges,
        step.raise_beyond_int8,  # before all that asks whether an op is in int8
        step.note_losses,  # of what was measured, before ranges are widened
        step.limit_mask_values,
        step.use_int16_forms,  # once it is known what is in int16; measures the values that it makes
        recovery_step.choose_ranges_by_results,  # "recover" alone; before ranges are tied
        step.forget_numbers,  # the memory is needed for the quantizer
        weight_step.keep_weights,  # for bias correction, before they are rounded
        _int8(requantize_narrow),  # before ranges are tied: each keeps its own where that is much narrower
        step.keep_apart,
        _int8(tie_ranges),  # once all ranges are known
        _int8(symmetric_operands),  # once ranges are tied, as it widens all that share one
        step.keep_ranges,  # once nothing changes them
        step.quantize_int8,
        step.bypass_casts,  # what the quantizer has put between ops that are apart
        _graph(drop_shields),
        _graph(requantize_by_product),  # what the quantizer requantizes, and reads no float any more
        step.quantize_int16_parts,  # what the quantizer left in float
        _graph(read_directly),
        _graph(requantize_copied_constants),  # once scales are there
        _graph(quantize_integers),
        _graph(compare_integers),
        weight_step.share_cluster_scales,  # once integers are there; before all else that writes weights or biases
        recovery_step.note_factors,  # before bits are chosen, which counts all bytes
        weight_step.round_weights_to_int4,  # "int8x4" alone; before bias correction, which takes back what it shifts
        recovery_step.learn_rounding,  # "recover" alone; it takes all shifts back by itself
        weight_step.take_back_shifts,  # once the scales of both types are there
        weight_step.pack_int4_weights,  # behind all that looks at the numbers
        step.drop_unused,
    ),
    "int16x8": (
        _graph(skip_floats),
        step.substitute_int16,  # without fast rectifiers: in int16 a product takes as long
        step.measure_ranges_int16,  # whatever was seen, as there are steps enough
        step.note_losses_int16,
        step.limit_mask_values,
        step.use_int16_forms_everywhere,
        step.forget_numbers,
        weight_step.keep_weights,
        step.keep_ranges,  # nothing tied, widened or symmetric: int16 values of two scales meet in a QUANTIZE
        step.quantize_all_int16,  # everything, and nothing in int8 before it
        _graph(requantize_copied_constants),
        _graph(quantize_integers),
        _graph(compare_integers),
        weight_step.take_back_shifts,
        step.drop_unused,
    ),
    "trained": (
        _graph(name_trained_lstms),  # by their fake quants, which the next pass takes out
        step.read_ranges_of_training,  # in the place of calibration; first, so that ops read values and not casts
        _graph(skip_floats),
        step.substitute,  # the values it makes get their ranges from its results
        step.find_int16,  # again, for the ops that it has made; training has chosen, no op is raised for its numbers
        # No int16 forms: layers have trained in forms that have kernels, and values inside others have no range.
        _int8(requantize_operands),  # each to its own range, as training rounds: none widens another, however near
        step.keep_apart,
        step.range_cells,  # inside an LSTM no fake quant can be; behind the last that gives its result a range
        _int8(tie_ranges),  # its state alone: whatever else shares a scale has one range by now
        weight_step.keep_weights,  # their very grids are found again in them
        step.keep_ranges,  # without symmetric operands: attention trained on other grids, and would leave them
        step.quantize_int8,
        step.bypass_casts,
        _graph(drop_shields),
        _graph(requantize_by_product),
        step.quantize_int16_parts,
        _graph(read_directly),
        _graph(requantize_copied_constants),
        _graph(quantize_integers),
        _graph(compare_integers),
        weight_step.share_cluster_scales,  # by which training rounds clustered kernels
        weight_step.use_trained_int4_weights,
        weight_step.pack_int4_weights,
        step.drop_unused,  # without bias correction: training saw rounded weights, and biases have taken the shift back
    ),
    "file": (
        _graph(skip_floats),
        recovery_step.equalize_channels,
        step.substitute_int8,  # what stays in float stays as it is: this quantizer knows ops of several results
        step.await_all_ranges,  # a file from elsewhere does not mark what awaits a range
        step.measure_ranges,
        step.raise_beyond_int8,  # here also what this quantizer does not know
        step.limit_mask_values,  # losses are not noted: whoever has a file alone cannot choose its inputs' type
        step.use_int16_forms,
        recovery_step.choose_ranges_by_results,
        step.forget_numbers,
        weight_step.keep_weights,
        _int8(requantize_narrow),
        step.keep_apart,
        _int8(tie_ranges),
        _int8(symmetric_operands),
        step.keep_ranges,  # this quantizer takes them by name
        step.quantize_int8,  # by litert-quantizer
        step.bypass_casts,
        _graph(drop_shields),
        _graph(requantize_by_product),
        step.quantize_model_ends,  # which this quantizer leaves as they are before and behind what it does not know
        step.quantize_int16_parts,
        _graph(read_directly),
        _graph(requantize_copied_constants),
        _graph(quantize_integers),
        _graph(compare_integers),
        weight_step.share_cluster_scales,
        recovery_step.note_factors,
        weight_step.round_weights_to_int4,
        recovery_step.learn_rounding,
        weight_step.take_back_shifts,
        weight_step.pack_int4_weights,
        step.drop_unused,
    ),
}
"""Float, dynamic and weight-only files have no pipeline: TensorFlow's converter or litert-quantizer does all of it."""


def run(name: str, conversion: Conversion) -> None:
    """Run the passes of a pipeline.

    Args:
        name: One of `PIPELINES`.
        conversion: Changed in place.
    """
    for one in filter(None, (rehearsal(conversion), conversion)):
        for each in PIPELINES[name]:
            each(one)
