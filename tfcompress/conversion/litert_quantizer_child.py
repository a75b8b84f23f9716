"""The process in which litert-quantizer runs, and the only file that imports it.

In: a request of `quantize`: a folder with a float .tflite and, for "int8", samples. Out: the quantized file in the
folder. Its own calibration takes a moving average of what each sample ranges over, which costs accuracy; the ranges
here are those of `calibration`.
Source: https://github.com/google-ai-edge/LiteRT/tree/main/litert_quantizer
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress.console import Advance
from tfcompress.conversion.calibration import has_one_graph, hides_values
from tfcompress.conversion.converter_process import BITS, OUTPUT, advance_by
from tfcompress.conversion.flash_budget import budget_of
from tfcompress.conversion.observers import measure
from tfcompress.conversion.pipelines import Conversion, run
from tfcompress.conversion.samples import Calibration
from tfcompress.conversion.weight_bits import FlashBudget, bits_to_json
from tfcompress.errors import ConversionError, TfcompressError
from tfcompress.isolation.serve_requests import Answer, Tell
from tfcompress.litert.graph import EditableFile, Graph, Op, Signature
from tfcompress.litert.serialization import OP_KINDS, read_graph, write_graph

INT8 = {"activation_num_bits": 8, "weight_num_bits": 8}

INPUT = "float.tflite"
BATCH = "batch"
"""The folder inside the folder that holds samples of which the outputs are wanted."""


Places = tuple[str, list[tuple[str, int]], list[tuple[str, int]]]
"""A signature's name, and the places of inputs and outputs by name."""


def start() -> Answer:
    """Return what answers requests."""
    return _answer


def _answer(request: dict[str, Any], tell: Tell) -> None:
    content = _output_extremes(request) if "extremes" in request else _quantize(request, advance_by(tell))
    Path(request["folder"], OUTPUT).write_bytes(content)


def _quantize(request: dict[str, Any], advance: Advance) -> bytes:
    folder, kind = Path(request["folder"]), request["quantization"]
    scopes, eight = tuple(request["float_scopes"]), request["int8_names"]
    file = _as_it_reads_files((folder / INPUT).read_bytes())
    try:
        if kind not in ("int8", "int8x4"):
            return write_graph(_quantized(file, kind, scopes, None))
        _require_measurable(file)
        own = _places(file.main)
        _sign(file)

        def quantizer(made: Conversion) -> EditableFile:
            apart = [op for op in made.file.main.ops if op.outputs and made.is_apart(op)]
            return _quantized(made.file, "int8", [_scope(op) for op in apart], made.ranges)

        conversion = Conversion(
            file,
            asked=lambda name: "float" if f"{name};".startswith(scopes) else "int8",
            quantizer=quantizer,
            has_int8=_has_int8,
            calibration=Calibration.from_dict(request["calibration"], folder),
            method=request["method"],
            advance=advance,
            weights="int4" if kind == "int8x4" else "int8",
            keeps_int8=None if eight is None else frozenset(eight).__contains__,
            recover=request["recover"],
            budget=_budget(request["flash"]),
        )
        run("file", conversion)
        _sign_as(conversion.file.main, own)
        (folder / BITS).write_text(json.dumps(bits_to_json(conversion.budget.bits if conversion.budget else {})))
        return write_graph(conversion.file)
    except TfcompressError:
        raise
    except Exception as error:
        raise ConversionError(
            f"litert-quantizer must accept the file for {kind!r}.",
            received=f"{type(error).__name__}: {' '.join(str(error).split())[:400]}",
            hint="Leave what is named there in float with keep_float=[…], or ask for 'dynamic'.",
        ) from error


def _budget(request: dict[str, Any] | None) -> FlashBudget | None:
    layers = request and request["layers"]
    return budget_of(request, lambda names: {name: layers[name] for name in names if name in layers})


def _quantized(
    file: EditableFile, kind: str, scopes: Iterable[str], ranges: Mapping[str, tuple[float, float]] | None
) -> EditableFile:
    """Have litert-quantizer quantize a file, for "int8" with ranges by tensor name."""
    from litert_quantizer.quantizer import Quantizer

    for value in file.main.values:
        if value.range is not None:
            value.quantization = None  # it takes a tensor with one for quantized
    quantizer = Quantizer(write_graph(file))
    _choose(quantizer, kind)
    for scope in scopes:
        quantizer.update_quantization_recipe(f"^{re.escape(scope)}", "*", algorithm_key="no_quantize")
    measured = ranges and {
        name: {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}
        for name, (low, high) in ranges.items()
    }
    return read_graph(bytes(quantizer.quantize(measured, enable_progress_report=False).quantized_model))


