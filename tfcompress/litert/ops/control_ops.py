"""Casts between types, control flow, variables and random numbers.

    QUANTIZE: floats → integers, or integers → other integers;  DEQUANTIZE: integers → floats

Sources: as `op_catalogue` says.
"""

from __future__ import annotations

from tfcompress.litert.ops.op_spec import OpSpec

SPECS = (
    OpSpec("QUANTIZE", int16_border=2, gpu=True, tflm="AddQuantize"),
    OpSpec("DEQUANTIZE", int16_border=3, gpu=True, tflm="AddDequantize"),
    OpSpec(
        "CAST",
        int16_border=3,
        gpu=True,
        tflm="AddCast",
        instead="Floats have no integer form as ids: give those an integer input, keras.Input(…, dtype='int32').",
    ),
    OpSpec("IF", open_size=True, tflm="AddIf"),
    OpSpec("WHILE", any_number=True, open_size=True, tflm="AddWhile"),
    OpSpec("CALL_ONCE", tflm="AddCallOnce"),
    OpSpec("VAR_HANDLE", keeps_state=True, tflm="AddVarHandle"),
    OpSpec("READ_VARIABLE", keeps_state=True, tflm="AddReadVariable"),
    OpSpec("ASSIGN_VARIABLE", keeps_state=True, tflm="AddAssignVariable"),
    OpSpec("RANDOM_STANDARD_NORMAL", instead="Leave it out: inference has no randomness."),
    OpSpec("RANDOM_UNIFORM", instead="Leave it out: inference has no randomness."),
)
