"""The process in which ai-edge-quantizer runs, and the only file that imports it.

In: a request of `quantize`: a folder with a float .tflite and, for "int8", samples. Out: the quantized file in the
folder. Its own calibration takes a moving average of what each sample ranges
over, which costs accuracy; the ranges here are those of `calibration`.
Source: https://github.com/google-ai-edge/ai-edge-quantizer
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.conversion.bias_correction import correct_biases
from tfcompress.conversion.calibration import calibrate, has_one_graph, hides_values, measure, ranges_of
from tfcompress.conversion.converter_process import OUTPUT
from tfcompress.conversion.samples import Calibration
from tfcompress.conversion.substitutes import with_integer_kernels
from tfcompress.errors import ConversionError, TfcompressError
from tfcompress.flatbuffer.model import TFLiteModel
from tfcompress.flatbuffer.packing import pack, unpack
from tfcompress.isolation.serve import Answer, Tell

INPUT = "float.tflite"
BATCH = "batch"
"""The folder inside the folder that holds samples of which the outputs are wanted."""


def start() -> Answer:
    """Return what answers requests."""
    return _answer


def _answer(request: dict[str, Any], tell: Tell) -> None:
    content = _output_extremes(request) if "extremes" in request else _quantize(request, tell)
    Path(request["folder"], OUTPUT).write_bytes(content)


def _quantize(request: dict[str, Any], advance: Callable[[int], None]) -> bytes:
    from ai_edge_quantizer.quantizer import Quantizer

    folder, kind = Path(request["folder"]), request["quantization"]
    content = _as_it_reads_files((folder / INPUT).read_bytes())
    try:
        ranges, means = None, {}
        if kind == "int8":
            scopes = tuple(request["float_scopes"])

            def is_kept(name: str) -> bool:
                return f"{name};".startswith(scopes)

            content = with_integer_kernels(content, is_kept=is_kept)
            calibration = Calibration.from_dict(request["calibration"], folder)
            ranges, means = _measured(content, calibration, request["method"], advance, is_kept)
        quantizer = Quantizer(content)
        _choose(quantizer, kind)
        for scope in request["float_scopes"]:
            quantizer.update_quantization_recipe(f"^{re.escape(scope)}", "*", algorithm_key="no_quantize")
        made = bytes(quantizer.quantize(ranges, enable_progress_report=False).quantized_model)
        return correct_biases(made, content, means)
    except TfcompressError:
        raise
    except Exception as error:
        raise ConversionError(
            f"ai-edge-quantizer must accept the file for {kind!r}.",
            received=f"{type(error).__name__}: {' '.join(str(error).split())[:400]}",
            todo="Leave what is named there in float with keep_float=[…], or ask for 'dynamic'.",
        ) from error


def _output_extremes(request: dict[str, Any]) -> bytes:
    """Return the extremes of each output of the float file on a batch, as JSON."""
    folder = Path(request["folder"])
    part = Calibration.from_dict(request["extremes"], folder / BATCH)
    content = _as_it_reads_files((folder / INPUT).read_bytes())
    _require_measurable(content)
    model = unpack(content)
    _sign(model)
    graph = model.subgraphs[0]
    floats = [int(index) for index in graph.outputs if graph.tensors[index].type == schema.TensorType.FLOAT32]
    seen = measure(pack(model), [index for index in floats if index not in graph.inputs], part, lambda _: None)
    found = [(seen[i].low, seen[i].high) if i in seen else None for i in map(int, graph.outputs)]
    return json.dumps(found).encode()


def _require_measurable(content: bytes) -> None:
    if not has_one_graph(content) or hides_values(content):
        raise ConversionError(
            "Ranges are measured in files of one graph.",
            received="control flow, or a recurrent layer with values inside its op",
            todo="Ask for 'dynamic', which needs no ranges, or convert the Keras model with tfcompress.convert.",
        )


def _sign(model: schema.ModelT) -> None:
    """Give a file the one signature that calibration knows: input_0, … in the order of samples, and output_0, …."""
    graph = model.subgraphs[0]
    indices = [index for index, _ in TFLiteModel(pack(model)).bound_inputs]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    # By position: tensors without a name of their own have got one.
    signature.inputs = [_named(f"input_{i}", index) for i, index in enumerate(indices)]
    signature.outputs = [_named(f"output_{i}", index) for i, index in enumerate(graph.outputs)]
    model.signatureDefs = [signature]


def _choose(quantizer: Any, kind: str) -> None:
    """Tell ai-edge-quantizer what to do with every op that it knows."""
    if kind == "int8":
        quantizer.add_static_config(".*", "*", activation_num_bits=8, weight_num_bits=8)
    elif kind == "dynamic":
        quantizer.add_dynamic_config(".*", "*", num_bits=8)
    elif kind == "float16":
        quantizer.add_weight_only_config(".*", "*", num_bits=16, algorithm_key="float_casting")
    else:
        quantizer.add_weight_only_config(".*", "*", num_bits={"weight_only_int8": 8, "weight_only_int4": 4}[kind])


def _measured(
    content: bytes,
    calibration: Calibration,
    method: str,
    advance: Callable[[int], None],
    is_kept: Callable[[str], bool],
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """Measure the range of every float activation, as ai-edge-quantizer takes them, and means, by tensor name."""
    _require_measurable(content)
    model = unpack(content)
    graph = model.subgraphs[0]
    written = {int(index) for op in graph.operators for index in op.outputs} | {*map(int, graph.inputs)}
    for index in sorted(written - {-1}):
        tensor = graph.tensors[index]
        if tensor.type == schema.TensorType.FLOAT32:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.min = tensor.quantization.max = [0.0]  # waits for a range
    _sign(model)
    measured, means = calibrate(pack(model), calibration, method, advance, in_float=is_kept)
    return {
        name: {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}
        for name, (low, high) in ranges_of(measured).items()
    }, means


def _named(name: str, index: int) -> schema.TensorMapT:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, int(index)
    return entry


def _as_it_reads_files(content: bytes) -> bytes:
    """Number tensors of one name, as ai-edge-quantizer finds them by name; and write the file as it is written today.

    It reads the kinds of ops of files from before 2020 as ADD, what lies behind the flatbuffer not everywhere, and a
    list of signatures that is left out not at all.
    """
    model = unpack(content)
    model.signatureDefs = model.signatureDefs or []
    taken: set[bytes] = set()
    for graph in model.subgraphs:
        for index, tensor in enumerate(graph.tensors):
            name, number = tensor.name or b"", index
            tensor.name = name if name else f"tensor_{index}".encode()
            while tensor.name in taken:
                tensor.name, number = name + f"_tensor_{number}".encode(), number + len(graph.tensors)
            taken.add(tensor.name)
    return pack(model)
