"""The proof of a converted file: every op is read and every float one is named, and every runtime runs it once.

In: a `TFLiteModel`. Out: nothing, or a `ConversionError` that lists ops and layers. The same for each way to make one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from tfcompress.console import warn
from tfcompress.conversion.advice import advice
from tfcompress.errors import ConversionError, RunError
from tfcompress.isolation.child_process import ChildProcess, Died
from tfcompress.litert.inspect import CASTS, float_ops
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.subgraph_runs import runs as runs_of
from tfcompress.litert.tflite_model import OpFacts, TFLiteModel
from tfcompress.runtime.run_once import run_once

MAX_MACS = 50_000_000
"""The reference kernels take a second for about 300 million; above this they only prepare."""


def require_builtin(tflite: TFLiteModel, extra_ops: Sequence[str], layers: Mapping[str, str]) -> None:
    """Raise `ConversionError` for an op that is neither a builtin nor among those asked for."""
    foreign = [op for op in tflite.ops if op.custom and op.name.removeprefix("Flex") not in extra_ops]
    if foreign:
        raise ConversionError(
            "Every op must have a TFLite builtin form, or stand in extra_ops.",
            received=", ".join(dict.fromkeys(f"{op.name} ({_layer(op, layers)})" for op in foreign)),
            hint=" ".join(advice(op.name.removeprefix("Flex") for op in foreign)),
        )


def require_int4(tflite: TFLiteModel) -> None:
    """Raise `ConversionError` where no weights have four bits, although that was asked for."""
    if not any(tensor.dtype == "int4" for graph in tflite.subgraphs for tensor in graph):
        weighted = dict.fromkeys(op.name for op in tflite.ops if op_spec(op.name).weights is not None)
        raise ConversionError(
            "A file with weights of four bits needs a convolution or a dense layer that may have them.",
            received=f"none among {', '.join(weighted) or 'ops without weights'}",
            hint="First, last and depthwise layers keep 8 bits unless keep_int8=[…] says which do; keep_int8=[] for "
            'none. Or ask for "int8".',
        )


def require_integer(
    tflite: TFLiteModel,
    io: str | None,
    layers: Mapping[str, str],
    is_float: Callable[[str], bool],
    given: Collection[str] = (),
    way_out: str = "",
) -> None:
    """Raise `ConversionError` unless every op is integer and inputs and outputs have the type asked for.

    Args:
        tflite: The file to prove.
        io: "int8", "uint8", "int16" or "float32"; None: whatever the ops at the ends have.
        layers: Layer by tensor name, for the message.
        is_float: Tells from the name of its first result whether an op is in float on purpose; those, and the casts
            around them, are left out.
        given: Types that inputs of the model have of their own, such as the uint8 of an image; they keep them.
        way_out: What else can be done.
    """
    left = _unexpected(float_ops(tflite), is_float)
    if left:
        computing = [op for op in left if op.name not in CASTS]
        rows = [f"{op.name} ({_layer(op, layers)})" for op in computing or left]
        shown = ", ".join(dict.fromkeys(rows[:12])) + (f" and {len(rows) - 12} more" if len(rows) > 12 else "")
        leave = "Or leave the layers in float with keep_float=[…]."
        raise ConversionError(
            "Every op of an integer file must be integer.",
            received=f"{len(left)} of {len(tflite.ops)} ops in float: {shown}",
            hint=" ".join(filter(None, [*advice(op.name for op in left), leave, way_out])),
        )
    for spec in (*(spec for spec in tflite.inputs if spec.dtype not in given), *tflite.outputs):
        if io and spec.dtype in {"float32", "int8", "uint8", "int16"} and spec.dtype != io:
            raise ConversionError(
                f"Inputs and outputs must be {io} as asked for with io.",
                received=str(spec),
                hint="Ask for io='float32', which casts at the border.",
            )


def runs_once(tflite: TFLiteModel, child: ChildProcess | None = None) -> dict[str, str]:
    """Run the file once on each runtime; return what is wrong with it there, or nothing.

    Args:
        tflite: The file.
        child: A process in which to do so. Default: one that does nothing else.
    """
    runs: dict[str, str] = {}
    for runtime in ("litert", "reference"):
        try:
            run_once(tflite, runtime, invoke=runtime == "litert" or runs_of(tflite).macs <= MAX_MACS, child=child)
            runs[runtime] = ""
        except RunError as error:
            runs[runtime] = str(error.received)
        except Died as death:
            runs[runtime] = str(death)
    return runs


def require_runs(runs: Mapping[str, str], way_out: str) -> None:
    """Raise `ConversionError` for a file that LiteRT does not run; warn of one that the reference kernels do not run.

    Args:
        runs: What `runs_once` found.
        way_out: What to do where LiteRT does not.
    """
    if runs.get("litert"):
        raise ConversionError("LiteRT must run the file.", received=runs["litert"], hint=way_out)
    if runs.get("reference"):
        warn(
            f"the file runs on phones, but not on the reference kernels, which compute as microcontrollers do: "
            f"{runs['reference']}",
            4,
        )


def _unexpected(ops: Sequence[OpFacts], is_float: Callable[[str], bool]) -> list[OpFacts]:
    """Return the float ops that are not in float on purpose."""
    meant = [op for op in ops if op.name not in CASTS and op.outputs and is_float(op.outputs[0].name)]
    around = {(op.subgraph, tensor.index) for op in meant for tensor in (*op.inputs, *op.outputs)}
    expected = {op.index for op in meant}
    for op in ops:
        beside = {(op.subgraph, tensor.index) for tensor in (*op.inputs, *op.outputs) if tensor.is_float}
        if op.name in CASTS and beside <= around:
            expected.add(op.index)
    return [op for op in ops if op.index not in expected]


def _layer(op: OpFacts, layers: Mapping[str, str]) -> str:
    """Name an op's layer; what it reads was made by the layer before, which is not to blame."""
    made = next((layers[tensor.name] for tensor in op.outputs if tensor.name in layers), None)
    if made is not None:
        return f"layer {made}"
    before = next((layers[tensor.name] for tensor in op.inputs if tensor.name in layers), None)
    name = f"tensor {op.outputs[0].name}" if op.outputs else "no layer"
    return name if before is None else f"{name}, behind the layer {before}"
