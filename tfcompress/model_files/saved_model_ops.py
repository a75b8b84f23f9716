"""Which ops a graph may hold: those that compute from tensors, variables and tables in memory.

In: the op of a graph. Out: whether it may run. TensorFlow says of each registered op whether it has state: of those
without, all may run but the ones that are listed here, as they touch files, Python, other devices or other processes
all the same; of those with state, only the ones that are listed here. So an op with effects that TensorFlow adds one
day is refused until somebody has looked at it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorflow.core.framework.node_def_pb2 import NodeDef

EFFECTS_WITHOUT_STATE = re.compile(
    r"""ReadFile|MatchingFiles|ImmutableConst|GenerateVocabRemapping|InitializeTableFromTextFile   # read files
    |DecodeProtoV2|EncodeProto                                                                     # read descriptors
    |PyFuncStateless|Abort|SymbolicGradient|Debug\w*|Copy|CopyHost
    |\w*(Dataset|Reader|Snapshot|Iterator)\w*
    |(Queue|Barrier|Collective|DTensor|Nccl|TPU|Tpu|Infeed|Outfeed|_(?!Fused))\w*
    """,
    re.VERBOSE,
)
STATE_IN_MEMORY = re.compile(
    r"""_Arg|_Retval|_ReadVariablesOp|_VarHandlesOp|(Stateful)?PartitionedCall|If|While|Case
    |VarHandleOp|ReadVariableOp|Assign(Add|Sub)?VariableOp|VarIsInitializedOp|Variable(V2|Shape)?|TemporaryVariable
    |Resource\w+|DestroyResourceOp|DisableCopyOnRead|IsResourceHandleRefCounting
    |(Anonymous)?(Mutable)?(Dense)?HashTable\w*|LookupTable\w+|InitializeTableV2
    |(Parameterized)?TruncatedNormal|Random\w+|Multinomial|Stateful(Uniform|Standard|Truncated|Random)\w*
    |NonDeterministicInts|StatelessRandomGetAlg|Rng(ReadAnd)?Skip|SampleDistortedBoundingBox(V2)?
    |Assert|CheckNumerics(V2)?|Print|Empty|DeepCopy|GuaranteeConst|Timestamp|DeviceIndex
    |TensorArray\w*|Stack(V2|PushV2|PopV2|CloseV2)?|CudnnRNN\w*|XlaCallModule|(All|Uniform|LogUniform)CandidateSampler
    """,
    re.VERBOSE,
)
CONSOLE = frozenset({"stdout", "stderr", "log(info)", "log(warning)", "log(error)"})
SAVER_OPS = frozenset({"SaveV2", "RestoreV2", "MergeV2Checkpoints"})
"""Ops of the checkpoint of a SavedModel; they may stand in its saver alone, with the path that the saver is given."""

FILE_TABLES = frozenset({"InitializeTableFromTextFileV2", "InitializeTableFromTextFile"})
"""Ops that fill a table from a file, which must be an asset of the SavedModel."""


def is_allowed_op(node: NodeDef) -> bool:
    """Whether an op may run: registered, and known to touch nothing but tensors, variables and tables."""
    from tensorflow.python.framework import op_def_registry

    found = op_def_registry.get(node.op)
    if found is None:
        return False
    if node.op == "PrintV2":  # writes to a file where the stream is file://
        return node.attr["output_stream"].s.decode("utf-8", "replace") in CONSOLE | {""}
    if found.is_stateful:
        return STATE_IN_MEMORY.fullmatch(node.op) is not None
    return EFFECTS_WITHOUT_STATE.fullmatch(node.op) is None
