"""Scales, zero points and sizes as C++, under the names of inputs and outputs, and the arithmetic with them.

In: a `TFLiteModel`. Out: the text of a header.
"""

from __future__ import annotations

import re

import numpy as np

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.deployment.c_text import comment, header, outputs_in_order, size
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.unique_names import unique


def quantize_header(tflite: TFLiteModel, name: str) -> str:
    """Return the header with what inputs and outputs stand for."""
    sides = [("Input", list(tflite.inputs)), ("Output", outputs_in_order(tflite))]
    numbered = [(side, place, spec) for side, specs in sides for place, spec in enumerate(specs)]
    taken = {f"k{side}{place}{end}" for side, place, _ in numbered for end in ("", "Size")}
    tensors = "\n".join(
        _tensor(side, place, spec, unique(_constant(side, spec), taken)) for side, place, spec in numbered
    )
    return header(
        name,
        "QUANTIZE",
        "#include <cmath>\n#include <cstdint>\n#include <limits>\n",
        f"""
struct Arithmetic {{
  float scale;
  int zero_point;
}};

// An input or output: its number for `input()` or `output()`, how many values it has, and what they stand for:
// number = scale * (integer - zero_point). Floats, and integers that stand for themselves, have the scale 1.
struct Tensor {{
  int index;
  int size;
  Arithmetic arithmetic;
}};

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
inline Integer Quantize(float number, const Tensor& tensor) {{
  return Quantize<Integer>(number, tensor.arithmetic);
}}

template <typename Integer>
inline float Dequantize(Integer integer, Arithmetic arithmetic) {{
  return (static_cast<float>(integer) - static_cast<float>(arithmetic.zero_point)) * arithmetic.scale;
}}

template <typename Integer>
inline float Dequantize(Integer integer, const Tensor& tensor) {{
  return Dequantize<Integer>(integer, tensor.arithmetic);
}}
""",
    )


def _tensor(side: str, place: int, spec: TensorSpec, constant: str) -> str:
    scale = np.format_float_scientific(np.float32(1 if spec.scale is None else spec.scale), unique=True, min_digits=1)
    arithmetic = f"{{{scale}f, {spec.zero_point or 0}}}"
    lines = [
        f"// {comment(str(spec))}",
        f"constexpr Tensor {constant} = {{{place}, {size(spec)}, {arithmetic}}};",
        f"constexpr int k{side}{place}Size = {constant}.size;",
    ]
    if spec.scale is not None:
        lines.append(f"constexpr Arithmetic k{side}{place} = {constant}.arithmetic;")
    return "\n".join(lines)


def _constant(side: str, spec: TensorSpec) -> str:
    """Return the name of a tensor as that of a constant: kInputCameraImage for "camera_image:0"."""
    words = re.findall(r"[A-Za-z0-9]+", spec.name.removesuffix(":0"))
    return f"k{side}{''.join(word[0].upper() + word[1:] for word in words) or 'Tensor'}"