def _output_extremes(request: dict[str, Any]) -> bytes:
    """Return the extremes of each output of the float file on a batch, as JSON."""
    folder = Path(request["folder"])
    part = Calibration.from_dict(request["extremes"], folder / BATCH)
    file = _as_it_reads_files((folder / INPUT).read_bytes())
    _require_measurable(file)
    _sign(file)
    outputs = file.main.outputs
    floats = [value for value in outputs if value.dtype == "float32" and value not in file.main.inputs]
    seen = measure(file, list(dict.fromkeys(floats)), part, lambda _: None)
    found = [(seen[value].low, seen[value].high) if value in seen else None for value in outputs]
    return json.dumps(found).encode()


def _require_measurable(file: EditableFile) -> None:
    if not has_one_graph(file) or hides_values(file):
        raise ConversionError(
            "Ranges are measured in files of one graph.",
            received="control flow, or a recurrent layer with values inside its op",
            hint="Ask for 'dynamic', which needs no ranges, or convert the Keras model with tfcompress.convert.",
        )


def _sign(file: EditableFile) -> None:
    """Give a file the one signature that calibration knows: input_0, … in the order of samples, and output_0, …."""
    graph = file.main
    sides = [
        [(f"{kind}_{i}", value) for i, value in enumerate(side)]
        for kind, side in (("input", graph.inputs), ("output", graph.outputs))
    ]
    graph.signatures = [Signature("serving_default", *sides)]
    for other in file.graphs[1:]:
        other.signatures = []


def _places(graph: Graph) -> list[Places]:
    """Return the signatures of a graph, with the places of inputs and outputs instead of the values."""
    return [
        (
            one.key,
            [(name, graph.inputs.index(value)) for name, value in one.inputs],
            [(name, graph.outputs.index(value)) for name, value in one.outputs],
        )
        for one in graph.signatures
    ]


def _sign_as(graph: Graph, own: list[Places]) -> None:
    """Give a graph that `_sign` has signed the signatures of before."""
    (signed,) = graph.signatures
    inputs, outputs = dict(signed.inputs), dict(signed.outputs)
    graph.signatures = [
        Signature(
            key,
            [(name, inputs[f"input_{place}"]) for name, place in reads],
            [(name, outputs[f"output_{place}"]) for name, place in writes],
        )
        for key, reads, writes in own
    ]


def _scope(op: Op) -> str:
    """Return how litert-quantizer calls an op: by all that it writes."""
    return "".join(f"{value.name};" for value in op.outputs)


def _has_int8(op: Op) -> bool:
    """Tell whether litert-quantizer has an int8 form of an op; those without floats need none."""
    floats = any(value is not None and value.dtype == "float32" for value in (*op.inputs, *op.outputs))
    return not floats or op.kind in _int8_ops()


@cache
def _int8_ops() -> frozenset[str]:
    from litert_quantizer.qtyping import TFLOperationName
    from litert_quantizer.recipe_manager import AlgorithmName, RecipeManager
    from litert_quantizer.utils.tfl_flatbuffer_utils import TFL_OP_NAME_TO_CODE

    recipes = RecipeManager()
    recipes.add_static_config(".*", "*", **INT8)
    found = {op: recipes.get_quantization_configs(op, "")[0] for op in TFLOperationName}
    known = [op for op, algorithm in found.items() if algorithm != AlgorithmName.NO_QUANTIZE]
    # By their codes: it calls TRANSPOSE_CONV by another name than the schema does.
    return frozenset(OP_KINDS[TFL_OP_NAME_TO_CODE[op]] for op in known if op in TFL_OP_NAME_TO_CODE)


def _choose(quantizer: Any, kind: str) -> None:
    """Tell litert-quantizer what to do with every op that it knows."""
    if kind == "int8":
        quantizer.add_static_config(".*", "*", **INT8)
    elif kind == "dynamic":
        quantizer.add_dynamic_config(".*", "*", num_bits=8)
    elif kind == "float16":
        quantizer.add_weight_only_config(".*", "*", num_bits=16, algorithm_key="float_casting")
    else:
        quantizer.add_weight_only_config(".*", "*", num_bits={"weight_only_int8": 8, "weight_only_int4": 4}[kind])


def _as_it_reads_files(content: bytes) -> EditableFile:
    """Number tensors of one name, as litert-quantizer finds them by name; and write the file as it is written today.

    It reads the kinds of ops of files from before 2020 as ADD, what lies behind the flatbuffer not everywhere, and a
    list of signatures that is left out not at all.
    """
    file = read_graph(content)
    taken: set[str] = set()
    for graph in file.graphs:
        for index, value in enumerate(graph.values):
            name, number = value.name, index
            value.name = name if name else f"tensor_{index}"
            while value.name in taken:
                value.name, number = f"{name}_tensor_{number}", number + len(graph.values)
            taken.add(value.name)
    return file
