"""How long small Keras models take as int8 on this machine.

In: what builds models of one Keras, such as a layer each. Out: seconds of one inference of each. Many are converted
together, as one model; of its file each op is timed as a file of its own.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tfcompress.console import Loudness, loudness
from tfcompress.conversion.convert import convert
from tfcompress.errors import TfcompressWarning
from tfcompress.keras_compat import model_view
from tfcompress.litert.extract_ops import keep_ops
from tfcompress.litert.graph import Graph
from tfcompress.litert.serialization import read_graph
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.runtime.latency import medians_by_turns

TOGETHER, NUMBERS = 100, 2**24
"""How many models are converted together, and how many numbers they take, give and hold about, at most."""
ROUNDS, SECONDS = 3, 0.01
"""How often each op has its turn, and for how long."""


def int8_times(builders: Sequence[Callable[[], Any]], advance: Callable[[], None]) -> list[float]:
    """Return the seconds of one inference of each model as int8, on LiteRT with one thread.

    Args:
        builders: What builds the functional models, all of one Keras, with lists of inputs; some are held at a time.
        advance: Called when a model has its time.

    Raises:
        ConversionError: one of them cannot be int8.
    """
    found: list[float] = []
    for models in _bundles(builders):
        keras = model_view.keras_of(models[0])
        one = keras.Input((1,))
        nothing = keras.Model([one], keras.layers.ReLU()(one))  # takes what a call of the interpreter takes
        content, ops = _converted(keras, [nothing, *models])
        files = [TFLiteModel(keep_ops(content, op, op + 1)) for _, op in ops]
        seconds = medians_by_turns(files, ROUNDS, SECONDS)
        owners = np.array([owner for owner, _ in ops])
        own = np.maximum(0.0, seconds - seconds[owners == 0].sum())
        for place in range(1, 1 + len(models)):
            found.append(float(own[owners == place].sum()))
            advance()
    return found


def _bundles(builders: Iterable[Callable[[], Any]]) -> Iterator[list[Any]]:
    """Build models, and yield as many as are converted together."""
    part, numbers = [], 0
    for build in builders:
        model = build()
        size = model.count_params() + sum(math.prod(tensor.shape[1:]) for tensor in (*model.inputs, *model.outputs))
        if part and (len(part) == TOGETHER or numbers + size > NUMBERS):
            yield part
            part, numbers = [], 0
        part.append(model)
        numbers += size
    if part:
        yield part


def _converted(keras: Any, models: Sequence[Any]) -> tuple[bytes, list[tuple[int, int]]]:
    """Return the file of all of them, and each of its ops with the place of the model that it is of."""
    rng, owners, samples, inputs, outputs = np.random.default_rng(0), {}, {}, [], []
    for place, model in enumerate(models):
        taken = []
        for tensor in model.inputs:
            name, dtype = f"input_{len(owners)}", np.dtype(getattr(tensor.dtype, "name", tensor.dtype)).name
            owners[name] = place
            taken.append(keras.Input(tensor.shape[1:], dtype=dtype, name=name))
            shape = (1, *tensor.shape[1:])
            samples[name] = rng.normal(size=shape).astype(dtype) if "float" in dtype else np.ones(shape, dtype)
        given = model(taken)
        inputs += taken
        outputs += given if isinstance(given, (list, tuple)) else [given]
    with loudness(Loudness.QUIET), warnings.catch_warnings():
        warnings.simplefilter("ignore", TfcompressWarning)  # of random weights and samples nothing follows
        content = convert(keras.Model(inputs, outputs), "int8", samples=samples).content
    return content, _owned(read_graph(content).graphs[0], owners)


def _owned(graph: Graph, owners: dict[str, int]) -> list[tuple[int, int]]:
    """Follow values from the inputs on: return (owner, op) for each op."""
    of = {value: owners[name] for signature in graph.signatures for name, value in signature.inputs}
    found = []
    for number, op in enumerate(graph.ops):
        read = [of[value] for value in op.inputs if value in of]
        if read:
            of |= dict.fromkeys(op.outputs, read[0])
            found.append((read[0], number))
    return found
