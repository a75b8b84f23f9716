"""An existing float .tflite file becomes a quantized one; no Keras model is needed.

In: a float file, from tfcompress or from elsewhere, and samples where ranges are needed. Out: a `TFLiteModel` that was
run once and, for "int8", proven.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from tfcompress.choices import require_choice
from tfcompress.console import progress, warn
from tfcompress.conversion.converter_process import BITS, ask_converter
from tfcompress.conversion.file_to_quantize import require_float_file, specs_to_measure
from tfcompress.conversion.finalize_file import begun_manifest, finalize_file
from tfcompress.conversion.input_output_ranges import Extremes, with_all_extremes
from tfcompress.conversion.layer_decisions import decisions, layer_of
from tfcompress.conversion.litert_quantizer_child import BATCH, INPUT
from tfcompress.conversion.oldest_runtime import runtime_entry
from tfcompress.conversion.proof import require_int4, require_integer, require_runs, runs_once
from tfcompress.conversion.samples import Calibration, write_samples
from tfcompress.conversion.weight_bits import bits_from_json, require_fitting, require_flash, tell_bits, with_bits
from tfcompress.data.data_forms import Data
from tfcompress.errors import (
    ConversionError,
    DataError,
    MissingPackageError,
    SelectionError,
    SettingError,
)
from tfcompress.isolation.child_process import ChildProcess
from tfcompress.litert.attached_files import attach, attached
from tfcompress.litert.tflite_model import OpFacts, TFLiteModel, as_tflite
from tfcompress.old_spellings import raise_if_recipe, tells_old_keywords
from tfcompress.selection import as_list, matches
from tfcompress.temporary_files import temporary_folder

Kind = Literal["int8", "int8x4", "dynamic", "weight_only_int8", "weight_only_int4", "float16"]

INTEGER = ("int8", "int8x4")

METHOD = "mse"
"""How ranges follow from samples, as by default in `convert`."""

PACKAGES = ("litert-quantizer", "ai-edge-litert", "numpy")


@tells_old_keywords
def quantize(
    tflite: TFLiteModel | str | PathLike[str],
    quantization: Kind = "int8",
    *,
    samples: Data | None = None,
    keep_float: str | Iterable[str] = (),
    keep_int8: str | Iterable[str] | None = None,
    recover: bool = False,
    flash: int | None = None,
) -> TFLiteModel:
    """Quantize a float .tflite file, from wherever it comes.

    Args:
        tflite: The float file, as a `TFLiteModel` or as a path.
        quantization: "int8": weights, activations and arithmetic, inputs and outputs too, each op proven. "int8x4":
            the same with weights of four bits in convolutions and dense layers. "dynamic": int8 weights, float
            activations that kernels quantize as they run. "weight_only_int8", "weight_only_int4",
            "float16": small weights, computed with in float.
        samples: Typical inputs, needed for "int8" and "int8x4", in any form that `convert` takes; by the names in
            `tflite.inputs`.
        keep_float: What stays in float: globs on Keras layers where the file's manifest knows them, else on tensor
            names and on parts of them between "/" and ";"; or kinds of op such as "SOFTMAX".
        keep_int8: What keeps weights of 8 bits in an "int8x4" file, told in the same way; [] for nothing. Default: the
            first and the last ops with weights, and depthwise convolutions.
        recover: Get back, from the samples, what integers lose: channels get factors, ranges follow from what reads
            them, and weights are learned (Nagel et al., ICCV 2019; Frantar et al., ICLR 2023). 500 to 1,000 are best.
        flash: The most bytes that the file may take. In an "int8x4" file it decides which ops keep weights of 8 bits
            beside those in `keep_int8`: those in which four would add most noise on the samples. Elsewhere a larger
            file is an error.

    Returns:
        The quantized file; its manifest tells for each op with weights and each float op what was decided.

    Raises:
        MissingPackageError: litert-quantizer is not installed.
        SettingError: an unknown quantization.
        SelectionError: a pattern in keep_float matches nothing.
        DataError: samples are missing or do not fit.
        FileError: no readable .tflite file.
        ModelError: the file is quantized already, or has open sizes that the samples do not tell.
        ConversionError: litert-quantizer gives up, or leaves ops of an "int8" file in float; or the file cannot be as
            small as `flash` says.

    Source: https://github.com/google-ai-edge/LiteRT/tree/main/litert_quantizer

    Example:
        >>> floats = tfcompress.convert(model, "float32")
        >>> small = tfcompress.quantize(floats, "int8", samples=x_train[:100])
        >>> small.size < floats.size
        True
    """
    raise_if_recipe(quantization)
    require_choice(quantization, get_args(Kind), "quantization")
    _require_package()
    tflite = as_tflite(tflite)
    require_float_file(tflite)
    is_integer = quantization in INTEGER
    if quantization != "int8x4" and not keep_int8:
        keep_int8 = None
    elif quantization != "int8x4":
        raise SettingError("keep_int8 goes with 'int8x4'.", received=repr(quantization))
    if recover and not is_integer:
        raise SettingError(f"recover=True goes with {' and '.join(map(repr, INTEGER))}.", received=repr(quantization))
    require_flash(flash)
    patterns = as_list(keep_float)
    kept = _kept(tflite, patterns, "keep_float")
    eight = None if keep_int8 is None else _kept(tflite, as_list(keep_int8), "keep_int8")
    if is_integer and samples is None:
        raise DataError(
            f"Quantization to {quantization!r} needs samples, on which the ranges of activations are measured.",
            received="samples=None",
            hint="Pass 50 to 500 typical inputs, such as samples=x_train[:500].",
        )
    with temporary_folder() as folder, progress(f"quantizing to {quantization}") as bar:
        (folder / INPUT).write_bytes(tflite.content)
        measured = write_samples(samples, specs_to_measure(tflite), folder, recover) if is_integer else None
        layers, behind = _layers(tflite), attached(tflite.content)
        begun = begun_manifest(
            PACKAGES,
            settings={
                "quantization": quantization,
                "keep_float": sorted(patterns),
                **({} if keep_int8 is None else {"keep_int8": sorted(as_list(keep_int8))}),
                **({"recover": True} if recover else {}),
                **({} if flash is None else {"flash": flash}),
            },
            calibration={"method": METHOD, **measured.summary()} if measured else None,
            source={"sha256": sha256(tflite.content).hexdigest(), "bytes": tflite.size},
            **{key: tflite.manifest[key] for key in ("model", "layers") if key in tflite.manifest},
        )
        fits = flash is not None and is_integer
        size_behind = len(attach(b"", behind)) if behind else 0
        budget = {"flash": flash, "manifest": {"layers": {}, **begun}, "names": {}, "attached": size_behind}
        request = {
            "folder": str(folder),
            "quantization": quantization,
            "method": METHOD,
            "calibration": measured.to_dict() if measured else None,
            "float_scopes": [_scope(op) for op in kept],
            "int8_names": None if eight is None else [tensor.name for op in eight for tensor in op.outputs],
            "recover": recover,
            "flash": {**budget, "layers": layers} if fits else None,
        }
        child = ChildProcess("tfcompress.conversion.litert_quantizer_child:start")
        try:
            if measured is not None:
                measured = with_all_extremes(
                    samples,
                    measured,
                    partial(_output_extremes, child, folder, measured),
                    lambda count: bar(count, stage="measuring inputs and outputs on all samples"),
                )
                request["calibration"] = measured.to_dict()
            content = ask_converter(child, "litert-quantizer", request, bar)
        finally:
            child.end()
        bits = bits_from_json(json.loads((folder / BITS).read_text())) if fits else {}
        made = TFLiteModel(content)
        names = {tensor.name for op in kept for tensor in op.outputs}
        if quantization == "int8x4" and not fits:
            require_int4(made)
        if is_integer:
            require_integer(made, None, layers, names.__contains__, way_out="Or ask for 'dynamic'.")
        bar(0, stage="running it once")
        runs = runs_once(made)
    require_runs(runs, "Leave what is named there in float with keep_float=[…], or ask for 'dynamic'.")
    decided = decisions(made, layers, names)
    if not is_integer and not any(row.get("weights", "float32") != "float32" for row in decided.values()):
        raise ConversionError(
            f"A {quantization!r} file must have small weights.",
            received=f"only float32 weights in {', '.join(sorted({op.name for op in made.ops}))}",
            hint="litert-quantizer knows weights of convolutions, matrix products and embeddings alone.",
        )
    _tell_large_floats(decided, quantization)
    quantized = finalize_file(
        made,
        {},
        with_bits(begun, bits),
        decisions=decided,
        runtime=runtime_entry(made, layers, tell=True),
        runs=runs,
        attached=behind,
    )
    require_fitting(quantized, flash)
    if quantization == "int8x4":
        tell_bits(quantized, layers, bits, flash)
    return quantized


def _output_extremes(
    child: ChildProcess, folder: Path, measured: Calibration, inputs: dict[str, np.ndarray]
) -> list[Extremes | None]:
    """Have the float file run on a batch in the child process; return the extremes of its outputs."""
    place = folder / BATCH
    place.mkdir(exist_ok=True)
    for index, spec in enumerate(measured.specs):
        (place / f"input_{index}").write_bytes(np.ascontiguousarray(inputs[spec.name]).tobytes())
    part = replace(measured, count=len(inputs[measured.specs[0].name]))
    request = {"folder": str(folder), "extremes": part.to_dict()}
    found = ask_converter(child, "litert-quantizer", request, lambda *_: None)
    return [None if pair is None else (pair[0], pair[1]) for pair in json.loads(found)]


def _require_package() -> None:
    try:
        version("litert-quantizer")
    except PackageNotFoundError as error:
        raise MissingPackageError(
            "quantize needs the package litert-quantizer.",
            received="no such package",
            hint="pip install 'tfcompress[quantizer]' (Linux and macOS). For a Keras model use tfcompress.convert.",
        ) from error


def _kept(tflite: TFLiteModel, patterns: list[Any], argument: str) -> list[OpFacts]:
    """Return the ops that patterns mean; a pattern that matches none is an error."""
    layers, kept = _layers(tflite), dict[int, OpFacts]()
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise SelectionError(f"{argument} takes names and globs.", received=repr(pattern)[:100])
        found = [op for op in tflite.ops if any(matches(pattern, name, op) for name in _names(op, layers))]
        if not found:
            known = dict.fromkeys(layer_of(op, layers) for op in tflite.ops)
            raise SelectionError(
                f"Every pattern in {argument} must match an op.",
                received=repr(pattern),
                hint=f"The ops are: {', '.join([*known][:50])}{' …' if len(known) > 50 else ''}.",
            )
        kept |= {op.index: op for op in found}
    return [*kept.values()]


def _names(op: OpFacts, layers: dict[str, str]) -> list[str]:
    full = [tensor.name for tensor in op.outputs if tensor.name]
    label = layer_of(op, layers)
    # Scopes are told apart by numbers that are not those of the layers: where the layer is known, it alone counts.
    parts = [] if label not in full else [part for name in full for part in name.split(";") if part]
    return [*full, *parts, label, op.name]


def _layers(tflite: TFLiteModel) -> dict[str, str]:
    """Return layer by tensor name, for every tensor that an op writes."""
    told = tflite.manifest.get("layers")
    known = told if isinstance(told, dict) else {}
    return {**known, **{tensor.name: layer_of(op, known) for op in tflite.ops for tensor in op.outputs}}


def _scope(op: OpFacts) -> str:
    """Return how litert-quantizer calls an op: by all that it writes."""
    return "".join(f"{tensor.name};" for tensor in op.outputs or op.inputs)[:10_000]


def _tell_large_floats(decided: dict[str, dict[str, str]], quantization: str) -> None:
    left = [name for name, row in decided.items() if row.get("weights") == "float32" and "because" not in row]
    if left:
        warn(
            f"{len(left)} ops keep float32 weights in the {quantization!r} file, as litert-quantizer has no form for "
            f"them: {', '.join(left[:8])}{' …' if len(left) > 8 else ''}.",
            4,
        )
