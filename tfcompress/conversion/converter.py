"""TensorFlow's converter, called in one way for each kind of quantization.

In: a SavedModel folder with one static signature, and samples where the kind needs them. Out: the bytes of a .tflite.
Source: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization
Runs in the worker's process.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tfcompress.conversion.advice import advice
from tfcompress.conversion.calibration import await_ranges, has_one_graph
from tfcompress.conversion.converter_flags import ConverterFlags
from tfcompress.conversion.converter_library import quantize_to_int8, to_flatbuffer
from tfcompress.conversion.pipelines import Conversion, run
from tfcompress.conversion.precision_plan import Kind, PrecisionPlan
from tfcompress.conversion.quantization_losses import Loss
from tfcompress.conversion.range_estimators import Method
from tfcompress.conversion.samples import Calibration
from tfcompress.conversion.weight_bits import FlashBudget
from tfcompress.errors import ConversionError, SelectionError, TfcompressError
from tfcompress.litert.graph import EditableFile
from tfcompress.litert.passes.mark_names import mark_names, unmark_names
from tfcompress.litert.passes.name_lstms import name_lstms
from tfcompress.litert.passes.name_outputs import name_outputs
from tfcompress.litert.passes.share_constants import share_constants
from tfcompress.litert.passes.static_shapes import write_static_shapes
from tfcompress.litert.serialization import read_graph, write_graph
from tfcompress.scheme import Scheme
from tfcompress.typing import InOut

Advance = Callable[[int], None]
CellRanges = Mapping[str, Mapping[str, tuple[float, float]]]

FUSED_LSTM = ("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM")
"""Ops that keep values inside which need a range."""

NOTE = "CONVERSION_METADATA"
"""Where the converter notes in a file which version made it."""


def run_converter(
    folder: Path,
    flags: ConverterFlags,
    scheme: Scheme,
    io: InOut,
    calibration: Calibration | None,
    method: Method,
    mixture: PrecisionPlan,
    extra_ops: bool,
    requantize: bool,
    cell_ranges: CellRanges,
    advance: Advance,
    losses: list[Loss] | None = None,
    recover: bool = False,
    budget: FlashBudget | None = None,
) -> bytes:
    """Convert a SavedModel; builtin ops only, unless asked for others, so that every runtime can run the file.

    Args:
        folder: The SavedModel.
        flags: What the converter is told.
        scheme: The kind of file.
        io: Type of inputs and outputs of an integer file.
        calibration: Samples; needed for an integer file unless the model carries its ranges.
        method: How ranges follow from the samples.
        mixture: Which layers of an integer file are in another type than the rest.
        extra_ops: Whether ops of TensorFlow may go along as Flex ops.
        requantize: Whether int8 becomes int16 in one op, which young runtimes alone have.
        cell_ranges: The trained ranges of the cells of fused LSTMs, by layer and by the name scope of the op.
        advance: Called with the number of samples that were run.
        losses: Takes what integers lose.
        recover: Whether the rounding of weights is learned.
        budget: What the finished file may take; gets the bits that were chosen so that it fits.

    Raises:
        ConversionError: the converter gives up; the message holds its words.
    """
    try:
        file, pipeline = _converted(flags), {"int8": "int8", "int16": "int16x8"}.get(scheme.activations, "")
        if pipeline and calibration is not None:
            file = _awaiting_ranges(file, folder, calibration)
        elif pipeline:
            pipeline = "trained"
        name_lstms(file.main, mixture.lstm_scopes)
        name_outputs(file.main, mixture.output_names)  # first, as names tell the layer of an op
        if pipeline:
            conversion = Conversion(
                file,
                asked=_trained_kind(mixture) if pipeline == "trained" else mixture.kind,
                quantizer=lambda made: _in_int8(made, flags),
                layer=mixture.layer,
                io=io,
                requantize=requantize,
                calibration=calibration,
                method=method,
                advance=advance,
                cell_range=_cell_range(mixture, cell_ranges),
                weights="int4" if scheme.weights == "int4" else "int8",
                keeps_int8=None if mixture.keep_int8 is None else mixture.keeps_int8,
                recover=recover,
                budget=budget,
                losses=losses,
            )
            if pipeline != "trained":
                _require_ops(mixture, {op.name for op in file.main.ops})
            run(pipeline, conversion)
            file = conversion.file
        write_static_shapes(file.main)
        return write_graph(file)
    except TfcompressError:
        raise
    except Exception as error:
        if foreign := _foreign(str(error)):
            named = [f"{kind} ({mixture.layer(name)})" for kind, name in foreign]
            raise ConversionError(
                "Every op must have a TFLite builtin form.",
                received=", ".join(dict.fromkeys(named)),
                hint=" ".join(advice(kind for kind, _ in foreign)) or "Replace the layer, or ask for extra_ops.",
            ) from error
        raise ConversionError(
            f"TensorFlow's converter must accept the model for {scheme.name!r}.",
            received=_reason(str(error)),
            hint="The op named there has no TFLite builtin form: replace the layer that makes it.",
        ) from error


def _converted(flags: ConverterFlags) -> EditableFile:
    file = read_graph(to_flatbuffer(flags))
    share_constants(file)
    file.metadata.append((NOTE, np.frombuffer(flags.note, np.uint8)))
    return file


def _with_ranges_inside(folder: Path, calibration: Calibration) -> EditableFile:
    """Convert to float, with ranges that the converter's own calibration measures: it alone sees inside an LSTM."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=["serving_default"])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: iter(calibration)
    converter._experimental_calibrate_only = True
    with warnings.catch_warnings():
        # The converter calibrates with the interpreter whose end it announces itself.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated", category=UserWarning)
        return read_graph(bytes(converter.convert()))


