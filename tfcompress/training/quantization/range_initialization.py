"""Ranges measured before training: a quantization-aware model runs on samples in float and tracks what it sees.

In: a quantization-aware model and samples. Out: nothing; its ranges are set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from tfcompress.console import progress, say
from tfcompress.data.batches import batches
from tfcompress.data.data_forms import Data
from tfcompress.data.sampling import ALL_READ, MAX_SAMPLES, NOT_READ, can_be_read_again, evenly
from tfcompress.keras_compat import model_io
from tfcompress.training.quantization.quantization_aware_model import steps
from tfcompress.training.quantization.step_config import Measuring
from tfcompress.typing import KerasModel

BATCH = 40


def initialize_ranges(model: KerasModel, samples: Data) -> None:
    """Measure every range on up to 1,000 samples, and those of inputs and outputs on all of a finite source."""
    specs = model_io.inputs(model)
    stream = batches(evenly(samples), specs, size=BATCH, what="samples")
    with progress("measuring ranges") as advance:
        _run(model, _counted(islice(stream, MAX_SAMPLES // BATCH), advance), "all")
        if evenly(samples) is samples and next(stream, None) is None:
            return
        if not can_be_read_again(samples):
            say(NOT_READ.format(count=MAX_SAMPLES))
            return
        advance(0, stage="measuring inputs and outputs on all samples")
        total = _run(model, _counted(batches(samples, specs, size=BATCH, what="samples"), advance), "ends")
    if total > MAX_SAMPLES:
        say(ALL_READ.format(count=MAX_SAMPLES, total=total))


def _run(model: KerasModel, stream: Iterable[Any], which: Measuring) -> int:
    """Track ranges on float inference over batches; return how many samples there were."""
    import tensorflow as tf

    for step in steps(model):
        step.measuring = which
    count = 0
    try:
        run = model_io.compiled_forward(model)
        dtypes = {spec.name: spec.dtype for spec in model_io.inputs(model)}
        for batch in stream:
            run({name: tf.constant(array, dtypes[name]) for name, array in batch.inputs.items()})
            count += len(batch)
    finally:
        for step in steps(model):
            step.measuring = ""
    return count


def _counted(stream: Iterable[Any], advance: Any) -> Iterator[Any]:
    for batch in stream:
        yield batch
        advance(len(batch))
