"""How much each channel matters to the loss, to first order.

In: a `ChannelGraph` of a compiled model, samples with labels. Out: for each group the importance of its channels.
After Molchanov et al. 2019, "Importance Estimation for Neural Network Pruning".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tfcompress.console import progress
from tfcompress.data.batches import Batch, batches
from tfcompress.data.data_forms import LabelledData
from tfcompress.errors import DataError, ModelError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.layers.channel_rules.channel_ids import WeightAxes
from tfcompress.training.channels.channel_graph import ChannelGraph
from tfcompress.training.channels.channel_groups import Group
from tfcompress.training.channels.importance import makes, summed
from tfcompress.typing import KerasModel

SAMPLES = 2000
"""How many samples are read at most."""


def by_loss(graph: ChannelGraph, samples: LabelledData) -> list[np.ndarray]:
    """Return the change of the loss, to first order, if a channel were zero (root mean square); about 1 on average.

    Raises:
        ModelError: the model is not compiled with a loss.
        DataError: samples do not fit the inputs, or bring no labels.
    """
    import tensorflow as tf

    model, ids = graph.model, graph.ids
    if not (getattr(model, "compiled", False) or getattr(model, "_is_compiled", False)) or model.loss is None:
        raise ModelError(
            'importance="taylor" asks what the loss loses: the model must be compiled.',
            received=f"{model.name!r}, which is not",
            hint='Call model.compile(optimizer, loss), or take importance="l2".',
        )
    gates = [_gates(group) for group in graph.groups]
    held = {id(weight): weight for gate in gates for weight, _ in gate}
    variables = [weight.variable for weight in held.values()]
    found = [np.zeros(len(group.channels)) for group in graph.groups]

    sources = [variable.value for variable in variables] if model_view.flavour(model) == "keras" else variables

    def gradients(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(sources)
            loss = model.compute_loss(x, y, model(x, training=False))
        return tape.gradient(loss, sources)

    run = tf.function(gradients, autograph=False, reduce_retracing=True)
    with progress("measuring the loss") as advance:
        for batch in _labelled(model, samples):
            inputs = list(batch.inputs.values())
            found_now = run(inputs[0] if len(inputs) == 1 else inputs, tf.nest.map_structure(tf.constant, batch.labels))
            products = {
                key: np.array(weight.variable, np.float64) * np.array(gradient, np.float64)
                for (key, weight), gradient in zip(held.items(), found_now, strict=True)
                if gradient is not None
            }
            for index, (group, gate) in enumerate(zip(graph.groups, gates, strict=True)):
                total = np.zeros(len(group.channels))
                for weight, axis in gate:
                    if id(weight) in products:
                        total += summed(ids, group, products[id(weight)], weight.axes[axis], axis)
                found[index] += total**2
            advance()
    changes = [np.sqrt(values) for values in found]
    return [values / (values.mean() or 1.0) for values in changes]


def _gates(group: Group) -> list[tuple[WeightAxes, int]]:
    """List the weights in which a channel is linear where it leaves: of its normalisation, else kernel and bias."""
    scales = [(weight, axis) for weight, axis in group.holders if weight.kind in ("scale", "shift")]
    made = [(weight, axis) for weight, axis in group.holders if makes(weight, axis) or weight.kind == "bias"]
    return scales or made


def _labelled(model: KerasModel, samples: LabelledData) -> Iterator[Batch]:
    """Yield batches with labels, from a dataset or a tuple of arrays."""
    seen, specs = 0, model_io.inputs(model)
    if isinstance(samples, (tuple, list)) and len(samples) == 2 and hasattr(samples[0], "shape"):
        x, y = samples
        samples = ((x[start : start + 32], y[start : start + 32]) for start in range(0, len(x), 32))
    for batch in batches(samples, specs, what="samples", labelled=True):
        if batch.labels is None:
            raise DataError(
                'importance="taylor" needs labels.', received="samples without", hint="Pass samples=(x, y)."
            )
        yield batch
        seen += len(batch)
        if seen >= SAMPLES:
            return
