"""The C++ text of a microcontroller package.

In: a `TFLiteModel`, its arena, its golden vectors, a name. Out: source files by name. Knows nothing of the disk.
Source of the interface: TensorFlow Lite Micro, tensorflow/lite/micro/micro_mutable_op_resolver.h.
"""

from __future__ import annotations

import numpy as np

from tfcompress.data import TensorSpec
from tfcompress.deployment.golden import Golden
from tfcompress.errors import RunError
from tfcompress.flatbuffer.model import TFLiteModel

TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "int32": "int32_t", "int64": "int64_t"}
TYPES |= {"float32": "float", "bool": "bool"}
ODD_NAMES = {
    "CUMSUM": "CumSum",
    "PADV2": "PadV2",
    "BATCH_MATMUL": "BatchMatMul",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
    "ethos-u": "EthosU",
}
"""Ops whose registering function is not called after the op, word by word."""


def sources(tflite: TFLiteModel, name: str, arena: int, measured: int, golden: Golden) -> dict[str, str]:
    """Return the text of each file.

    Args:
        tflite: The file.
        name: The C++ namespace, and how file names begin.
        arena: Bytes to reserve.
        measured: Bytes that TFLM used on a computer.
        golden: Inputs and outputs in the order of the graph.
    """
    return {
        f"{name}_model.h": _model_header(tflite, name, arena, measured),
        f"{name}_model.cc": _model(tflite, name),
        f"{name}_ops.h": _ops(tflite, name),
        f"{name}_quantize.h": _quantize(tflite, name),
        f"{name}_golden.h": _golden_header(tflite, name, golden),
        f"{name}_golden.cc": _golden(tflite, name, golden),
    }


def adder(op: str) -> str:
    """Return the name of the function of `MicroMutableOpResolver` that registers an op."""
    words = "".join(word.capitalize() for word in op.split("_")).replace("2d", "2D").replace("3d", "3D")
    return f"Add{ODD_NAMES.get(op, words)}"


def outputs_in_order(tflite: TFLiteModel) -> list[TensorSpec]:
    """Return the outputs in the order in which an interpreter numbers them."""
    specs = dict(tflite.bound_outputs)
    return [specs[index] for index in tflite.output_tensors if index in specs]


def _model_header(tflite: TFLiteModel, name: str, arena: int, measured: int) -> str:
    return _header(
        name,
        "MODEL",
        "",
        f"""
// The .tflite file, aligned as TFLM needs it. Keep it in flash: it is constant.
extern const unsigned char kModel[];
constexpr unsigned int kModelSize = {tflite.size};

// TFLM used {measured} bytes on a 64-bit computer; that and a margin. Pointers are smaller on a microcontroller, but
// kernels of CMSIS-NN and other libraries ask for more scratch memory: print `arena_used_bytes()` and adjust.
constexpr unsigned int kArenaSize = {arena};
""",
    )


def _model(tflite: TFLiteModel, name: str) -> str:
    rows = [tflite.content[start : start + 16] for start in range(0, tflite.size, 16)]
    body = "\n".join(" " + "".join(f"0x{byte:02x}," for byte in row) for row in rows)
    return f"""#include "{name}_model.h"

namespace {name} {{

alignas(16) const unsigned char kModel[] = {{
{body}
}};

}}  // namespace {name}
"""


def _ops(tflite: TFLiteModel, name: str) -> str:
    used = sorted({op.name for op in tflite.ops})
    lines = "\n".join(f"  if (resolver.{adder(op)}() != kTfLiteOk) return kTfLiteError;" for op in used)
    return _header(
        name,
        "OPS",
        '#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"\n',
        f"""
using Resolver = tflite::MicroMutableOpResolver<{len(used)}>;

// Registers the ops of the model and no others, so that the linker leaves out all other kernels.
inline TfLiteStatus AddOps(Resolver& resolver) {{
{lines}
  return kTfLiteOk;
}}
""",
    )


def _quantize(tflite: TFLiteModel, name: str) -> str:
    sides = [("Input", list(tflite.inputs)), ("Output", outputs_in_order(tflite))]
    tensors = "\n".join(_constants(side, place, spec) for side, specs in sides for place, spec in enumerate(specs))
    return _header(
        name,
        "QUANTIZE",
        "#include <cmath>\n#include <cstdint>\n#include <limits>\n",
        f"""
struct Arithmetic {{
  float scale;
  int zero_point;
}};

// What a tensor stands for: number = scale * (integer - zero_point). Tensors of floats have none.
{tensors}

// Divide, round half to even, clip, and only then cast: a cast alone turns the largest input into the smallest.
template <typename Integer>
inline Integer Quantize(float number, Arithmetic arithmetic) {{
  const float steps = std::nearbyint(number / arithmetic.scale) + static_cast<float>(arithmetic.zero_point);
  const float low = static_cast<float>(std::numeric_limits<Integer>::min());
  const float high = static_cast<float>(std::numeric_limits<Integer>::max());
  return static_cast<Integer>(steps < low ? low : steps > high ? high : steps);
}}

template <typename Integer>
inline float Dequantize(Integer integer, Arithmetic arithmetic) {{
  return (static_cast<float>(integer) - static_cast<float>(arithmetic.zero_point)) * arithmetic.scale;
}}
""",
    )


