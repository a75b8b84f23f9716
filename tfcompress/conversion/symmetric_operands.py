"""The right operand of a product of two activations gets a range around zero, so that its zero point in int8 is 0.

In: a calibrated file. Out: the same file with other ranges. XNNPACK of LiteRT 2.0.3 to 2.1.2, and of the `tf.lite` of
TensorFlow 2.21, leaves another zero point of that operand out, and the product of an attention is wrong without a word.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.conversion.int16_kernels import KINDS, SHARED
from tfcompress.flatbuffer.packing import pack, unpack


def with_symmetric_operands(content: bytes, apart: Collection[str]) -> bytes:
    """Widen the ranges of right operands of BATCH_MATMUL, and of what they are copies of.

    Args:
        content: A float file with ranges.
        apart: Names of the results of ops that are not to be in int8.
    """
    model = unpack(content)
    graph = model.subgraphs[0]
    kinds = {id(op): KINDS.get(model.operatorCodes[op.opcodeIndex].builtinCode, "") for op in graph.operators}
    made_by = {int(index): op for op in graph.operators for index in op.outputs}
    changed = False
    for op in graph.operators:
        if kinds[id(op)] != "BATCH_MATMUL" or graph.tensors[op.outputs[0]].name.decode() in apart:
            continue
        waiting, copies = [int(op.inputs[1])], []
        while waiting:
            index = waiting.pop()
            if not _has_range(graph.tensors[index]) or index in copies:
                continue
            copies.append(index)
            maker = made_by.get(index)
            if maker is not None and kinds[id(maker)] in SHARED:
                waiting += [int(read) for read in maker.inputs if read >= 0]
        ranges = [graph.tensors[index].quantization for index in copies]
        largest = max((float(np.abs([held.min[0], held.max[0]]).max()) for held in ranges), default=0.0)
        for held in ranges:
            held.min, held.max = np.array([-largest * 128 / 127], np.float32), np.array([largest], np.float32)
        changed = changed or bool(copies)
    return pack(model) if changed else content


def _has_range(tensor: schema.TensorT) -> bool:
    return tensor.quantization is not None and tensor.quantization.min is not None and len(tensor.quantization.min) > 0
