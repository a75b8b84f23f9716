"""The C++ text of a microcontroller package.

In: a `TFLiteModel`, its arena, its golden vectors, a name. Out: source files by name.
Source of the interface: TensorFlow Lite Micro, tensorflow/lite/micro.
"""

from __future__ import annotations

from tfcompress.deployment.c_build_files import build_files
from tfcompress.deployment.c_golden import golden_header, golden_source
from tfcompress.deployment.c_layers import LayerValues, layers_header, layers_source
from tfcompress.deployment.c_ops import ops_header
from tfcompress.deployment.c_quantize import quantize_header
from tfcompress.deployment.c_text import header
from tfcompress.deployment.golden import Golden
from tfcompress.litert.stateful_ops import has_state, reset_restores_on_tflm, resource_variables
from tfcompress.litert.tflite_model import TFLiteModel


def sources(
    tflite: TFLiteModel, name: str, arena: int, golden: Golden, origin: str, layers: LayerValues | None
) -> dict[str, str]:
    """Return the text of each file.

    Args:
        tflite: The file.
        name: The C++ namespace, and how file names begin.
        arena: Bytes to reserve.
        golden: Inputs and outputs in the order of the graph.
        origin: What the package was made of, in a sentence.
        layers: What each op computes of the first golden input; None: not in the package.

    Raises:
        RunError: TFLM cannot register an op.
    """
    texts = {
        f"{name}_model.h": _model_header(tflite, name, arena),
        f"{name}_model.cc": _model(tflite, name),
        f"{name}_ops.h": ops_header(tflite, name),
        f"{name}_interpreter.h": _interpreter(tflite, name),
        f"{name}_quantize.h": quantize_header(tflite, name),
        f"{name}_golden.h": golden_header(tflite, name, golden),
        f"{name}_golden.cc": golden_source(tflite, name, golden),
    }
    if layers is not None:
        texts |= {f"{name}_layers.h": layers_header(name, layers)}
        texts |= {f"{name}_layers.cc": layers_source(tflite, name, layers)}
    compiled = [file for file in texts if file.endswith(".cc")]
    return {file: f"// {origin}\n{text}" for file, text in texts.items()} | build_files(name, compiled, origin)


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
#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tensorflow/lite/micro/micro_resource_variable.h"
#include "tensorflow/lite/schema/schema_generated.h"
""",
        f"""
// The model with its ops, its arena and its resource variables. {state}
class Interpreter {{
 public:
  // Takes kArenaSize bytes, aligned to 16, which must live as long as the interpreter; and what TFLM tells of each op.
  explicit Interpreter(uint8_t* arena, tflite::MicroProfilerInterface* profiler = nullptr)
      : arena_(arena), profiler_(profiler) {{}}
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
    interpreter_ = new (memory_)
        tflite::MicroInterpreter(tflite::GetModel(kModel), resolver_, allocator, variables, profiler_);
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
  tflite::MicroProfilerInterface* profiler_;
  Resolver resolver_;
  bool has_ops_ = false;
  alignas(tflite::MicroInterpreter) unsigned char memory_[sizeof(tflite::MicroInterpreter)];
  tflite::MicroInterpreter* interpreter_ = nullptr;
}};
""",
    )
