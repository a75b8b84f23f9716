"""TensorFlow's converter, called in one way for each kind of quantization.

In: a SavedModel folder with one static signature, and samples where the kind needs them. Out: the bytes of a .tflite.
Source: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization
Runs in the worker's process. Knows nothing of Keras, and does not look at what comes out.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from tfcompress.conversion.advice import advice
from tfcompress.conversion.bias_correction import correct_biases
from tfcompress.conversion.calibration import calibrate, has_one_graph, hides_values, ranges_of
from tfcompress.conversion.int16 import to_int16
from tfcompress.conversion.mixture import Mixture
from tfcompress.conversion.ranges import Method
from tfcompress.conversion.samples import Calibration
from tfcompress.conversion.substitutes import with_integer_kernels
from tfcompress.conversion.symmetric_operands import with_symmetric_operands
from tfcompress.errors import ConversionError, SelectionError, TfcompressError
from tfcompress.flatbuffer.model import TFLiteModel
from tfcompress.flatbuffer.rewrite import name_outputs

Quantization = Literal["float32", "float16", "dynamic", "int8", "int16x8"]
InOut = Literal["int8", "uint8", "int16", "float32"]
Advance = Callable[[int], None]


def run_converter(
    folder: Path,
    quantization: Quantization,
    io: InOut,
    calibration: Calibration | None,
    method: Method,
    mixture: Mixture,
    extra_ops: bool,
    requantize: bool,
    advance: Advance,
) -> bytes:
    """Convert a SavedModel; builtin ops only, unless asked for others, so that every runtime can run the file.

    Args:
        folder: The SavedModel.
        quantization: The kind of file.
        io: Type of inputs and outputs of an integer file.
        calibration: Samples; needed for an integer file unless the model carries its ranges.
        method: How ranges follow from the samples.
        mixture: Which layers of an integer file are in another type than the rest.
        extra_ops: Whether ops of TensorFlow may go along as Flex ops.
        requantize: Whether int8 becomes int16 in one op, which young runtimes alone have.
        advance: Called with the number of samples that were run.

    Raises:
        ConversionError: the converter gives up; the message holds its words.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=["serving_default"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if extra_ops:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    if quantization != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    # The converter wants samples for the set of int8 ops even where the graph holds the ranges.
    if quantization in ("int8", "int16x8") and calibration is not None:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if quantization == "int8":
        converter.inference_input_type = converter.inference_output_type = tf.dtypes.as_dtype(io)
    try:
        with warnings.catch_warnings():
            # The converter calibrates with the interpreter whose end it announces itself.
            warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated", category=UserWarning)
            if calibration is not None and quantization in ("int8", "int16x8"):
                return _calibrated(converter, quantization, io, calibration, method, mixture, requantize, advance)
            return name_outputs(bytes(converter.convert()), mixture.output_names)
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


def _calibrated(
    converter: Any,
    quantization: Quantization,
    io: InOut,
    calibration: Calibration,
    method: Method,
    mixture: Mixture,
    requantize: bool,
    advance: Advance,
) -> bytes:
    """Convert to float, measure ranges, quantize: the three steps of the converter, with our own in the middle."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    converter.representative_dataset = lambda: iter([next(iter(calibration))])
    converter._experimental_calibrate_only = True
    waiting = bytes(converter.convert())
    if not has_one_graph(waiting):
        raise ConversionError(
            "An integer file has no loops and no branches: their bodies cannot be calibrated.",
            received="tf.while_loop or tf.cond in the model",
            todo="LSTM, GRU and SimpleRNN are unrolled for you; write other loops in Python, over a known length.",
        )
    if hides_values(waiting):  # what a fused LSTM keeps inside only the converter's own calibration sees
        converter.representative_dataset = lambda: iter(calibration)
        waiting = bytes(converter.convert())
    waiting = name_outputs(waiting, mixture.output_names)
    whole = quantization == "int16x8"
    waiting = with_integer_kernels(waiting, lambda name: not whole and mixture.kind(name) != "int8", rectify=not whole)
    results = {op.outputs[0].name for op in TFLiteModel(waiting).ops}
    _require_ops(mixture, results)
    kinds = {name: mixture.kind(name) for name in results}
    apart = {name for name, kind in kinds.items() if kind != "int8"}
    measured, means = calibrate(
        waiting,
        calibration,
        method,
        advance,
        fine=lambda name: whole or kinds.get(name) == "int16",
        in_float=lambda name: kinds.get(name) == "float",
    )
    if not whole:
        measured = with_symmetric_operands(measured, apart)
    ranges = ranges_of(measured)
    if whole:
        made = to_int16(measured, ranges, lambda name: kinds.get(name) != "float", ends=io == "int16")
        return correct_biases(made, waiting, means)
    inside = tf.dtypes.as_dtype(io)
    content = bytes(
        mlir_quantize(measured, input_data_type=inside, output_data_type=inside, denylisted_nodes=apart or None)
    )
    made = to_int16(content, ranges, lambda name: mixture.kind(name) == "int16", requantize=requantize)
    return correct_biases(made, waiting, means)


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
