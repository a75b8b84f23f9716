"""A file is run once, on zeros, exactly as it is: what its interpreter says to that is the truth about it.

In: a `TFLiteModel` and a runtime. Out: nothing, or the interpreter's error; TFLM prints what it used of its arena to
stderr. Belongs into a process that may die (`process.Process.trial`). Knows nothing of batches.
"""

from __future__ import annotations

import numpy as np

from tfcompress.errors import RunError
from tfcompress.flatbuffer.model import TFLiteModel
from tfcompress.runtime.engine import Runtime
from tfcompress.runtime.litert import interpreter
from tfcompress.runtime.micro import micro_interpreter


def run_once(tflite: TFLiteModel, runtime: Runtime) -> None:
    """Load and invoke a file.

    Raises:
        RunError: the interpreter refuses it, in its own words.
        MissingPackageError: "tflm" without its package.
    """
    inputs = [(place, index, _zeros(tflite, place)) for place, (index, _) in enumerate(tflite.bound_inputs)]
    try:
        if runtime == "tflm":
            micro = micro_interpreter(tflite.content)
            for place, _, zeros in inputs:
                micro.set_input(zeros, place)
            micro.invoke()
            micro.print_allocations()
        else:
            loaded = interpreter(tflite.content, runtime, threads=1)
            loaded.allocate_tensors()
            for _, index, zeros in inputs:
                loaded.set_tensor(index, zeros)
            loaded.invoke()
    except (RuntimeError, ValueError) as error:
        raise RunError("The interpreter must run the file.", received=" ".join(str(error).split())) from error


def _zeros(tflite: TFLiteModel, place: int) -> np.ndarray:
    """Return what stands for zero in the input's own type."""
    _, spec = tflite.bound_inputs[place]
    return np.full([size or 1 for size in spec.shape], spec.zero_point or 0, spec.dtype)
