"""Damaged and hostile files are found out before anything in them is believed.

In: the bytes of a file. Out: nothing, or a `FileError`. A flatbuffer is made of offsets, and offsets may point
anywhere: many to one place, so that a small file unfolds to a huge one, or at nothing. What honest writers make takes
about the bytes that it unfolds to, half of them where they share what is alike; what unfolds to far more is refused.
Source of the format: the TFLite schema (schema.fbs) and https://flatbuffers.dev/internals; what flows from where is
checked as TFLite's own verifier does it (tensorflow/lite/core/tools/verifier.cc).
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import FileError
from tfcompress.litert.subgraph_calls import BRANCHES, FIELDS

SLACK = 1 << 16
"""Bytes by which a file may unfold to more than four times what it has."""

STATEFUL = {schema.TensorType.RESOURCE, schema.TensorType.VARIANT, schema.TensorType.STRING}

BITS = {
    **{getattr(schema.TensorType, f"{sign}INT{bits}"): bits for sign in ("", "U") for bits in (8, 16, 32, 64)},
    **{getattr(schema.TensorType, f"FLOAT{bits}"): bits for bits in (16, 32, 64)},
    **{getattr(schema.TensorType, name): 4 for name in ("INT4", "UINT4") if hasattr(schema.TensorType, name)},
    **{getattr(schema.TensorType, name): 2 for name in ("INT2",) if hasattr(schema.TensorType, name)},
    schema.TensorType.BFLOAT16: 16,
    schema.TensorType.BOOL: 8,
}
"""Bits of a value, of the types whose values are all of one size."""

VERSION = 3

MAX_SIGNATURES = 1_000
"""Each is counted on its own, over all graphs that it runs."""

MAX_AXES = 32
"""Runtimes take 8 axes or fewer."""


def require_sound(content: bytes) -> None:
    """Walk a file once, and refuse what unfolds to more than it is or points outside of itself.

    Args:
        content: The whole file.

    Raises:
        FileError: the file is damaged or hostile.
    """
    budget = _Budget(4 * len(content) + SLACK)
    model = schema.Model.GetRootAs(content, 0)
    if model.Version() != VERSION:
        raise FileError(
            f"A .tflite file of version {VERSION} of the format is needed, as all are since 2017.",
            received=f"version {model.Version()}",
            hint="Convert the model again.",
        )
    codes, buffers = model.OperatorCodesLength(), model.BuffersLength()
    budget.spend(8 * (codes + buffers + model.SubgraphsLength() + model.SignatureDefsLength()))
    budget.spend(8 * (model.MetadataLength() + model.MetadataBufferLength()))
    budget.spend(8 * (model.ExternalBuffersLength() + model.ExternalBufferGroupsLength()))
    custom = {index for index in range(codes) if model.OperatorCodes(index).CustomCode() is not None}
    for index in custom:
        budget.spend(len(model.OperatorCodes(index).CustomCode()))
    behind = _Behind(len(content), budget)
    held = [_bytes_of(model.Buffers(index), budget, behind) for index in range(buffers)]
    filled = {index for index, size in enumerate(held) if size}
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        budget.spend(len(entry.Name() or b""))
        _within(entry.Buffer(), buffers, "buffer of metadata")
    if not model.SubgraphsLength():
        raise _broken("no graph in it")
    graphs = [model.Subgraphs(index) for index in range(model.SubgraphsLength())]
    for graph in graphs:
        _check_graph(graph, codes, buffers, budget, behind)
        _check_flow(graph, filled, custom)
        _check_sizes(graph, held)
    behind.require_apart()
    _check_calls(graphs)
    for index in range(model.ExternalBuffersLength()):
        external = model.ExternalBuffers(index)
        budget.spend(len(external.Packing() or b""))
        _within(external.Group(), model.ExternalBufferGroupsLength(), "group of external data")
    for index in range(model.ExternalBufferGroupsLength()):
        budget.spend(len(model.ExternalBufferGroups(index).Name() or b""))
    if model.SignatureDefsLength() > MAX_SIGNATURES:
        raise _broken(f"{model.SignatureDefsLength():,} signatures")
    for index in range(model.SignatureDefsLength()):
        _check_signature(model.SignatureDefs(index), graphs, budget)


class _Budget:
    """How many bytes the file may still unfold to."""

    def __init__(self, left: int) -> None:
        self._left = left

    def spend(self, count: int) -> None:
        if count < 0:
            raise _broken("a negative length")
        self._left -= count
        if self._left < 0:
            raise _broken("parts that point at one another: it would unfold to far more than it is")


class _Behind:
    """What lies behind the flatbuffer: all inside of the file, no two things in part at one place."""

    def __init__(self, size: int, budget: _Budget) -> None:
        self._size, self._budget = size, budget
        self._places: set[tuple[int, int]] = set()

    def add(self, offset: int, size: int, what: str) -> None:
        if offset + size > self._size:
            raise _broken(f"{what} beyond its end")
        self._budget.spend(size)
        if size:
            self._places.add((offset, offset + size))

    def require_apart(self) -> None:
        for (_, end), (start, _) in pairwise(sorted(self._places)):
            if start < end:
                raise _broken(f"two constants at byte {start:,}, of which one begins inside of the other")


def _check_graph(graph: Any, codes: int, buffers: int, budget: _Budget, behind: _Behind) -> None:
    tensors, operators = graph.TensorsLength(), graph.OperatorsLength()
    budget.spend(16 * (tensors + operators))
    for index in range(tensors):
        tensor = graph.Tensors(index)
        if tensor.ExternalBuffer():
            raise FileError(
                "A .tflite file that holds its own constants is needed.",
                received=f"one with constants in another file: tensor {index}, {(tensor.Name() or b'')[:60]!r}",
                hint="Export it with its weights inside, or behind the flatbuffer in the same file.",
            )
        _within(tensor.Buffer(), buffers, f"buffer of tensor {index}")
        budget.spend(len(tensor.Name() or b""))
        axes = max(tensor.ShapeLength(), tensor.ShapeSignatureLength())
        if axes > MAX_AXES:
            raise _broken(f"a tensor of {axes:,} axes")
        sparse = tensor.Sparsity()
        if sparse is not None:
            budget.spend(
                4 * (sparse.TraversalOrderLength() + sparse.BlockMapLength()) + 16 * sparse.DimMetadataLength()
            )
        budget.spend(8 * tensor.VariantTensorsLength())
        arithmetic = tensor.Quantization()
        if arithmetic is not None:
            budget.spend(4 * (arithmetic.ScaleLength() + arithmetic.MinLength() + arithmetic.MaxLength()))
            budget.spend(8 * arithmetic.ZeroPointLength())
    for side, length in (("Inputs", graph.InputsLength()), ("Outputs", graph.OutputsLength())):
        budget.spend(4 * length)
        for index in range(length):
            _within(getattr(graph, side)(index), tensors, side.lower())
    for index in range(operators):
        op = graph.Operators(index)
        _within(op.OpcodeIndex(), codes, f"kind of op {index}")
        for side in ("Inputs", "Outputs", "Intermediates"):
            length = getattr(op, f"{side}Length")()
            budget.spend(4 * length)
            for position in range(length):
                _within(getattr(op, side)(position), tensors, f"{side.lower()} of op {index}", least=-1)
        budget.spend(op.CustomOptionsLength() + op.MutatingVariableInputsLength())
        if op.CustomOptionsIsNone() and op.LargeCustomOptionsOffset() > 1:
            behind.add(op.LargeCustomOptionsOffset(), op.LargeCustomOptionsSize(), f"options of op {index}")


def _check_calls(graphs: list[Any]) -> None:
    """Refuse ops that run graphs which are not there, and graphs that run themselves: they would have no end."""
    called = []
    for graph in graphs:
        ops = [_calls(graph.Operators(index)) for index in range(graph.OperatorsLength())]
        called.append({number for numbers in ops for number in numbers})
        for number in called[-1]:
            _within(number, len(graphs), "graph that an op runs")
    callers = Counter(number for numbers in called for number in numbers)
    ready = [index for index in range(len(graphs)) if not callers[index]]
    for index in ready:  # grows: a graph is ready once all that run it were
        for number in called[index]:
            callers[number] -= 1
            if not callers[number]:
                ready.append(number)
    if len(ready) < len(graphs):
        raise _broken("graphs that run themselves")


def _check_signature(signature: Any, graphs: list[Any], budget: _Budget) -> None:
    _within(signature.SubgraphIndex(), len(graphs), "graph of a signature")
    graph = graphs[signature.SubgraphIndex()]
    budget.spend(len(signature.SignatureKey() or b""))
    for side in ("Inputs", "Outputs"):
        length = getattr(signature, f"{side}Length")()
        ends = {getattr(graph, side)(index) for index in range(getattr(graph, f"{side}Length")())}
        budget.spend(8 * length)
        for index in range(length):
            entry = getattr(signature, side)(index)
            budget.spend(len(entry.Name() or b""))
            _within(entry.TensorIndex(), graph.TensorsLength(), f"{side.lower()} of a signature")
            if entry.TensorIndex() not in ends:
                raise _broken(
                    f"a signature whose {side.lower()} are not those of its graph: tensor {entry.TensorIndex()}"
                )


def _check_flow(graph: Any, filled: set[int], custom: set[int]) -> None:
    """Refuse ops that write where constant data is or twice to one place, or read what nothing has written.

    Custom ops may read tensors that are their own working memory, as those of Ethos-U files do.
    """
    fixed, ready = set(), {graph.Inputs(index) for index in range(graph.InputsLength())}
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        if tensor.Buffer() in filled:
            fixed.add(index)
        elif tensor.IsVariable() or tensor.Type() in STATEFUL or _is_empty(tensor):
            ready.add(index)
    if fixed & ready:
        raise _broken("constant data as an input")
    written: set[int] = set()
    for number in range(graph.OperatorsLength()):
        op = graph.Operators(number)
        for position in range(op.InputsLength()):
            index = op.Inputs(position)
            known = index < 0 or index in fixed or index in ready or index in written
            if not known and op.OpcodeIndex() not in custom:
                raise _broken(f"op {number}, which reads what nothing has written: tensor {index}")
        for position in range(op.OutputsLength()):
            index = op.Outputs(position)
            if index in fixed or index in written:
                raise _broken(f"op {number}, which writes where other data is: tensor {index}")
            written.add(index)
    for position in range(graph.OutputsLength()):
        index = graph.Outputs(position)
        if index not in fixed | ready | written:
            raise _broken(f"an output that nothing has written: tensor {index}")


def _is_empty(tensor: Any) -> bool:
    return any(tensor.Shape(axis) == 0 for axis in range(tensor.ShapeLength()))


def _check_sizes(graph: Any, held: list[int]) -> None:
    """Refuse constants that claim more values than there are: some runtimes read on behind them."""
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        size, bits = held[tensor.Buffer()], BITS.get(tensor.Type())
        if size and bits and tensor.Sparsity() is None:
            count = math.prod(max(0, int(tensor.Shape(axis))) for axis in range(tensor.ShapeLength()))
            if count * bits > 8 * size:
                raise _broken(f"a constant of {count:,} values in {size:,} bytes: tensor {index}")


def _bytes_of(buffer: Any, budget: _Budget, behind: _Behind) -> int:
    """Return the bytes of a buffer; writers leave an offset of 0 or 1 where nothing lies behind the flatbuffer."""
    budget.spend(buffer.DataLength())
    if not buffer.DataIsNone() or buffer.Offset() <= 1:
        return buffer.DataLength()
    behind.add(buffer.Offset(), buffer.Size(), "constant data")
    return buffer.Size()


def _within(number: int, count: int, what: str, least: int = 0) -> None:
    if not least <= number < count:
        raise _broken(f"{what}: number {number} of {count}")


def _broken(what: str) -> FileError:
    return FileError(
        "A whole .tflite file is needed.",
        received=f"a file with {what}",
        hint="The file is damaged: convert or copy it again.",
    )


def _calls(op: schema.Operator) -> tuple[int, ...]:
    """Return the graphs that an op of a flatbuffer runs, before anything of it is unpacked."""
    for union, kind, held in (
        (schema.BuiltinOptions, op.BuiltinOptionsType(), op.BuiltinOptions()),
        (schema.BuiltinOptions2, op.BuiltinOptions2Type(), op.BuiltinOptions2()),
    ):
        for name in (*FIELDS, BRANCHES):
            if held is not None and kind and kind == getattr(union, name, None):
                options = getattr(schema, name)()
                options.Init(held.Bytes, held.Pos)
                if name == BRANCHES:
                    return tuple(options.BranchSubgraphIndices(i) for i in range(options.BranchSubgraphIndicesLength()))
                return tuple(getattr(options, field)() for field in FIELDS[name])
    return ()
