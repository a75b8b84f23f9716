"""The steps of a pipeline that get back, from samples, what integers lose; they do nothing where nobody asks.

In: a `Conversion`. Out: the same, one step further. Why which step comes when stands in `pipelines`.
"""

from __future__ import annotations

from tfcompress.conversion.channel_factors import channel_factors
from tfcompress.conversion.learned_rounding import learn_rounding as learned_rounding
from tfcompress.conversion.pipeline_steps import Conversion
from tfcompress.conversion.ranges_by_result import range_by_results
from tfcompress.litert.passes.correct_biases import correct_biases
from tfcompress.litert.passes.equalize_channels import equalize, note


def equalize_channels(made: Conversion) -> None:
    """Give channels factors with which they use one scale alike, as far as the weights that read them allow."""
    if made.recover:
        made.advance(0, "equalizing channels")
        made.factors = channel_factors(made.file, made.calibration, 7 if made.weights == "int4" else 127)
        equalize(made.file.main, made.factors)


def note_factors(made: Conversion) -> None:
    """Tell in the file which factors its channels have."""
    if made.factors:
        note(made.file, made.factors)


def choose_ranges_by_results(made: Conversion) -> None:
    """Choose ranges by what the op that reads them gives, where that is another than the range of least error."""
    if made.recover:
        made.advance(0, "choosing ranges by results")
        range_by_results(made.file, made.calibration, made.is_int8)


def learn_rounding(made: Conversion) -> None:
    """Learn which way each weight is rounded."""
    if made.recover:
        # First, as layers that learn take back what is left of the shifts of those that do not.
        correct_biases(made.file.main, made.layers, made.means)
        tell = made.advance, made.layer
        able = {name: layer for name, layer in made.layers.items() if name not in made.clustered}
        learned_rounding(made.file, made.floats, able, made.calibration, made.int4_ops, *tell)
        made.layers = {}  # no bias is corrected twice
