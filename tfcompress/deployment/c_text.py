"""What the C++ files of a package have in common: header guards, and how tensors and numbers are written.

In: names, tensors, arrays. Out: C++ text.
"""

from __future__ import annotations

import numpy as np

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import RunError
from tfcompress.litert.tflite_model import TFLiteModel

TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "int32": "int32_t", "int64": "int64_t"}
TYPES |= {"float32": "float", "bool": "bool"}


def header(name: str, part: str, includes: str, body: str) -> str:
    """Return a header file: a guard, includes, and a body in the namespace."""
    guard = f"{name}_{part}_H_".upper()
    lines = f"#ifndef {guard}\n#define {guard}\n\n" + (f"{includes}\n" if includes else "")
    return f"{lines}namespace {name} {{\n{body}\n}}  // namespace {name}\n\n#endif  // {guard}\n"


def outputs_in_order(tflite: TFLiteModel) -> list[TensorSpec]:
    """Return the outputs in the order in which an interpreter numbers them."""
    specs = dict(tflite.bound_outputs)
    return [specs[index] for index in tflite.output_tensors if index in specs]


def rows(array: np.ndarray) -> str:
    """Return a row of C++ numbers for each sample."""
    return "".join("    {" + ",".join(map(number, row)) + "},\n" for row in array.reshape(len(array), -1))


def number(value: np.generic) -> str:
    """Return a C++ literal that is exactly this number."""
    if value.dtype.kind == "f":
        if not np.isfinite(value):
            raise RunError("Golden outputs must be finite.", received=value, hint="Pass real samples.")
        return np.format_float_scientific(value, unique=True, min_digits=1) + "f"
    if value.dtype == np.int64:
        return f"{int(value)}LL" if value > np.iinfo(np.int64).min else "INT64_MIN"
    return str(int(value))


def c_type(spec: TensorSpec) -> str:
    """Return the C++ type of a tensor's numbers."""
    if spec.dtype not in TYPES:
        raise RunError("Inputs and outputs must have types that C knows.", received=str(spec))
    return TYPES[spec.dtype]


def size(spec: TensorSpec) -> int:
    """Return how many numbers one sample of a tensor has."""
    return int(np.prod([length or 1 for length in spec.shape[1:]], dtype=np.int64))


def comment(text: str) -> str:
    """Keep a name from ending its comment, or going on in the next line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text).replace("\\", "?")
