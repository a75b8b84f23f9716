"""TensorFlow's converter, called in one way for each kind of quantization.

In: a SavedModel folder with one static signature, and samples where the kind needs them. Out: the bytes of a .tflite.
Source: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization
Runs in the worker's process. Knows nothing of Keras, and does not look at what comes out.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfcompress.conversion.advice import advice
from tfcompress.conversion.calibration import await_ranges, calibrate, has_one_graph
from tfcompress.conversion.converter_flags import ConverterFlags
from tfcompress.conversion.converter_library import quantize_to_int8, to_flatbuffer
from tfcompress.conversion.mixture import Kind, Mixture
from tfcompress.conversion.quantization_losses import Loss, quantization_losses
from tfcompress.conversion.ranges import Method
from tfcompress.conversion.samples import Calibration
from tfcompress.errors import ConversionError, SelectionError, TfcompressError
from tfcompress.flatbuffer.graph import EditableFile, Op, Value
from tfcompress.flatbuffer.passes.beyond_int8 import beyond_int8, free_scales, read_directly
from tfcompress.flatbuffer.passes.bypass_int8 import bypass_int8
from tfcompress.flatbuffer.passes.copied_constants import requantize_copied_constants
from tfcompress.flatbuffer.passes.correct_biases import correct_biases, float_layers
from tfcompress.flatbuffer.passes.int16_forms import int16_forms
from tfcompress.flatbuffer.passes.integer_casts import quantize_integers, skip_floats
from tfcompress.flatbuffer.passes.integer_comparisons import compare_integers
from tfcompress.flatbuffer.passes.limit_masks import limit_masks
from tfcompress.flatbuffer.passes.name_lstms import name_lstms
from tfcompress.flatbuffer.passes.name_outputs import name_outputs
from tfcompress.flatbuffer.passes.quantize_int16 import quantize_int16
from tfcompress.flatbuffer.passes.requantize_narrow import (
    as_quantize,
    drop_shields,
    requantize_narrow,
    shield_scales,
)
from tfcompress.flatbuffer.passes.share_constants import share_constants
from tfcompress.flatbuffer.passes.static_shapes import write_static_shapes
from tfcompress.flatbuffer.passes.substitute_ops import substitute_ops
from tfcompress.flatbuffer.passes.symmetric_operands import symmetric_operands
from tfcompress.flatbuffer.passes.tie_ranges import tie_ranges
from tfcompress.flatbuffer.serialization import read_graph, write_graph

Quantization = Literal["float32", "float16", "dynamic", "int8", "int16x8"]
InOut = Literal["int8", "uint8", "int16", "float32"]
Advance = Callable[[int], None]

FUSED_LSTM = ("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM")
"""Ops that keep values inside which need a range."""

NOTE = "CONVERSION_METADATA"
"""Where the converter notes in a file which version made it."""


def run_converter(
    folder: Path,
    flags: ConverterFlags,
    quantization: Quantization,
    io: InOut,
    calibration: Calibration | None,
    method: Method,
    mixture: Mixture,
    extra_ops: bool,
    requantize: bool,
    advance: Advance,
    losses: list[Loss] | None = None,
) -> bytes:
    """Convert a SavedModel; builtin ops only, unless asked for others, so that every runtime can run the file.

    Args:
        folder: The SavedModel.
        flags: What the converter is told.
        quantization: The kind of file.
        io: Type of inputs and outputs of an integer file.
        calibration: Samples; needed for an integer file unless the model carries its ranges.
        method: How ranges follow from the samples.
        mixture: Which layers of an integer file are in another type than the rest.
        extra_ops: Whether ops of TensorFlow may go along as Flex ops.
        requantize: Whether int8 becomes int16 in one op, which young runtimes alone have.
        advance: Called with the number of samples that were run.
        losses: Takes what integers lose.

    Raises:
        ConversionError: the converter gives up; the message holds its words.
    """
    try:
        if calibration is not None and quantization in ("int8", "int16x8"):
            return _calibrated(
                folder, flags, quantization, io, calibration, method, mixture, requantize, advance, losses
            )
        file = _trained(folder, io) if quantization == "int8" else _converted(flags)
        name_lstms(file.main, mixture.lstm_scopes)
        name_outputs(file.main, mixture.output_names)
        return _written(file)
    except TfcompressError:
        raise
    except Exception as error:
        if foreign := _foreign(str(error)):
            named = [f"{kind} ({mixture.layer(name)})" for kind, name in foreign]
            raise ConversionError(
                "Every op must have a TFLite builtin form.",
                received=", ".join(dict.fromkeys(named)),
                todo=" ".join(advice(kind for kind, _ in foreign)) or "Replace the layer, or ask for extra_ops.",
            ) from error
        raise ConversionError(
            f"TensorFlow's converter must accept the model for {quantization!r}.",
            received=_reason(str(error)),
            todo="The op named there has no TFLite builtin form: replace the layer that makes it.",
        ) from error


def _converted(flags: ConverterFlags) -> EditableFile:
    file = read_graph(to_flatbuffer(flags))
    share_constants(file)
    file.metadata.append((NOTE, np.frombuffer(flags.note, np.uint8)))
    return file


def _trained(folder: Path, io: InOut) -> EditableFile:
    """Have the converter quantize a model that carries its ranges."""
    import tensorflow as tf

    converter = _converter(folder)
    converter.inference_input_type = converter.inference_output_type = tf.dtypes.as_dtype(io)
    return read_graph(bytes(converter.convert()))


def _with_ranges_inside(folder: Path, calibration: Calibration) -> EditableFile:
    """Convert to float, with ranges that the converter's own calibration measures: it alone sees inside an LSTM."""
    import tensorflow as tf

    converter = _converter(folder)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: iter(calibration)
    converter._experimental_calibrate_only = True
    with warnings.catch_warnings():
        # The converter calibrates with the interpreter whose end it announces itself.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated", category=UserWarning)
        return read_graph(bytes(converter.convert()))


