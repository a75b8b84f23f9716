"""Channels are multiplied before a rectifier and divided behind it, so that all use the steps of one scale alike.

    CONV_2D(x, w, b) → RELU → CONV_2D(y, v)   becomes   CONV_2D(x, s·w, s·b) → RELU → CONV_2D(s·y, v / s)

Exact where every op between the kernels gives s times as much when it reads s times as much: sums, ReLU, PReLU,
pooling, padding. ReLU6 is exact for factors from 1 on that bring no channel to its cut. Sigmoids, products of two
activations, and what joins channels are not touched; nor are a model's inputs and outputs. All activations of a
residual stream, with every kernel that writes or reads it, are one group.
Sources: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.1;
here activations count too, as in Xiao et al., "SmoothQuant", ICML 2023.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from tfcompress.litert.graph import EditableFile, Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec

NONE, RELU, RELU6 = 0, 1, 3
"""The schema's numbers of the activations that go along with factors."""
KEY = "tfcompress_channel_factors"
"""The entry of a file that tells its factors, as floats of the same model have none."""
MAX_BYTES, MAX_EXPONENT = 2**20, 64
STEPS = 4
"""Factors are 2 to the power of a whole number of fourths: a manifest keeps them as small integers."""


@dataclass(eq=False)
class FactorGroup:
    """Activations whose channels have one factor, and the kernels that write and read them."""

    values: list[Value] = field(default_factory=list)
    writers: list[Op] = field(default_factory=list)
    readers: list[Op] = field(default_factory=list)

    @property
    def cut(self) -> list[Value]:
        """The activations that end at 6, which no factor may bring a channel to."""
        return [op.outputs[0] for op in self.writers if op.options.fusedActivationFunction == RELU6]

    @property
    def channels(self) -> int:
        return self.values[0].shape[-1]

    @property
    def name(self) -> str:
        """The name of its first activation, by which a file of the same model knows it."""
        return self.values[0].name


def channel_groups(graph: Graph) -> list[FactorGroup]:
    """Return the groups of activations whose channels can have factors of their own.

    Args:
        graph: A float graph.
    """
    tied = _Tied(graph)
    for op in graph.ops:
        if _has_kernel(op):
            places = op_spec(op.kind).weights
            if not _reads_channels(op):
                tied.fix(op.inputs[places.data])
            if op.options.fusedActivationFunction not in (NONE, RELU, RELU6):
                tied.fix(op.outputs[0])
        elif _passes_channels(op):
            for value in (*_activations(op), *op.outputs):
                tied.tie(op.outputs[0], value)
        else:
            for value in (*_activations(op), *op.outputs):
                tied.fix(value)
    groups: dict[Value, FactorGroup] = {}
    for value in tied.free():
        groups.setdefault(tied.root(value), FactorGroup()).values.append(value)
    for op in filter(_has_kernel, graph.ops):
        read, written = op.inputs[op_spec(op.kind).weights.data], op.outputs[0]
        if group := groups.get(tied.root(read)):
            group.readers.append(op)
        if group := groups.get(tied.root(written)):
            group.writers.append(op)
    return [each for each in groups.values() if each.writers and each.readers and each.channels > 1]


def equalize(graph: Graph, exponents: Mapping[str, list[int]]) -> None:
    """Multiply the channels of groups.

    Args:
        graph: A float graph, changed in place.
        exponents: By the name of a group the factor of each channel: the power of 2, in fourths.
    """
    for group in channel_groups(graph):
        chosen = next((exponents[value.name] for value in group.values if value.name in exponents), None)
        if chosen is None or len(chosen) != group.channels:
            continue
        factors = factors_of(chosen)
        for op in group.writers:
            _multiply(graph, op, factors, written=True)
        for op in group.readers:
            _multiply(graph, op, 1 / factors, written=False)


def note(file: EditableFile, exponents: Mapping[str, list[int]]) -> None:
    """Write factors into a file, for those who compare it with a float file."""
    file.set_metadata(KEY, zlib.compress(json.dumps(exponents, separators=(",", ":")).encode(), 9))


def noted(file: EditableFile) -> dict[str, list[int]]:
    """Return the factors that a file tells of itself; what anyone else may have written there is left out."""
    content = next((data.tobytes() for name, data in file.metadata if name == KEY), b"")
    try:
        found = json.loads(zlib.decompressobj().decompress(content, MAX_BYTES))
    except (ValueError, RecursionError, zlib.error):
        return {}
    rows = found.items() if isinstance(found, dict) else ()
    return {
        name: row
        for name, row in rows
        if isinstance(row, list) and all(isinstance(k, int) and abs(k) <= MAX_EXPONENT for k in row)
    }


