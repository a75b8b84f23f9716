"""The catalogue of LiteRT's ops: each op has one row, in one of the files beside this one.

In: the name of an op. Out: its `OpSpec`. A new op is a row in the file of its family, and nothing else; the whole as a
table: `python -m tfcompress.litert.ops.op_catalogue`.

Sources, unless a file says otherwise:
    versions, int16   the kernels and `tensorflow/lite/tools/versioning/op_version.cc` of TensorFlow 2.21
    gpu               the delegate's own test, `gpu_compatibility.cc` in the same folder
    tflm              `tensorflow/lite/micro/micro_mutable_op_resolver.h` of October 2026
    typed             `tensorflow/lite/micro/kernels/*.h`
    unpacked          `Prepare` of the kernels in `tensorflow/lite/micro/kernels`, and in `cmsis_nn` and `esp_nn` there
    cmsis_nn          `tensorflow/lite/micro/kernels/cmsis_nn/*.cc`, and CMSIS-NN 6.0
"""

from __future__ import annotations

from collections.abc import Mapping

from tfcompress.litert.op_facts import OpFacts, Tensor
from tfcompress.litert.ops import (
    activation_ops,
    control_ops,
    custom_ops,
    elementwise_ops,
    layout_ops,
    recurrent_ops,
    reduction_ops,
    weighted_ops,
)
from tfcompress.litert.ops.op_spec import OpSpec, operand
from tfcompress.tables import aligned

FAMILIES = {
    "convolution, dense layer, product": weighted_ops.SPECS,
    "recurrent": recurrent_ops.SPECS,
    "element by element": elementwise_ops.SPECS,
    "activation": activation_ops.SPECS,
    "pooling, reduction": reduction_ops.SPECS,
    "layout": layout_ops.SPECS,
    "control flow, variables, types": control_ops.SPECS,
    "custom": custom_ops.SPECS,
}

COLUMNS = (
    *("op", "int8 weights", "MACs", "int16", "int4 weights", "scale", "copied", "joins", "size"),
    *("GPU", "TFLM", "packed", "CMSIS-NN", "write instead"),
)

OPS: Mapping[str, OpSpec] = {spec.name: spec for specs in FAMILIES.values() for spec in specs}


def op_spec(name: str) -> OpSpec:
    """Return the row of an op; of one that has none, a row that knows nothing."""
    return OPS.get(name) or OpSpec(name)


def weights(op: OpFacts) -> tuple[Tensor, ...]:
    """Return the weights of an op, which its values are multiplied with."""
    places = op_spec(op.name).multiplied
    chosen = places(op) if callable(places) else places
    return tuple(found for place in chosen if (found := operand(op, place)) is not None)


def macs(op: OpFacts) -> int:
    """Count multiplications with accumulation; open sizes count as one, and ops whose shapes make no sense as none."""
    form = op_spec(op.name).macs
    return form(op) if form is not None and op.outputs and len(op.operands) > 1 else 0


def matrix() -> str:
    """Return the catalogue as a table, a row an op."""
    table = [COLUMNS]
    for family, specs in FAMILIES.items():
        table.append((f"# {family}", *[""] * (len(COLUMNS) - 1)))
        table += [_row(spec) for spec in specs]
    return "\n".join(aligned(table))


def _row(spec: OpSpec) -> tuple[str, ...]:
    versions = ((spec.int16, "v"), (spec.int16_border, "border v"), (spec.in_int32, "in int32 v"))
    int16 = next((f"{what}{version}" for version, what in versions if version), "–")
    size = "open" if spec.open_size else "–" if spec.shape_from is None else f"from input {spec.shape_from}"
    cmsis = f"gaps: {len(spec.cmsis_nn)}" if spec.cmsis_nn else "–" if spec.tflm is None else "yes"
    return (
        spec.name,
        "yes" if spec.weights else "–",
        "yes" if spec.macs else "–",
        int16,
        f"v{spec.int4}" if spec.int4 else "–",
        spec.scale,
        spec.copied if spec.copied == "all" else ", ".join(map(str, spec.copied)) or "–",
        spec.joins or "–",
        size,
        "yes" if spec.gpu else "–",
        " ".join(filter(None, (spec.tflm, ", ".join(spec.typed)))) or "–",
        ", ".join(map(str, spec.unpacked)) or "–",
        cmsis,
        spec.instead or "",
    )


if __name__ == "__main__":
    print(matrix())