def _converter(folder: Path) -> Any:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=["serving_default"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter


def _calibrated(
    folder: Path,
    flags: ConverterFlags,
    quantization: Quantization,
    io: InOut,
    calibration: Calibration,
    method: Method,
    mixture: Mixture,
    requantize: bool,
    advance: Advance,
    losses: list[Loss] | None,
) -> bytes:
    """Convert to float, measure ranges, quantize: the three steps of the converter, with our own in the middle."""
    file = _converted(flags)
    if not has_one_graph(file):
        raise ConversionError(
            "An integer file has no loops and no branches: their bodies cannot be calibrated.",
            received="tf.while_loop or tf.cond in the model",
            todo="LSTM, GRU and SimpleRNN are unrolled for you; write other loops in Python, over a known length.",
        )
    await_ranges(file)
    if any(op.kind in FUSED_LSTM for op in file.main.ops):
        file = _with_ranges_inside(folder, calibration)
    name_lstms(file.main, mixture.lstm_scopes)
    name_outputs(file.main, mixture.output_names)
    whole, asked = quantization == "int16x8", cache(mixture.kind)
    raised: set[str] = set()

    shields: dict[str, Op] = {}

    def kind(name: str) -> Kind:
        if name in shields:
            return kind(shields[name].name)
        # The quantizer puts a digit behind the name of a float whose integers are an output of the model.
        is_raised = name in raised or (name[-1:].isdigit() and name[:-1] in raised)
        return "int16" if is_raised and asked(name) == "int8" else asked(name)

    def is_apart(op: Op) -> bool:
        return kind(op.name) != "int8"

    skip_floats(file.main)
    # New values await ranges like all others, so ops are substituted before calibration.
    substitute_ops(file.main, lambda op: not whole and is_apart(op), fuse_relu=not whole)
    _require_ops(mixture, {op.name for op in file.main.ops})
    measured = partial(
        calibrate,
        file,
        calibration,
        method,
        fine=lambda name: whole or kind(name) == "int16",
        in_float=lambda name: kind(name) == "float",
    )
    drawn: dict[Value, np.ndarray] = {}
    means = measured(advance=advance, drawn=drawn)
    if not whole:
        beyond = [op for op in beyond_int8(file.main, drawn) if kind(op.name) == "int8"]
        raised |= {op.name for op in beyond}
        raised |= {*free_scales(file.main, [op for op in file.main.ops if _leaves_int16(op, kind)])}
    if losses is not None:
        losses += quantization_losses(
            file.main,
            drawn,
            lambda op: (kind(op.name) != "float") if whole else kind(op.name) == "int8",
            whole_int16=whole,
        )
    limit_masks(file.main, drawn)
    new = int16_forms(file.main, lambda op: kind(op.name) == "int16" or (whole and kind(op.name) != "float"))
    if new:
        raised |= {value.name for value in new}
        measured(only=new)
    layers = float_layers(file.main)  # what bias correction needs, before the weights are rounded
    if not whole:
        requantize_narrow(file.main, is_apart)
        shields |= shield_scales(file.main, is_apart)
        tie_ranges(file.main, is_apart)
        symmetric_operands(file.main, is_apart)
    ranges = {value.name: value.range for value in file.main.values if value.range is not None}
    if whole:
        quantize_int16(file.main, ranges, lambda op: kind(op.name) != "float", io=io == "int16")
    else:
        denied = {op.name for op in file.main.ops if is_apart(op)}
        file = read_graph(quantize_to_int8(write_graph(file), flags, denied))
        bypass_int8(file.main, lambda op: op.kind not in ("QUANTIZE", "DEQUANTIZE") and is_apart(op))
        as_quantize(file.main)
        drop_shields(file.main)
        quantize_int16(file.main, ranges, lambda op: kind(op.name) == "int16", requantize=requantize)
        read_directly(file.main)
    requantize_copied_constants(file.main)
    quantize_integers(file.main)
    compare_integers(file.main)
    correct_biases(file.main, layers, means)
    file.main.drop_unused()
    return _written(file)


def _leaves_int16(op: Op, kind: Callable[[str], Kind]) -> bool:
    """Tell whether an op is to be in int16, and somebody reads it in int8."""
    if not op.outputs or kind(op.name) != "int16":
        return False
    readers = op.outputs[0].readers
    return not readers or any(kind(reader.name) == "int8" for reader in readers)


def _written(file: EditableFile) -> bytes:
    write_static_shapes(file.main)
    return write_graph(file)


def _require_ops(mixture: Mixture, results: set[str]) -> None:
    idle = mixture.idle(results)
    if idle:
        raise SelectionError(
            "Layers for keep_float and keep_int16 must have an op in the file.",
            received=", ".join(idle),
            todo="A layer such as Dropout does nothing in a .tflite, and a BatchNormalization becomes part of the "
            "convolution before it: name that one.",
        )


def _foreign(text: str) -> list[tuple[str, str]]:
    """Return (op, name of its node) for what the converter found no TFLite form for."""
    found = re.findall(r'fused\["(\w+):", "([^"@]+)', "".join(re.findall(r"error: loc.*", text)))
    return list(dict.fromkeys(pair for pair in found if not pair[0].endswith("PartitionedCall")))


def _reason(text: str) -> str:
    """Keep the lines of a converter error that say something; the rest are stack traces of the compiler."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    signs = ("error:", "failed to legalize", "is neither a custom")
    telling = [line for line in lines if any(sign in line for sign in signs)]
    return " | ".join(dict.fromkeys(line[:300] for line in (telling or lines)[:4])) or "no message"
