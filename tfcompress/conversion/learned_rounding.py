"""Which integers weights become is learned from samples, layer by layer, so that results stay what they were.

In: a float file, the integer file made of it, samples. Out: the integer file with other integers and scales for its
weights, and with biases that take back what the mean of a result is off. Each layer reads what the layers before it,
already rounded, give out, and comes as close as it can to what it gave out in float; the last layer before a sum to
what makes the sum what it was. What is cut off on both sides, by a rectifier or by the range of int8, is no error.
Sources: Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization", ICML 2020, for what is asked
for; Li et al., "BRECQ: Pushing the Limit of Post-Training Quantization by Block Reconstruction", ICLR 2021, for sums
as targets. How the integers are found stands in `integer_least_squares`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tfcompress.console import Advance
from tfcompress.conversion.integer_least_squares import LeastSquares
from tfcompress.conversion.layer_samples import KINDS, Layer
from tfcompress.conversion.samples import Calibration
from tfcompress.conversion.staged_run import StagedRun
from tfcompress.litert.graph import EditableFile, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.correct_biases import FloatLayer, write_bias
from tfcompress.temporary_files import temporary_folder

NO_LIMITS = -np.inf, np.inf
ACTIVATIONS = {0: NO_LIMITS, 1: (0.0, np.inf), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
"""What the activation that is part of an op cuts results to, by its number in the schema."""
FEWEST = 32
"""Samples that count however large what they hold is."""
BYTES_OF_A_VALUE = 5
"""Float and int8."""
BYTES_OF_VALUES = 3 * 2**30
"""What a layer reads and gives out on all samples holds about this many bytes at most; of large images fewer count."""
PART = 4608
"""Numbers that a layer reads are seen together up to so many; what reads more learns in parts."""
PULL = 0.01
"""How much weighs that weights stay near those of the float file, beside the mean power of what they multiply; and by
how many weights there are for a place, as few places tell little of many weights."""
TURNS = 3
"""How often it is asked what is cut off, as that depends on the weights."""


def learn_rounding(
    file: EditableFile,
    floats: EditableFile,
    layers: Mapping[str, FloatLayer],
    calibration: Calibration,
    int4: Collection[Op],
    advance: Advance,
    layer_of: Callable[[str], str],
) -> None:
    """Learn the rounding of all weights that one layer with int8 activations reads.

    Args:
        file: The integer file; its weights are typed int8.
        floats: The float file, whose ops have the same names.
        layers: The float weights, by the names of the results.
        calibration: The samples.
        int4: The ops whose weights have four bits.
        advance: Told which layer is at work, and the number of samples of each that is done.
        layer_of: Names the layer of an op, by the name of its first result.
    """
    origin = {op.name: op for op in floats.main.ops}
    able = [op for op in file.main.ops if op.name in origin and op.name in layers and _can_learn(op, layers[op.name])]
    if not able:
        return
    count = _samples(calibration, [origin[op.name] for op in able])
    with temporary_folder() as folder:
        places = [folder / "integers", folder / "floats"]
        for place in places:
            place.mkdir()
        rounded, exact = (
            StagedRun(*pair) for pair in zip((file, floats), [calibration] * 2, [count] * 2, places, strict=True)
        )
        for number, op in enumerate(able):
            advance(0, f"learning to round, {number + 1} of {len(able)}: {layer_of(op.name)}")
            rounded.run_until(op)
            # The float file may have its ops in another order.
            later = [value for one in able[number:] for value in _read_for(one, origin[one.name])]
            exact.run_until(origin[op.name], also=later)
            data = _Data(op, origin[op.name], layers[op.name], rounded, exact, count, number)
            _learn(file, data, 7 if op in int4 else 127)
            advance(count, None)


def _can_learn(op: Op, layer: FloatLayer) -> bool:
    if op.kind not in KINDS or op.options.fusedActivationFunction not in ACTIVATIONS:
        return False  # a cast behind a layer, at the end of the model, has the layer's name
    places = op_spec(op.kind).weights
    weights, bias = op.inputs[places.kernel], op.input(places.bias)
    if op.inputs[places.data].dtype != "int8" or weights.dtype != "int8" or weights.data is None:
        return False
    if bias is not None and bias.data is None:
        return False
    return len(weights.readers) == 1 and layer.weights.shape == weights.shape


def _samples(calibration: Calibration, ops: list[Op]) -> int:
    """Return how many samples of what a layer reads and gives out fit on the disk."""
    most = max(sum(math.prod(value.shape[1:]) for value in (op.inputs[0], op.outputs[0])) for op in ops)
    return int(np.clip(BYTES_OF_VALUES // (BYTES_OF_A_VALUE * most), min(FEWEST, calibration.count), calibration.count))


def _added(op: Op) -> Value | None:
    """Return what the result of an op is added to, where it is read for that alone."""
    result = op.outputs[0]
    if len(result.readers) != 1 or result.readers[0].kind != "ADD":
        return None
    if result.readers[0].options.fusedActivationFunction not in ACTIVATIONS:
        return None
    other = next((value for value in result.readers[0].inputs if value is not result), None)
    return None if other is None or other.is_constant or other.shape != result.shape else other


def _read_for(op: Op, before: Op) -> list[Value]:
    """Return what is needed of the float file to learn an op."""
    return [value for value in (before.inputs[0], _added(before)) if value is not None]


@dataclass(frozen=True)
class _Data:
    """What a layer reads in both files, and what it is to give out."""

    op: Op
    before: Op
    layer: FloatLayer
    rounded: StagedRun
    exact: StagedRun
    samples: int
    seed: int

    def rows(self, part: slice) -> Iterator[_Places]:
        """Yield some places of the result at a time, for a part of the kernel."""
        layer = Layer(self.op)
        kernel = layer.by_group(np.asarray(self.layer.weights, np.float32))
        is_last, bias = part.stop >= kernel.shape[1], np.float32(0)
        is_whole = is_last and part.start == 0
        if is_last and self.layer.bias is not None:
            bias = self.layer.bias.reshape(layer.groups, 1, -1)
        read, was_read = self.op.inputs[0], self.before.inputs[0]
        other, was_other = (self.rounded.holds(_added(self.op)), self.exact.holds(_added(self.before)))
        is_sum = is_whole and other is not None and was_other is not None
        limits = _limits(self.op) if is_whole else NO_LIMITS
        sum_limits = _limits(self.op.outputs[0].readers[0]) if is_sum else NO_LIMITS
        for places in layer.places(self.samples, self.seed):
            was = layer.rows(was_read, self.exact.values(was_read), places)[..., part] @ kernel[:, part] + bias
            wanted, added = was, np.float32(0)
            if is_sum:
                added = layer.at(other, self.rounded.values(other), places)
                wanted = was + layer.at(was_other, self.exact.values(was_other), places)
            rows = layer.rows(read, self.rounded.values(read), places)[..., part]
            yield _Places(rows, was, wanted, added, limits, sum_limits)


@dataclass(frozen=True)
class _Places:
    """Some places of a result: what the kernel reads there, and what it and the sum that it is part of gave out."""

    read: np.ndarray
    was: np.ndarray
    wanted: np.ndarray
    added: np.ndarray
    limits: tuple[float, float]
    sum_limits: tuple[float, float]

    def target(self, now: np.ndarray) -> np.ndarray:
        """Return what the kernel and its bias are to give; what is cut off anyway may stay where it is now."""
        total = _settled(self.wanted, now + self.added, self.sum_limits)
        return _settled(total - self.added, now, self.limits)


def _settled(wanted: np.ndarray, now: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    low, high = map(np.float32, limits)
    above = np.where(wanted >= high, np.maximum(now, high), wanted)
    return np.where(wanted <= low, np.minimum(now, low), above)


def _limits(op: Op) -> tuple[float, float]:
    """Return what results are cut to: by the activation that is part of an op, and by the range of its integers."""
    (low, high), value = ACTIVATIONS[op.options.fusedActivationFunction], op.outputs[0]
    if value.dtype != "int8":
        return low, high
    return tuple(np.clip(((np.array([-128, 127]) - value.zero_point) * value.scale), low, high))


def _learn(file: EditableFile, data: _Data, largest: int) -> None:
    """Write integers, scales and bias of a layer."""
    layer, weights = Layer(data.op), data.op.inputs[op_spec(data.op.kind).weights.kernel]
    exact = layer.by_group(data.layer.weights.astype(np.float64))
    integers, bias = np.zeros_like(exact), np.zeros((layer.groups, 1, exact.shape[2]))
    scales = weights.quantization.scales.astype(np.float64)
    scales = scales.reshape(1, 1, 1) if len(scales) == 1 else scales.reshape(bias.shape)
    parts = [slice(start, start + PART) for start in range(0, exact.shape[1], PART)]
    for part in parts:
        rows = [*data.rows(part)]
        integers[:, part], scales, shift = _fitted(rows, exact[:, part], scales, largest, keep_scales=len(parts) > 1)
        bias += shift
    weights.data = layer.in_file(integers).astype(np.int8)
    weights.quantize("int8", scales.reshape(-1), weights.quantization.axis)
    write_bias(file.main, data.op, bias.reshape(-1))


def _fitted(
    rows: list[_Places], exact: np.ndarray, scales: np.ndarray, largest: int, *, keep_scales: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return integers, their scales and a bias with which rows come closest to their targets."""
    count, integers = sum(each.read.shape[1] for each in rows), None
    mean = sum(each.read.sum(axis=1, keepdims=True, dtype=np.float64) for each in rows) / count
    for each in rows:  # before they are squared: float32 has no digits for what is small beside a large mean
        np.subtract(each.read, mean.astype(np.float32), out=each.read)
    gram = sum((each.read.swapaxes(1, 2) @ each.read).astype(np.float64) for each in rows) / count
    power = np.trace(gram, axis1=1, axis2=2) / gram.shape[1]
    pull = ((PULL + exact.shape[1] / count) * power + 1e-12)[:, np.newaxis, np.newaxis]
    gram += pull * np.eye(gram.shape[1])
    wanted = np.zeros(1)
    for _ in range(TURNS):
        products, means = 0.0, 0.0
        for each in rows:
            kernel = None if integers is None else np.float32(integers * scales)
            target = each.target(each.was if kernel is None else each.read @ kernel + np.float32(wanted))
            products = products + (each.read.swapaxes(1, 2) @ target).astype(np.float64)
            means = means + target.sum(axis=1, keepdims=True, dtype=np.float64) / count
        wanted = means  # the bias takes care of means
        problem = LeastSquares(gram, products / count + pull * exact, exact != 0, largest)
        integers, scales = problem.solve(scales, integers, keep_scales=keep_scales)
    bias = wanted - mean @ (integers * scales)
    return integers, scales, bias
