"""The steps of a pipeline that write weights: of 8 bits or four, and the biases beside them.

In: a `Conversion`. Out: the same, one step further. Why which step comes when stands in `pipelines`.
"""

from __future__ import annotations

from tfcompress.conversion.flash_budget import choose_bits
from tfcompress.conversion.pipeline_steps import Conversion
from tfcompress.litert.passes.correct_biases import correct_biases, float_layers
from tfcompress.litert.passes.round_to_int4 import pack_int4, round_to_int4, use_trained_int4
from tfcompress.litert.passes.share_cluster_scales import share_cluster_scales as shared_cluster_scales
from tfcompress.litert.serialization import read_graph, write_graph


def keep_weights(made: Conversion) -> None:
    """Take note of the float weights, which bias correction needs, and of the float file where rounding is learned."""
    made.layers = float_layers(made.file.main)
    if made.recover:
        made.floats = read_graph(write_graph(made.file))


def share_cluster_scales(made: Conversion) -> None:
    """Give clustered kernels the scales under which they have as many integers as values."""
    made.clustered = {op.name for op in shared_cluster_scales(made.file.main, made.layers)}


def round_weights_to_int4(made: Conversion) -> None:
    """Round weights to four bits, where the scheme has such: those that make the file fit, where it is to fit."""
    if made.budget is not None:
        small = choose_bits(made, made.budget)
        made.keeps_int8 = lambda name: name not in small
    if made.weights == "int4":
        keeps = made.keeps_int8
        is_kept = None if keeps is None else lambda op: keeps(op.name)
        made.int4_ops = round_to_int4(made.file.main, made.layers, is_kept)


def use_trained_int4_weights(made: Conversion) -> None:
    """Write weights of four bits on the grids of training, where the scheme has such."""
    if made.weights == "int4":
        made.int4_ops = use_trained_int4(made.file.main, made.layers)


def take_back_shifts(made: Conversion) -> None:
    """Take the mean shift of rounded weights out of the biases."""
    correct_biases(made.file.main, made.layers, made.means)


def pack_int4_weights(made: Conversion) -> None:
    """Store two weights of four bits in a byte."""
    pack_int4(made.int4_ops)
