"""What each op of a model computes, as C++: a device whose kernel is wrong names the op.

In: a `TFLiteModel`, the values of each op for one sample, a name. Out: a header and a source file for a test build.
TFLM tells a profiler when an op has ended; what the op has written is still there then, so that neither a second model
nor more arena is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfcompress.deployment.c_golden import tolerance
from tfcompress.deployment.c_text import TYPES, header, number
from tfcompress.litert.give_out_results import OpResult, give_out_results, op_results
from tfcompress.litert.op_names import layer_of
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.runtime.engine import Arrays
from tfcompress.runtime.isolated_engine import Supervised


@dataclass(frozen=True)
class LayerValues:
    """What the ops of a file write of one sample, and what they are called."""

    ops: tuple[str, ...]
    """The ops of the first graph with their layers, in order."""
    values: list[tuple[OpResult, np.ndarray]]


def layer_values(tflite: TFLiteModel, inputs: Arrays) -> LayerValues:
    """Return what each op of a file computes on TFLM of the first of some samples.

    Args:
        tflite: The file.
        inputs: Samples by input name, in the types of the file.
    """
    results = op_results(tflite, TYPES)
    first = {name: array[:1] for name, array in inputs.items()}
    shapes = {name: array.shape for name, array in first.items()}
    found = Supervised(give_out_results(tflite, results), "tflm", shapes, threads=1).run(first)
    ops = tuple(f"{op.name} of layer {layer_of(tflite, op)}" for op in tflite.ops if op.subgraph == 0)
    return LayerValues(ops, [(result, found[result.name].reshape(-1)) for result in results])


def layers_header(name: str, layers: LayerValues) -> str:
    """Return the header."""
    count = sum(array.nbytes for _, array in layers.values)
    return header(
        name,
        "LAYERS",
        f'#include <cstdint>\n\n#include "{name}_interpreter.h"\n',
        f"""
// For a test build: what each op computes of the first golden input takes {count:,} bytes of flash.

constexpr int kAllOpsRight = -1;
constexpr int kNoOpChecked = -2;

// Runs the first golden input and holds what each op writes against TFLM's reference kernels. Prints the first op that
// differs with MicroPrintf and returns its number, or kAllOpsRight; later ops may differ because of it. Integers must
// be equal. kNoOpChecked: the model did not run, or TFLM was built with TF_LITE_STRIP_ERROR_STRINGS, in which it does
// not tell when an op ends. Takes kArenaSize bytes, aligned to 16, that nothing else uses meanwhile.
int FirstWrongOp(uint8_t* arena);
""",
    )


def layers_source(tflite: TFLiteModel, name: str, layers: LayerValues) -> str:
    """Return the source file."""
    arrays = "\n".join(
        f"static const {TYPES[result.tensor.dtype]} kValues{place}[] = {{{','.join(map(number, array))}}};"
        for place, (result, array) in enumerate(layers.values)
    )
    table = "\n".join(
        f"    {{{result.op.place}, {result.tensor.index}, {array.size}, "
        f"{0 if array.dtype.kind == 'f' else array.itemsize}, kValues{place}, {tolerance(array)}}},"
        for place, (result, array) in enumerate(layers.values)
    )
    names = "\n".join(f'    "{_quoted(op)}",' for op in layers.ops)
    fill = "\n".join(
        f"  std::memcpy(interpreter->input({place})->data.raw, kGoldenInput{place}[0], sizeof(kGoldenInput{place}[0]));"
        for place in range(len(tflite.inputs))
    )
    return f"""#include "{name}_layers.h"

#include <cstring>

#include "{name}_golden.h"
#include "tensorflow/lite/micro/micro_log.h"

namespace {name} {{
namespace {{

{arrays}

struct Result {{
  int op;
  int tensor;
  int size;
  int bytes;  // of an integer; 0: floats
  const void* values;
  float tolerance;
}};

const Result kResults[] = {{
{table}
}};

const char* const kOps[] = {{
{names}
}};

int CountDifferences(const Result& result, const char* found) {{
  int differ = 0;
  for (int i = 0; i < result.size; ++i) {{
    if (result.bytes > 0) {{
      const char* expected = static_cast<const char*>(result.values) + i * result.bytes;
      differ += std::memcmp(found + i * result.bytes, expected, result.bytes) != 0;
    }} else {{
      float value;
      std::memcpy(&value, found + i * sizeof(value), sizeof(value));
      const float expected = static_cast<const float*>(result.values)[i];
      differ += !(value - expected <= result.tolerance && expected - value <= result.tolerance);
    }}
  }}
  return differ;
}}

// TFLM calls it around each op; ops inside loops and branches belong to the op that runs them.
class OpCheck : public tflite::MicroProfilerInterface {{
 public:
  uint32_t BeginEvent(const char*) override {{ return depth_++ == 0 ? ops_++ : kInside; }}

  void EndEvent(uint32_t event) override {{
    --depth_;
    if (event == kInside || interpreter == nullptr || wrong >= 0) return;
    for (const Result& result : kResults) {{
      if (result.op != static_cast<int>(event)) continue;
      differences = CountDifferences(result, (*interpreter)->GetTensor(result.tensor)->data.raw);
      size = result.size;
      if (differences == 0) continue;
      wrong = result.op;
      return;
    }}
  }}

  int ops() const {{ return static_cast<int>(ops_); }}

  Interpreter* interpreter = nullptr;
  int wrong = kAllOpsRight;
  int differences = 0;
  int size = 0;

 private:
  static constexpr uint32_t kInside = UINT32_MAX;
  int depth_ = 0;
  uint32_t ops_ = 0;
}};

}}  // namespace

int FirstWrongOp(uint8_t* arena) {{
  OpCheck check;
  Interpreter interpreter(arena, &check);
  if (interpreter.Start() != kTfLiteOk) return kNoOpChecked;
{fill}
  check.interpreter = &interpreter;
  if (interpreter->Invoke() != kTfLiteOk || check.ops() == 0) return kNoOpChecked;
  if (check.wrong >= 0) {{
    MicroPrintf("op %d, %s: %d of %d values differ", check.wrong, kOps[check.wrong], check.differences, check.size);
  }}
  return check.wrong;
}}

}}  // namespace {name}
"""


def _quoted(text: str) -> str:
    """Return a text that can stand between quotes in C++: letters of ASCII without quotes and escapes."""
    return "".join(letter if " " <= letter <= "~" and letter not in '"\\?' else "_" for letter in text)
