"""The C++ text of a microcontroller package.

In: a `TFLiteModel`, its arena, its golden vectors, a name. Out: source files by name.
Source of the interface: TensorFlow Lite Micro, tensorflow/lite/micro.
"""

from __future__ import annotations

import numpy as np

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.deployment.c_golden import golden_header, golden_source
from tfcompress.deployment.c_text import comment, header, outputs_in_order, size
from tfcompress.deployment.golden import Golden
from tfcompress.errors import RunError
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.stateful_ops import has_state, reset_restores_on_tflm, resource_variables
from tfcompress.litert.tflite_model import TFLiteModel


def sources(tflite: TFLiteModel, name: str, arena: int, golden: Golden) -> dict[str, str]:
    """Return the text of each file.

    Args:
        tflite: The file.
        name: The C++ namespace, and how file names begin.
        arena: Bytes to reserve.
        golden: Inputs and outputs in the order of the graph.

    Raises:
        RunError: TFLM cannot register an op.
    """
    return {
        f"{name}_model.h": _model_header(tflite, name, arena),
        f"{name}_model.cc": _model(tflite, name),
        f"{name}_ops.h": _ops(tflite, name),
        f"{name}_interpreter.h": _interpreter(tflite, name),
        f"{name}_quantize.h": _quantize(tflite, name),
        f"{name}_golden.h": golden_header(tflite, name, golden),
        f"{name}_golden.cc": golden_source(tflite, name, golden),
    }


def _model_header(tflite: TFLiteModel, name: str, arena: int) -> str:
    return header(
        name,
        "MODEL",
        "",
        f"""
// The .tflite file, aligned as TFLM needs it. Keep it in flash: it is constant.
extern const unsigned char kModel[];
constexpr unsigned int kModelSize = {tflite.size};

// The least arena in which TFLM allocates and runs the model, found on a 64-bit computer, where pointers take twice as
// much; align it to 16 bytes. Do not lower it to `arena_used_bytes()`: that is what stays in use, and allocating
// the tensors needs more for a while. Where AllocateTensors fails with kernels that want more scratch memory, raise it.
constexpr unsigned int kArenaSize = {arena};

// Resource variables of the model; `Interpreter` makes room for them in the arena.
constexpr int kResourceVariables = {resource_variables(tflite)};
""",
    )


def _model(tflite: TFLiteModel, name: str) -> str:
    lines = [tflite.content[start : start + 16] for start in range(0, tflite.size, 16)]
    body = "\n".join(" " + "".join(f"0x{byte:02x}," for byte in line) for line in lines)
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
    return header(
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


def adder(op: str) -> str:
    """Return the name of the function of `MicroMutableOpResolver` that registers an op.

    Raises:
        RunError: TFLM has none.
    """
    name = op_spec(op).tflm
    if name is None:
        raise RunError(
            "TFLM must have a function that registers each op of the file.",
            received=repr(op),
            hint="Replace the layer that makes it; a custom op of your own is registered with AddCustom, by hand.",
        )
    return name


def _interpreter(tflite: TFLiteModel, name: str) -> str:
    state = "It has no state: Reset changes nothing."
    if has_state(tflite):
        state = (
            "It keeps state from one Invoke to the\n"
            "// next: call Reset before each sample that stands for itself, or at the start of a sequence."
        )
    reset, why = "interpreter_->Reset()", ""
    if not reset_restores_on_tflm(tflite):
        reset = "Start()"
        why = " Built anew, as MicroInterpreter::Reset does not bring\n  // the initial values of this model back."
    variables = "nullptr"
    if resource_variables(tflite):
        variables = "tflite::MicroResourceVariables::Create(allocator, kResourceVariables)"
    return header(
        name,
        "INTERPRETER",
        f"""#include <cstdint>
#include <new>

#include "{name}_model.h"
#include "{name}_ops.h"
#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_resource_variable.h"
#include "tensorflow/lite/schema/schema_generated.h"
""",
        f"""
// The model with its ops, its arena and its resource variables. {state}
class Interpreter {{
 public:
  // Takes kArenaSize bytes, aligned to 16, which must live as long as the interpreter.
  explicit Interpreter(uint8_t* arena) : arena_(arena) {{}}
  ~Interpreter() {{ Stop(); }}
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // Allocates the tensors, in place of those that are there; call it before anything else.
  TfLiteStatus Start() {{
    Stop();
    if (!has_ops_ && AddOps(resolver_) != kTfLiteOk) return kTfLiteError;
    has_ops_ = true;
    tflite::MicroAllocator* allocator = tflite::MicroAllocator::Create(arena_, kArenaSize);
    tflite::MicroResourceVariables* variables = {variables};
    interpreter_ = new (memory_) tflite::MicroInterpreter(tflite::GetModel(kModel), resolver_, allocator, variables);
    return interpreter_->AllocateTensors();
  }}

  // Returns to the initial state.{why}
  TfLiteStatus Reset() {{ return {reset}; }}

  tflite::MicroInterpreter* operator->() {{ return interpreter_; }}
  operator tflite::MicroInterpreter&() {{ return *interpreter_; }}

 private:
  void Stop() {{
    if (interpreter_ != nullptr) interpreter_->~MicroInterpreter();
    interpreter_ = nullptr;
  }}

  uint8_t* arena_;
  Resolver resolver_;
  bool has_ops_ = false;
  alignas(tflite::MicroInterpreter) unsigned char memory_[sizeof(tflite::MicroInterpreter)];
  tflite::MicroInterpreter* interpreter_ = nullptr;
}};
""",
    )


def _quantize(tflite: TFLiteModel, name: str) -> str:
    sides = [("Input", list(tflite.inputs)), ("Output", outputs_in_order(tflite))]
    tensors = "\n".join(_constants(side, place, spec) for side, specs in sides for place, spec in enumerate(specs))
    return header(
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
    text = f"// {comment(str(spec))}\nconstexpr int k{side}{place}Size = {size(spec)};"
    if spec.scale is not None:
        scale = np.format_float_scientific(np.float32(spec.scale), unique=True, min_digits=1)
        text += f"\nconstexpr Arithmetic k{side}{place} = {{{scale}f, {spec.zero_point or 0}}};"
    return text
