"""What became of each layer: the table that a quantization-aware model prints.

In: the plans of the calls. Out: rows and their text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfcompress.result_base import Part, Result, Table
from tfcompress.training.quantization.fake_quant_placement import Plan
from tfcompress.training.quantization.int4_kernels import Kernels


@dataclass(frozen=True)
class Row:
    """One layer or operation."""

    path: str
    kind: str
    quantized: bool
    scheme: str
    """How it is quantized, or why it is not."""


@dataclass(frozen=True, repr=False)
class QuantizationReport(Result):
    """A row a layer; print it for a table.

    Example:
        >>> print(qat_model.quantization)
    """

    rows: tuple[Row, ...]

    @property
    def gaps(self) -> list[Row]:
        """The layers that stay float."""
        return [row for row in self.rows if not row.quantized]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @property
    def headline(self) -> str:
        """How many layers are in int8."""
        return f"{len(self.rows) - len(self.gaps)} of {len(self.rows)} in int8"

    def parts(self) -> Iterator[Part]:
        """A row a layer."""
        rows = [(row.path, row.kind, "yes" if row.quantized else "FLOAT", row.scheme) for row in self.rows]
        yield Table(("layer", "kind", "int8", "scheme, or why not"), rows)


def report(plans: Sequence[Plan], int4: Kernels = frozenset()) -> QuantizationReport:
    """Make the report of a plan.

    Args:
        plans: What becomes of each call.
        int4: The kernels of four bits.
    """
    rows = []
    for plan in plans:
        scheme = plan.spec.note
        if plan.fused:
            scheme = f"part of {plan.fused}"
        operation = plan.call.operation
        small = [name for name in plan.spec.kernels if (id(operation), name) in int4 and not plan.inline]
        if small:
            scheme = f"{' and '.join(small)} of 4 bits with learned steps"
        kind = getattr(operation, "__name__", type(operation).__name__)
        rows.append(Row(plan.call.path, kind, plan.spec.result != "float", scheme))
    return QuantizationReport(tuple(rows))
