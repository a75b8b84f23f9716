"""A converted file is run once, so that what cannot run is known before it reaches a device.

In: the bytes of a file, a runtime. Out: nothing, or what the runtime says against it. Runs in the worker's process,
as some files take theirs down. Knows nothing of how the file was made.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tfcompress.flatbuffer.inspect import inspect
from tfcompress.flatbuffer.model import TFLiteModel

RUNTIMES = ("litert", "reference")
MOST_MACS = 50_000_000
"""The reference kernels take a second for about 300 million; above this they only prepare."""


def run_once(content: bytes, runtime: Literal["litert", "reference"]) -> str:
    """Run a file on zeros; returns the error of the runtime, or nothing."""
    resolver = OpResolverType.BUILTIN_REF if runtime == "reference" else OpResolverType.AUTO
    try:
        interpreter = Interpreter(model_content=content, experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
        if runtime == "litert" or inspect(TFLiteModel(content)).macs <= MOST_MACS:
            for entry in interpreter.get_input_details():
                if entry["dtype"] not in (np.bytes_, np.str_):
                    interpreter.set_tensor(entry["index"], np.zeros(entry["shape"], entry["dtype"]))
            interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        return " ".join(str(error).split())
    return ""
