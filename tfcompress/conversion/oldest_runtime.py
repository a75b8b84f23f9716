"""The oldest runtime that a converted file needs: promised where the user asks for one, told where it is young.

In: a converted file, the runtime asked for. Out: an entry of the manifest, a warning, or a `ConversionError` that names
the layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from tfcompress.console import warn
from tfcompress.conversion.layer_decisions import layer_of
from tfcompress.errors import ConversionError
from tfcompress.litert.op_facts import OpFacts
from tfcompress.litert.op_names import signature
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.runtimes import Release, first_release, oldest_runtime
from tfcompress.litert.tflite_model import TFLiteModel


def require_release(tflite: TFLiteModel, asked: Release, layers: Mapping[str, str]) -> None:
    """Raise `ConversionError` for ops that a runtime refuses, or was not seen to run."""
    rows, names = [], []
    for op in tflite.ops:
        first, measured = first_release(op)
        if measured and first is not None and first <= asked:
            continue
        since = "not measured" if not measured else f"from {first} on" if first else "on no runtime"
        names.append(_layer(tflite, op, layers))
        rows.append(f"{signature(op)} (layer {names[-1]}), {since}")
    if rows:
        raise ConversionError(
            f"Every op must run on {asked.name}, as asked for with runtime.",
            received="; ".join([*dict.fromkeys(rows)][:12]),
            hint=f"Leave the layers in float with keep_float={[*dict.fromkeys(names)][:12]}, replace them, or ask for "
            "a younger runtime.",
        )


def runtime_entry(tflite: TFLiteModel, layers: Mapping[str, str], tell: bool) -> dict[str, object]:
    """Return what the manifest says of the oldest runtime, and warn where that is younger than two years.

    Args:
        tflite: The file.
        layers: Layer by tensor name.
        tell: Whether to warn; who asked for a runtime knows.
    """
    oldest = oldest_runtime(tflite)
    if tell and oldest.release is not None and oldest.because and oldest.release.is_young(date.today()):
        kinds = dict.fromkeys(f"{signature(op)} (layer {_layer(tflite, op, layers)})" for op in oldest.because)
        warn(
            f"the file needs {oldest.release} or a younger runtime, which apps of the last two years may not hold, for "
            f"{', '.join([*kinds][:6])}. keep_float=[…] leaves these layers in float; runtime='1.4' makes it an error.",
            4,
        )
    return {
        "oldest": oldest.release.name if oldest.release else None,
        "released": oldest.release.released.isoformat() if oldest.release else None,
        "because": [*dict.fromkeys(signature(op) for op in oldest.because)],
        "unmeasured": [*dict.fromkeys(signature(op) for op in oldest.unmeasured)],
    }


def _layer(tflite: TFLiteModel, op: OpFacts, layers: Mapping[str, str]) -> str:
    """Return the layer that an op is of: of a cast, the one that reads what it writes."""
    if op_spec(op.name).int16_border and op.outputs:
        written = op.subgraph, op.outputs[0].index
        readers = (one for one in tflite.ops if written in {(one.subgraph, tensor.index) for tensor in one.inputs})
        op = next(readers, op)
    return layer_of(op, layers)
