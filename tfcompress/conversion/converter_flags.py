"""What TensorFlow's converter is told, as its own Python side puts it.

In: a SavedModel folder and a kind of quantization. Out: `ConverterFlags`, from which the converter's library works
alone in another process. All that is not asked for here has the value that `tf.lite.TFLiteConverter` gives it in the
version that is installed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import flatbuffers


@dataclass(frozen=True)
class ConverterFlags:
    """Serialised settings of one conversion."""

    model: bytes
    """Where the SavedModel is."""
    conversion: bytes
    each_function_once: bytes
    """The same for a second try, with functions copied for each of their calls."""
    note: bytes
    """What the converter writes into a file of itself, under `NOTE`."""
    inference_type: int
    """How the quantizer numbers int8 arithmetic, and the type of inputs and outputs."""
    io_type: int

    def to_dict(self) -> dict[str, Any]:
        """Return what another process needs."""
        return asdict(self)


def converter_flags(
    folder: Path, quantization: str, io: str, *, calibrated: bool, extra_ops: bool, model_hash: int
) -> ConverterFlags:
    """Return the settings for one conversion of a SavedModel.

    Args:
        folder: The SavedModel.
        quantization: The kind of file.
        io: Type of inputs and outputs.
        calibrated: Whether the file comes out in float, to be measured on samples and quantized afterwards.
        extra_ops: Whether ops of TensorFlow may go along as Flex ops.
        model_hash: A number for the model, which the converter notes in the file.
    """
    import tensorflow as tf

    lite, front = (import_module(f"tensorflow.lite.python.{name}") for name in ("lite", "convert"))
    base = lite.TFLiteSavedModelConverterV2
    base._set_original_model_type(lite.conversion_metadata_fb.ModelType.TF_SAVED_MODEL)
    converter = base(str(folder), {tf.saved_model.SERVING}, ["serving_default"])
    builtin = tf.lite.OpsSet.TFLITE_BUILTINS_INT8 if calibrated else tf.lite.OpsSet.TFLITE_BUILTINS
    converter.target_spec.supported_ops = [builtin, *([tf.lite.OpsSet.SELECT_TF_OPS] if extra_ops else [])]
    if quantization != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if calibrated:
        converter.representative_dataset = lambda: iter(())
    # A graph with the fake quants of training is told by its ops.
    saved = None if calibrated else lite._parse_saved_model_with_debug_info(str(folder))[0]
    graph = saved and saved.meta_graphs[0].graph_def
    converter._save_conversion_params_metric(graph)
    settings = {
        "enable_tflite_resource_variables": converter.experimental_enable_resource_variables,
        **converter._get_base_converter_args(),
        **_quantization_mode(lite, converter, graph).converter_flags(),
    }
    flags = front.build_conversion_flags(**settings)
    conversion = flags.SerializeToString()
    flags.guarantee_all_funcs_one_use = True
    return ConverterFlags(
        front.build_model_flags(**settings).SerializeToString(),
        conversion,
        flags.SerializeToString(),
        _note(converter._metadata, model_hash),
        front._types_pb2.QUANTIZED_INT8,
        front.convert_tensor_tf_type_to_tflite_type(tf.dtypes.as_dtype(io)),
    )


def _quantization_mode(lite: Any, converter: Any, graph: Any) -> Any:
    return lite.QuantizationMode(
        converter.optimizations,
        converter.target_spec,
        converter.representative_dataset,
        graph,
        converter._experimental_disable_per_channel,
        converter.experimental_new_dynamic_range_quantizer,
        converter._experimental_low_bit_qat,
        converter._experimental_full_integer_quantization_bias_type,
        converter._experimental_variable_quantization,
        converter._experimental_strict_qdq,
    )


def _note(metadata: Any, model_hash: int) -> bytes:
    metadata.environment.modelHash = model_hash
    builder = flatbuffers.Builder(0)
    builder.Finish(metadata.Pack(builder))
    return bytes(builder.Output())
