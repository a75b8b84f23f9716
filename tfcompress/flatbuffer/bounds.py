"""Damaged and hostile files are found out before anything in them is believed.

In: the bytes of a file. Out: nothing, or a `FileError`. A flatbuffer is made of offsets, and offsets may point
anywhere: many to one place, so that a small file unfolds to a huge one, or at nothing. What honest writers make takes
at least the bytes that it unfolds to; what unfolds to more is refused.
Source of the format: the TFLite schema (schema.fbs) and https://flatbuffers.dev/internals.
"""

from __future__ import annotations

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import FileError

SLACK = 1 << 16
"""Bytes by which a file may unfold to more than it has; writers share some strings."""

MOST_AXES = 32
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
    codes, buffers = model.OperatorCodesLength(), model.BuffersLength()
    budget.spend(8 * (codes + buffers + model.SubgraphsLength() + model.SignatureDefsLength()))
    budget.spend(8 * (model.MetadataLength() + model.MetadataBufferLength()))
    budget.spend(8 * (model.ExternalBuffersLength() + model.ExternalBufferGroupsLength()))
    for index in range(codes):
        budget.spend(len(model.OperatorCodes(index).CustomCode() or b""))
    for index in range(buffers):
        _check_buffer(model.Buffers(index), len(content), budget)
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        budget.spend(len(entry.Name() or b""))
        _within(entry.Buffer(), buffers, "buffer of metadata")
    if not model.SubgraphsLength():
        raise _broken("no graph in it")
    sizes = []
    for index in range(model.SubgraphsLength()):
        graph = model.Subgraphs(index)
        sizes.append(graph.TensorsLength())
        _check_graph(graph, codes, buffers, budget)
    for index in range(model.SignatureDefsLength()):
        _check_signature(model.SignatureDefs(index), sizes, budget)


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


def _check_graph(graph: Any, codes: int, buffers: int, budget: _Budget) -> None:
    tensors, operators = graph.TensorsLength(), graph.OperatorsLength()
    budget.spend(16 * (tensors + operators))
    for index in range(tensors):
        tensor = graph.Tensors(index)
        _within(tensor.Buffer(), buffers, f"buffer of tensor {index}")
        budget.spend(len(tensor.Name() or b""))
        axes = max(tensor.ShapeLength(), tensor.ShapeSignatureLength())
        if axes > MOST_AXES:
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


def _check_signature(signature: Any, sizes: list[int], budget: _Budget) -> None:
    _within(signature.SubgraphIndex(), len(sizes), "graph of a signature")
    tensors = sizes[signature.SubgraphIndex()]
    budget.spend(len(signature.SignatureKey() or b""))
    for side in ("Inputs", "Outputs"):
        length = getattr(signature, f"{side}Length")()
        budget.spend(8 * length)
        for index in range(length):
            entry = getattr(signature, side)(index)
            budget.spend(len(entry.Name() or b""))
            _within(entry.TensorIndex(), tensors, f"{side.lower()} of a signature")


def _check_buffer(buffer: Any, size: int, budget: _Budget) -> None:
    budget.spend(buffer.DataLength())
    if buffer.Offset() > 1 and buffer.Offset() + buffer.Size() > size:
        raise _broken("constant data beyond its end")


def _within(number: int, count: int, what: str, least: int = 0) -> None:
    if not least <= number < count:
        raise _broken(f"{what}: number {number} of {count}")


def _broken(what: str) -> FileError:
    return FileError(
        "A whole .tflite file is needed.",
        received=f"a file with {what}",
        todo="The file is damaged: convert or copy it again.",
    )
