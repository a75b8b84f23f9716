"""Which files keep state from one inference to the next: recurrent and streaming ones.

In: a `TFLiteModel`. Out: what kind of state it has. Runs nothing.
"""

from __future__ import annotations

import numpy as np

from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.tflite_model import OpFacts, TFLiteModel


def has_state(tflite: TFLiteModel) -> bool:
    """Tell whether a result may depend on the inferences before it."""
    return _has_ops_with_state(tflite) or any(tensor.is_variable for tensors in tflite.subgraphs for tensor in tensors)


def only_variable_tensors(tflite: TFLiteModel) -> bool:
    """Tell whether all state is in variable tensors of the main graph, which every runtime can set to zero.

    LiteRT has no call that resets resource variables: it takes a new interpreter (measured on 2.3.0:
    `reset_all_variables` and `allocate_tensors` leave them as they are).
    """
    bodies = tflite.subgraphs[1:]
    return not _has_ops_with_state(tflite) and not any(t.is_variable for tensors in bodies for t in tensors)


def _has_ops_with_state(tflite: TFLiteModel) -> bool:
    return any(op_spec(op.name).keeps_state for op in tflite.ops)


def reset_restores_on_tflm(tflite: TFLiteModel) -> bool:
    """Tell whether `MicroInterpreter::Reset` brings the initial state back.

    It sets variables to zero (to the zero point where they are quantized) but does not run CALL_ONCE again, from which
    other initial values come; nor does it reset how far a circular buffer has been filled.
    """
    initial = [op for op in tflite.ops if op.name == "ASSIGN_VARIABLE" and op.subgraph]
    return all(op.name != "CIRCULAR_BUFFER" for op in tflite.ops) and all(_sets_zero(tflite, op) for op in initial)


def _sets_zero(tflite: TFLiteModel, op: OpFacts) -> bool:
    """Tell whether an ASSIGN_VARIABLE assigns a constant that stands for zero."""
    assigned = op.inputs[-1]
    values = tflite.constant(assigned, op.subgraph)
    return values is not None and not np.any(values != (assigned.zero_points or (0,))[0])


def resource_variables(tflite: TFLiteModel) -> int:
    """Count the resource variables of a file, over all its subgraphs; handles of one name are one variable."""
    if not any(op.name == "VAR_HANDLE" for op in tflite.ops):
        return 0
    found = [op.options for graph in tflite.file.graphs for op in graph.ops]
    return len({(each.container, each.sharedName) for each in found if type(each).__name__ == "VarHandleOptionsT"})