def _awaiting_ranges(file: EditableFile, folder: Path, calibration: Calibration) -> EditableFile:
    """Return the float file with each activation marked that awaits a range."""
    if not has_one_graph(file):
        raise ConversionError(
            "An integer file has no loops and no branches: their bodies cannot be calibrated.",
            received="tf.while_loop or tf.cond in the model",
            hint="LSTM, GRU and SimpleRNN are unrolled for you; write other loops in Python, over a known length.",
        )
    if any(op.kind in FUSED_LSTM for op in file.main.ops):
        return _with_ranges_inside(folder, calibration)
    await_ranges(file)
    return file


def _in_int8(conversion: Conversion, flags: ConverterFlags) -> EditableFile:
    """Have the converter quantize a file with ranges, all ops but those that are apart."""
    apart = [op for op in conversion.file.main.ops if conversion.is_apart(op)]
    names = {op.name for op in apart}
    mark_names(conversion.file.main)
    made = read_graph(quantize_to_int8(write_graph(conversion.file), flags, {op.name for op in apart}))
    unmark_names(made.main, names)
    return made


def _trained_kind(mixture: PrecisionPlan) -> Callable[[str], Kind]:
    """Return what tells the layers that trained in float; what is in int16 the fake quants tell, and not names."""
    return lambda name: "float" if mixture.kind(name) == "float" else "int8"


def _cell_range(mixture: PrecisionPlan, ranges: CellRanges) -> Callable[[str], tuple[float, float]]:
    """Return what finds the range of a cell by the name of its LSTM's result."""

    def find(name: str) -> tuple[float, float]:
        inside = tuple(f"{path}/" for path in mixture.layers(name))
        for layer, scopes in ranges.items():
            for scope, (low, high) in scopes.items():
                if scope in name and any(path.startswith(f"{layer}/") for path in inside):
                    return low, high
        raise ConversionError(
            "A layer that trained quantized and becomes an LSTM in one op must tell the range of its cell.",
            received=mixture.layer(name),
            hint="Give it the attribute cell_ranges: (smallest, largest) by a name scope that it opens around the op.",
        )

    return find


def _require_ops(mixture: PrecisionPlan, results: set[str]) -> None:
    idle = mixture.idle(results)
    if idle:
        raise SelectionError(
            "Layers for keep_float, keep_int16 and keep_int8 must have an op in the file.",
            received=", ".join(idle),
            hint="A layer such as Dropout does nothing in a .tflite, and a BatchNormalization becomes part of the "
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
