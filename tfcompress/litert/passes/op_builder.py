"""A few ops that take the place of one, written like arithmetic.

    build = OpBuilder(graph, op.outputs[0])
    build.mul(x, build.op("LOGISTIC", x), op.outputs[0])
    graph.replace(op, *build.ops)

In: a float graph. Out: ops, and new values between them, whose range is (0, 0) until calibration measures it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.serialization import options

STEPS = 32767
"""Steps of int16 from zero to the end of a range."""


@dataclass
class OpBuilder:
    """The ops that take the place of one; those that are not given a result make a new value."""

    graph: Graph
    result: Value
    ops: list[Op] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)

    def constant(self, number: Any) -> Value:
        return self.graph.constant(number, "float32")

    def op(
        self,
        kind: str,
        *inputs: Value | None,
        to: Value | None = None,
        shape: tuple[int, ...] | None = None,
        form: Any = None,
    ) -> Value:
        """Add an op; its result has the shape of its first input unless told otherwise."""
        if to is None:
            name = f"{self.result.name}/{kind.lower()}_{len(self.ops)}"
            shape = inputs[0].shape if shape is None else shape
            to = self.graph.add(Value(name, shape))
            to.range = (0.0, 0.0)
            self.values.append(to)
        self.ops.append(Op(kind, list(inputs), [to], form))
        return to

    def mul(self, x: Value, y: Value | float, to: Value | None = None, fused: int = 0) -> Value:
        return self._combine("MUL", "Mul", x, y, to, fused)

    def add(self, x: Value, y: Value | float, to: Value | None = None, fused: int = 0) -> Value:
        return self._combine("ADD", "Add", x, y, to, fused)

    def sub(self, x: Value, y: Value | float, to: Value | None = None) -> Value:
        return self._combine("SUB", "Sub", x, y, to, 0)

    def mean(self, x: Value, axes: tuple[int, ...]) -> Value:
        shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
        return self.op("MEAN", x, self.graph.constant(axes), shape=shape, form=options("Reducer", keepDims=True))

    def rsqrt(self, x: Value, low: float, high: float, to: Value | None = None) -> Value:
        """Add an inverse root of what is not below zero; one step of int16 stands for what is zero."""
        step = high / STEPS
        if low < step:
            x = self.op("MAXIMUM", x, self.constant(step), form=options("MaximumMinimum"))
        return self.op("RSQRT", x, to=to)

    def _combine(self, kind: str, settings: str, x: Value, y: Value | float, to: Value | None, fused: int) -> Value:
        y = y if isinstance(y, Value) else self.constant(y)
        shape = tuple(np.broadcast_shapes(x.shape, y.shape))
        return self.op(kind, x, y, to=to, shape=shape, form=options(settings, fusedActivationFunction=fused))
