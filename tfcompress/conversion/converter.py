"""TensorFlow's converter, called in one way for each kind of quantization.

In: a SavedModel folder with one static signature, and samples where the kind needs them. Out: the bytes of a .tflite.
Source: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization
Knows nothing of Keras, and does not look at what comes out.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

from tfcompress.conversion.samples import Calibration
from tfcompress.errors import ConversionError, TfcompressError

Quantization = Literal["float32", "float16", "dynamic", "int8"]
InOut = Literal["int8", "uint8", "float32"]


def run_converter(folder: Path, quantization: Quantization, io: InOut, calibration: Calibration | None) -> bytes:
    """Convert a SavedModel; builtin ops only, so that every runtime can run the file.

    Raises:
        ConversionError: the converter gives up; the message holds its words.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=["serving_default"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantization != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantization == "int8":
        if calibration is not None:  # the converter wants samples for this set even where the graph holds the ranges
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.dtypes.as_dtype(io)
        if calibration is not None:
            converter.representative_dataset = lambda: iter(calibration)
    try:
        with warnings.catch_warnings():
            # The converter calibrates with the interpreter whose end it announces itself.
            warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated", category=UserWarning)
            return bytes(converter.convert())
    except TfcompressError:
        raise
    except Exception as error:
        raise ConversionError(
            f"TensorFlow's converter must accept the model for {quantization!r}.",
            received=_reason(str(error)),
            todo="The op named there has no TFLite builtin form: replace the layer that makes it.",
        ) from error


def _reason(text: str) -> str:
    """Keep the lines of a converter error that say something; the rest are stack traces of the compiler."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [
        line for line in lines if "error:" in line or "failed to legalize" in line or "is neither a custom" in line
    ]
    return " | ".join(dict.fromkeys(line[:300] for line in (telling or lines)[:4])) or "no message"
