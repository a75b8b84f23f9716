"""Golden vectors as C++: inputs, the outputs to expect, and a function that counts what differs on the device.

In: a `TFLiteModel`, its golden vectors, a name. Out: a header and a source file.
"""

from __future__ import annotations

import numpy as np

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.deployment.c_text import c_type, header, number, outputs_in_order, rows, size
from tfcompress.deployment.golden import Golden
from tfcompress.litert.stateful_ops import reset_restores_on_tflm
from tfcompress.litert.tflite_model import TFLiteModel

TOLERANCE = 1e-4
"""By how much floats may differ, as a share of the largest one of their output: other kernels sum in another order."""


def golden_header(tflite: TFLiteModel, name: str, golden: Golden) -> str:
    """Return the header."""
    arrays = "\n".join(
        f"extern const {c_type(spec)} kGolden{side}{place}[kGoldenCount][{size(spec)}];"
        for side, place, spec, _ in _sides(tflite, golden)
    )
    include = '#include "tensorflow/lite/micro/micro_interpreter.h"\n'
    if not reset_restores_on_tflm(tflite):
        include = f'#include "{name}_interpreter.h"\n'
    return header(
        name,
        "GOLDEN",
        f"#include <cstdint>\n\n{include}",
        f"""
constexpr int kGoldenCount = {golden.count};
{arrays}

// Runs the golden inputs, each from the initial state of the model, on an interpreter whose tensors are allocated.
// Returns how many values of the outputs differ from those of TFLM's reference kernels; -1 where it fails to run.
// Integers must be equal: kernels that are bit-exact return 0. Floats may differ by {TOLERANCE:g} of the largest one of
// their output, as other kernels and math libraries sum and round in another order.
int CountGoldenMismatches({_interpreter(tflite)}& interpreter);
""",
    )


def golden_source(tflite: TFLiteModel, name: str, golden: Golden) -> str:
    """Return the source file."""
    arrays = "\n".join(
        f"const {c_type(spec)} kGolden{side}{place}[kGoldenCount][{size(spec)}] = {{\n{rows(values)}}};\n"
        for side, place, spec, values in _sides(tflite, golden)
    )
    call = "." if reset_restores_on_tflm(tflite) else "->"
    fill = "\n".join(
        f"    std::memcpy(interpreter{call}input({place})->data.raw, kGoldenInput{place}[i], "
        f"sizeof(kGoldenInput{place}[i]));"
        for place in range(len(tflite.inputs))
    )
    count = "\n".join(
        f"    mismatches += Differ(interpreter{call}output({place})->data.raw, kGoldenOutput{place}[i], "
        f"{size(spec)}, {tolerance(golden.outputs[spec.name])});"
        for place, spec in enumerate(outputs_in_order(tflite))
    )
    return f"""#include "{name}_golden.h"

#include <cstddef>
#include <cstring>
#include <type_traits>

namespace {name} {{

{arrays}
// Counts the integers that differ, and the floats that do by more than the tolerance; NaN differs from every number.
template <typename Value>
static int Differ(const char* found, const Value* expected, int size, float tolerance) {{
  int differ = 0;
  for (int i = 0; i < size; ++i) {{
    Value value;
    std::memcpy(&value, found + i * sizeof(Value), sizeof(Value));
    if constexpr (std::is_floating_point<Value>::value) {{
      differ += !(value - expected[i] <= tolerance && expected[i] - value <= tolerance);
    }} else {{
      differ += value != expected[i];
    }}
  }}
  return differ;
}}

int CountGoldenMismatches({_interpreter(tflite)}& interpreter) {{
  int mismatches = 0;
  for (int i = 0; i < kGoldenCount; ++i) {{
    // Recurrent layers and variables keep their state from one Invoke to the next otherwise.
    if (interpreter.Reset() != kTfLiteOk) return -1;
{fill}
    if (interpreter{call}Invoke() != kTfLiteOk) return -1;
{count}
  }}
  return mismatches;
}}

}}  // namespace {name}
"""


def _interpreter(tflite: TFLiteModel) -> str:
    """Return the class that can go back to the initial state of this model."""
    return "tflite::MicroInterpreter" if reset_restores_on_tflm(tflite) else "Interpreter"


def _sides(tflite: TFLiteModel, golden: Golden) -> list[tuple[str, int, TensorSpec, np.ndarray]]:
    sides = (("Input", golden.inputs, tflite.inputs), ("Output", golden.outputs, outputs_in_order(tflite)))
    return [(side, place, spec, values[spec.name]) for side, values, specs in sides for place, spec in enumerate(specs)]


def tolerance(values: np.ndarray) -> str:
    """Return by how much the numbers of an array may differ."""
    return number(np.float32(TOLERANCE * np.abs(values).max(initial=0))) if values.dtype.kind == "f" else "0"
