"""Float ops that have no integer kernel become float ops that have one and compute the same.

In: a float file that awaits ranges. Out: the same file with SQUARE as x * x and NEG as x * -1.
Knows nothing of Keras.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.conversion.int16_kernels import opcode
from tfcompress.flatbuffer.rewrite import pack

SUBSTITUTED = {schema.BuiltinOperator.SQUARE, schema.BuiltinOperator.NEG}


def with_integer_kernels(content: bytes) -> bytes:
    """Replace ops in every graph of a file."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    changed = False
    for graph in model.subgraphs:
        for op in graph.operators or []:
            kind = model.operatorCodes[op.opcodeIndex].builtinCode
            if kind not in SUBSTITUTED or graph.tensors[op.inputs[0]].type != schema.TensorType.FLOAT32:
                continue
            other = op.inputs[0] if kind == schema.BuiltinOperator.SQUARE else _minus_one(model, graph)
            op.inputs = np.array([op.inputs[0], other], np.int32)
            op.opcodeIndex = opcode(model, "MUL", 1)
            op.builtinOptionsType, op.builtinOptions = schema.BuiltinOptions.MulOptions, schema.MulOptionsT()
            changed = True
    return pack(model) if changed else content


def _minus_one(model: schema.ModelT, graph: schema.SubGraphT) -> int:
    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(np.float32(-1).tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.name, tensor.shape, tensor.buffer = "minus_one", np.array([], np.int32), len(model.buffers) - 1
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1