def factors_of(exponents: list[int]) -> np.ndarray:
    """Return the factors that exponents stand for."""
    return np.exp2(np.asarray(exponents, np.float64) / STEPS)


def by_channels_read(op: Op) -> np.ndarray:
    """Return the kernel of an op as (rows, channels that it reads)."""
    places = op_spec(op.kind).weights
    kernel = op.inputs[places.kernel].data
    channels = op.inputs[places.data].shape[-1]
    if op.kind == "DEPTHWISE_CONV_2D":  # each channel is read by so many in a row
        return np.moveaxis(kernel.reshape(-1, channels, kernel.shape[-1] // channels), 1, 2).reshape(-1, channels)
    return kernel.reshape(-1, channels)


def _multiply(graph: Graph, op: Op, factors: np.ndarray, *, written: bool) -> None:
    places = op_spec(op.kind).weights
    kernel, bias = op.inputs[places.kernel], op.input(places.bias)
    if op.kind == "DEPTHWISE_CONV_2D":
        along = -1
        kernel_factors = factors if written else np.repeat(factors, kernel.shape[-1] // len(factors))
    else:
        along, kernel_factors = (0 if written else -1), factors
    shape = [1] * len(kernel.shape)
    shape[along] = -1
    kernel.data = (kernel.data * kernel_factors.reshape(shape)).astype(np.float32)
    if written and bias is not None:
        if len(bias.readers) > 1:
            bias = graph.add(Value(f"{op.name}_bias", bias.shape, content=bias.content))
            graph.set_input(op, places.bias, bias)
        bias.data = (bias.data * factors).astype(np.float32)


def _has_kernel(op: Op) -> bool:
    """Tell whether an op has a float kernel of its own, whose channels can be multiplied."""
    places = op_spec(op.kind).weights
    if places is None or places.channels is None or op.input(places.kernel) is None:
        return False
    kernel, bias = op.inputs[places.kernel], op.input(places.bias)
    mine = kernel.dtype == "float32" and kernel.data is not None and len(kernel.readers) == 1
    return mine and (bias is None or bias.data is not None)


def _reads_channels(op: Op) -> bool:
    """Tell whether the last axis of what an op reads is the one that its kernel knows as channels."""
    places = op_spec(op.kind).weights
    read, kernel = op.inputs[places.data].shape[-1], op.inputs[places.kernel].shape
    return kernel[-1] % read == 0 if op.kind == "DEPTHWISE_CONV_2D" else kernel[-1] == read


def _passes_channels(op: Op) -> bool:
    """Tell whether an op gives s times a channel where it reads s times that channel."""
    spec = op_spec(op.kind)
    if not spec.keeps_factors or getattr(op.options, "fusedActivationFunction", NONE) not in (NONE, RELU):
        return False
    read, result = _activations(op), op.outputs[0]
    if any(value.shape[-1:] != result.shape[-1:] or value.dtype != "float32" for value in (*read, result)):
        return False
    if spec.keeps_factors == "sum":  # a constant would have to be multiplied as well
        return len(read) == len(op.inputs) and all(value.shape == result.shape for value in read)
    if spec.keeps_factors == "reduction":
        axes = op.inputs[1].data
        return axes is not None and not any(axis % len(read[0].shape) == len(read[0].shape) - 1 for axis in axes.flat)
    if spec.keeps_factors == "padding":  # not of the channels themselves
        return op.inputs[1].data is not None and not op.inputs[1].data[-1].any()
    return True


def _activations(op: Op) -> list[Value]:
    return [value for value in op.inputs if value is not None and not value.is_constant]


class _Tied:
    """Which activations have the same factors, and which have none."""

    def __init__(self, graph: Graph) -> None:
        self._above = {value: value for value in graph.values if not value.is_constant}
        self._fixed = {*graph.inputs, *graph.outputs}
        self._fixed |= {value for value in self._above if value.dtype != "float32" or not value.shape}

    def root(self, value: Value) -> Value:
        while self._above[value] is not value:
            value = self._above[value]
        return value

    def tie(self, one: Value, other: Value) -> None:
        one, other = self.root(one), self.root(other)
        self._above[other] = one

    def fix(self, value: Value) -> None:
        self._fixed.add(value)

    def free(self) -> Iterator[Value]:
        fixed = {self.root(value) for value in self._fixed}
        return (value for value in self._above if self.root(value) not in fixed)