def _constants(side: str, place: int, spec: TensorSpec) -> str:
    text = f"// {_comment(str(spec))}\nconstexpr int k{side}{place}Size = {_values(spec)};"
    if spec.scale is not None:
        scale = np.format_float_scientific(np.float32(spec.scale), unique=True, min_digits=1)
        text += f"\nconstexpr Arithmetic k{side}{place} = {{{scale}f, {spec.zero_point or 0}}};"
    return text


def _golden_header(tflite: TFLiteModel, name: str, golden: Golden) -> str:
    sides = (("Input", golden.inputs, tflite.inputs), ("Output", golden.outputs, outputs_in_order(tflite)))
    arrays = "\n".join(
        f"extern const {_type(spec)} kGolden{side}{place}[kGoldenCount][{_values(spec)}];"
        for side, _, specs in sides
        for place, spec in enumerate(specs)
    )
    return _header(
        name,
        "GOLDEN",
        '#include <cstdint>\n\n#include "tensorflow/lite/micro/micro_interpreter.h"\n',
        f"""
constexpr int kGoldenCount = {golden.count};
{arrays}

// Runs the golden inputs on an interpreter whose tensors are allocated, and returns in how many bytes its outputs
// differ from those of TFLM's reference kernels; -1 where it fails to run. Kernels that are bit-exact return 0.
int CountGoldenMismatches(tflite::MicroInterpreter& interpreter);
""",
    )


def _golden(tflite: TFLiteModel, name: str, golden: Golden) -> str:
    outputs = outputs_in_order(tflite)
    sides = (("Input", golden.inputs, tflite.inputs), ("Output", golden.outputs, outputs))
    arrays = "\n".join(
        f"const {_type(spec)} kGolden{side}{place}[kGoldenCount][{_values(spec)}] = {{\n{_rows(values[spec.name])}}};\n"
        for side, values, specs in sides
        for place, spec in enumerate(specs)
    )
    fill = "\n".join(
        f"    std::memcpy(interpreter.input({place})->data.raw, kGoldenInput{place}[i], "
        f"sizeof(kGoldenInput{place}[i]));"
        for place in range(len(tflite.inputs))
    )
    count = "\n".join(
        f"    mismatches += Differ(interpreter.output({place})->data.raw, kGoldenOutput{place}[i], "
        f"sizeof(kGoldenOutput{place}[i]));"
        for place in range(len(outputs))
    )
    return f"""#include "{name}_golden.h"

#include <cstddef>
#include <cstring>

namespace {name} {{

{arrays}
static int Differ(const char* found, const void* expected, size_t size) {{
  const char* bytes = static_cast<const char*>(expected);
  int differ = 0;
  for (size_t i = 0; i < size; ++i) differ += found[i] != bytes[i];
  return differ;
}}

int CountGoldenMismatches(tflite::MicroInterpreter& interpreter) {{
  int mismatches = 0;
  for (int i = 0; i < kGoldenCount; ++i) {{
{fill}
    if (interpreter.Invoke() != kTfLiteOk) return -1;
{count}
  }}
  return mismatches;
}}

}}  // namespace {name}
"""


def _header(name: str, part: str, includes: str, body: str) -> str:
    guard = f"{name}_{part}_H_".upper()
    lines = f"#ifndef {guard}\n#define {guard}\n\n" + (f"{includes}\n" if includes else "")
    return f"{lines}namespace {name} {{\n{body}\n}}  // namespace {name}\n\n#endif  // {guard}\n"


def _rows(array: np.ndarray) -> str:
    return "".join("    {" + ",".join(map(_number, row)) + "},\n" for row in array.reshape(len(array), -1))


def _number(value: np.generic) -> str:
    if value.dtype.kind == "f":
        if not np.isfinite(value):
            raise RunError("Golden outputs must be finite.", received=value, todo="Pass real samples.")
        return np.format_float_scientific(value, unique=True, min_digits=1) + "f"
    if value.dtype == np.int64:
        return f"{int(value)}LL" if value > np.iinfo(np.int64).min else "INT64_MIN"
    return str(int(value))


def _type(spec: TensorSpec) -> str:
    if spec.dtype not in TYPES:
        raise RunError("Inputs and outputs must have types that C knows.", received=str(spec))
    return TYPES[spec.dtype]


def _values(spec: TensorSpec) -> int:
    return int(np.prod([size or 1 for size in spec.shape[1:]], dtype=np.int64))


def _comment(text: str) -> str:
    """Keep a name from ending its comment, or going on in the next line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text).replace("\\", "?")
