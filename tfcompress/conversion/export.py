"""A Keras model becomes a SavedModel that the converter can read: batch 1, static shapes, float32.

In: a built model of either Keras. Out: a SavedModel folder with one signature.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfcompress.console import say
from tfcompress.conversion.function_scopes import has_revived_layers, scope_called_functions
from tfcompress.conversion.keras_operations import exportable_operations
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import ModelError, TfcompressError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.keras_compat.copying import computes_in_half, copied
from tfcompress.keras_compat.qat_layers import exporting
from tfcompress.typing import KerasModel

LOOPS = {"While", "StatelessWhile", "If", "StatelessIf"}


def export_saved_model(
    model: KerasModel, directory: Path, specs: Sequence[TensorSpec], *, loops: bool = True
) -> list[str]:
    """Write a SavedModel with one signature of static shapes.

    The signature's inputs are called input_0, input_1, … and its outputs output_0, output_1, …: graph names
    allow fewer characters than Keras names, so the real names go into the .tflite afterwards.

    Args:
        model: A built model of either Keras.
        directory: Where to write.
        specs: The model's inputs with every size known.
        loops: Whether loops and branches may be in it; the converter crashes when it quantizes them.

    Returns:
        The names of the outputs, in the order of output_0, output_1, ….

    Raises:
        ModelError: the model cannot be run on one sample, or holds what cannot be saved.
    """
    import tensorflow as tf

    run = model_io.forward(model)
    names: list[str] = []

    def serve(**tensors: Any) -> dict[str, Any]:
        results = run({spec.name: tensors[f"input_{index}"] for index, spec in enumerate(specs)})
        names[:] = results
        # An output that is an input or that stands twice must still be a tensor of its own.
        return {f"output_{index}": tf.identity(value) for index, value in enumerate(results.values())}

    signature = {
        f"input_{index}": tf.TensorSpec(spec.shape, spec.dtype, name=f"input_{index}")
        for index, spec in enumerate(specs)
    }
    try:
        with exporting(model), exportable_operations(model):
            function = tf.function(serve, autograph=False).get_concrete_function(**signature)
        if not loops:
            _require_straight(function.graph)
        holder = tf.Module()
        holder.variables_used = list(function.graph.variables)
        holder.tables_used = [layer for _, layer in model_view.layers(model) if hasattr(layer, "lookup_table")]
        with _without_messages():
            tf.saved_model.save(holder, str(directory), signatures={"serving_default": function})
        if has_revived_layers(layer for _, layer in model_view.layers(model)):
            scope_called_functions(directory)
    except TfcompressError as error:
        while isinstance(error.__context__, TfcompressError):  # Keras wraps what a layer raises
            error = error.__context__
        raise error from None
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ModelError(
            f"The model must run on one sample, {', '.join(map(str, specs))}, and be saved as a graph.",
            received=f"{type(error).__name__}: {' '.join(lines)[:400]}",
            hint="Layers must work for a batch of 1 and hold their variables as attributes.",
        ) from error
    return names


@contextmanager
def _without_messages() -> Iterator[None]:
    """Keep TensorFlow from telling, on stdout where Python is interactive, that it wrote into a folder of ours."""
    import tensorflow as tf

    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(max(level, logging.WARNING))
    try:
        yield
    finally:
        logger.setLevel(level)


def _require_straight(graph: Any) -> None:
    found = [op.name for op in graph.get_operations() if op.type in LOOPS]
    if found:
        raise ModelError(
            "An integer file has no loops and no branches: their bodies cannot be calibrated.",
            received=", ".join(found[:5]),
            hint="LSTM, GRU, SimpleRNN and RNN are unrolled for you. Write other loops in Python, over a known length, "
            "and instead of a ConvLSTM one convolution a step; or ask for quantization='dynamic'.",
        )


def in_float32(model: KerasModel) -> Any:
    """Return the model, or a twin with the same weights that computes in float32 where it does not.

    Raises:
        ModelError: the model computes in another type and cannot be rebuilt from its configuration.
    """
    if not computes_in_half(model):
        return model
    twin = copied(model, float32=True, own_class=False)
    say(f"{model.name} computes in half precision: converting a float32 twin of it")
    return twin
