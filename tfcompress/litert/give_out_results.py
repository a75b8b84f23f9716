"""A file that gives out what each of its ops writes, to find out where two runtimes part.

In: a `TFLiteModel`. Out: one with the same ops, inputs and tensor numbers, and more outputs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tfcompress.litert.graph import Signature
from tfcompress.litert.op_facts import OpFacts, Tensor
from tfcompress.litert.serialization import read_graph
from tfcompress.litert.tflite_model import TFLiteModel


@dataclass(frozen=True)
class OpResult:
    """What one op of the first graph writes."""

    op: OpFacts
    tensor: Tensor

    @property
    def name(self) -> str:
        """The name of the output under which the file gives it out."""
        return f"tensor_{self.tensor.index}"


def op_results(tflite: TFLiteModel, types: Collection[str]) -> list[OpResult]:
    """Return what the ops of the first graph write, in the order in which they run.

    Args:
        tflite: The file.
        types: Which types: others, such as handles of variables, are left out.
    """
    return [
        OpResult(op, tensor)
        for op in tflite.ops
        if op.subgraph == 0
        for tensor in op.outputs
        if tensor.dtype in types and not tensor.is_variable
    ]


def give_out_results(tflite: TFLiteModel, results: list[OpResult]) -> TFLiteModel:
    """Return a file with these results as outputs, each under its name, after whatever else it gives out."""
    file = read_graph(tflite.content)
    graph = file.main
    inputs = [(spec.name, graph.values[index]) for index, spec in tflite.bound_inputs]
    written = [(result.name, graph.values[result.tensor.index]) for result in results]
    graph.outputs = [*dict.fromkeys([*graph.outputs, *(value for _, value in written)])]
    graph.signatures = [Signature("serving_default", inputs, written)]
    for other in file.graphs[1:]:
        other.signatures = []
    return TFLiteModel.from_graph(file)
