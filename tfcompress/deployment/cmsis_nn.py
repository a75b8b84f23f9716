"""What CMSIS-NN, TFLM's kernels for Cortex-M, refuses or computes wrongly though TFLM's reference kernels run it.

In: a `TFLiteModel`. Out: findings. TFLM's interpreter for this computer holds the reference kernels alone, so the cases
are read from the sources; they stand in the rows of the op catalogue, each found where the two kernels differ in what
they check.
"""

from __future__ import annotations

from tfcompress.deployment.findings import Finding
from tfcompress.flatbuffer.model import TFLiteModel
from tfcompress.flatbuffer.naming import layer_of, signature
from tfcompress.flatbuffer.ops.op_catalogue import spec_of


def gaps(tflite: TFLiteModel) -> list[Finding]:
    """List the ops of a file that CMSIS-NN does not run as the reference kernels do."""
    return [
        Finding(
            signature(op),
            layer_of(tflite, op),
            f"CMSIS-NN, the kernels of Cortex-M, {gap.reason}; TFLM's reference kernels run it.",
            gap.todo,
        )
        for op in tflite.ops
        for gap in spec_of(op.name).cmsis_nn
        if gap.applies(op)
    ]
