"""Which way each weight is rounded is learned from samples, layer by layer, so that results stay what they were.

    rounded weight = scale × (floor(weight / scale) + 0 or 1)

In: a float file, the integer file made of it, samples. Out: the integer file with other integers in its weights, and
with biases that take back what the mean of a result is off. Each layer reads what the layers before it, already
rounded, give out, and learns to come as close as it can to what it gave out in float.
Source: Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization", ICML 2020.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfcompress.console import Advance
from tfcompress.conversion.layer_sums import ACTIVATIONS, SUMS, has_sums
from tfcompress.conversion.samples import Calibration
from tfcompress.conversion.staged_run import StagedRun, real
from tfcompress.litert.graph import EditableFile, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.correct_biases import FloatLayer, write_bias
from tfcompress.temporary_files import temporary_folder

STEPS = 1000
RATE = 1e-2
"""Of Adam, for what decides between down and up: a logit."""
BATCH = 32
WARM_UP = 0.2
"""The part of the steps in which nothing is drawn to 0 or 1 yet."""
PULL = 0.01
"""How much weighs that a decision is one, beside the squared error of one sample."""
SHARPEST, SOFTEST = 2.0, 20.0
"""The exponent of the pull falls from one to the other, so that it begins where a decision is close."""
STRETCH = 1.2
"""The sigmoid is stretched by this around its middle and cut, so that it reaches 0 and 1."""
MACS_A_STEP = 80_000_000
BYTES_OF_A_VALUE = 5
"""Float and int8."""
BYTES_OF_VALUES = 3 * 2**30
"""What a layer reads and gives out on all samples holds about this many bytes at most; of large images fewer count."""


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
            layer, before = layers[op.name], origin[op.name]
            read, was_read = op.inputs[0], before.inputs[0]
            rounded.run_until(op)
            # The float file may have its ops in another order.
            needed = [
                value for one in able[number:] for value in (origin[one.name].inputs[0], origin[one.name].outputs[0])
            ]
            exact.run_through(before, also=needed)
            data = _Data(op, read, rounded.values(read), exact.values(was_read), exact.values(before.outputs[0]))
            weights = op.inputs[op_spec(op.kind).weights.kernel]
            learned, shift = _learn(op, layer, data, 7 if op in int4 else 127, seed=number)
            weights.data = learned
            write_bias(file.main, op, shift if layer.bias is None else layer.bias + shift)
            advance(count, None)


def _can_learn(op: Op, layer: FloatLayer) -> bool:
    if not has_sums(op) or op.options.fusedActivationFunction not in ACTIVATIONS:
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
    return int(np.clip(BYTES_OF_VALUES // (BYTES_OF_A_VALUE * most), min(BATCH, calibration.count), calibration.count))


@dataclass(frozen=True)
class _Data:
    """What a layer reads and gives out, a sample a row, on disk."""

    op: Op
    value: Value
    read: np.ndarray
    was_read: np.ndarray
    wanted: np.ndarray

    def __len__(self) -> int:
        return len(self.read)

    def batch(self, rows: np.ndarray | slice) -> tuple[np.ndarray, np.ndarray]:
        """Return what the layer reads in the integer file, and what it gave out in float."""
        return real(self.value, self.read[rows]), np.array(self.wanted[rows])


def _learn(op: Op, layer: FloatLayer, data: _Data, largest: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the integers of a layer's weights, and what its bias is to change by."""
    import keras
    import tensorflow as tf

    weights, result = op.inputs[op_spec(op.kind).weights.kernel], op.outputs[0]
    shape = [1] * len(weights.shape)
    if len(weights.quantization.scales) > 1:
        shape[weights.quantization.axis] = -1
    scales = weights.quantization.scales.reshape(shape).astype(np.float32)
    exact = np.clip(layer.weights.astype(np.float32) / scales, -largest, largest)
    down, free = np.floor(exact), np.float32(layer.weights != 0)  # zeros stay zeros
    rest = np.clip(exact - down, 0.01, 0.99)
    logits = tf.Variable(-np.log(STRETCH / (rest + (STRETCH - 1) / 2) - 1))
    sums, (low, high) = SUMS[op.kind], _limits(op)
    bias = np.zeros(weights.shape[0 if op.kind != "DEPTHWISE_CONV_2D" else -1]) if layer.bias is None else layer.bias
    bias = tf.constant(bias, tf.float32)
    optimizer = keras.optimizers.Adam(RATE)
    optimizer.build([logits])

    def up() -> Any:
        return free * tf.clip_by_value((tf.sigmoid(logits) - 0.5) * STRETCH + 0.5, 0.0, 1.0)

    @tf.function(autograph=False)
    def step(inputs: Any, wanted: Any, exponent: Any, pull: Any) -> None:
        with tf.GradientTape() as tape:
            chosen = up()
            kernel = tf.clip_by_value(down + chosen, -largest, largest) * scales
            results = tf.clip_by_value(sums(op, inputs, kernel) + bias, low, high)
            wrong = results - tf.clip_by_value(tf.reshape(wanted, tf.shape(results)), low, high)
            error = tf.reduce_sum(wrong**2) / tf.cast(tf.shape(inputs)[0], tf.float32)
            undecided = tf.reduce_sum(1.0 - tf.abs(2.0 * chosen - 1.0) ** exponent)
            loss = error + pull * undecided
        optimizer.apply_gradients([(tape.gradient(loss, logits), logits)])

    draw, places = np.random.default_rng(seed), np.prod(weights.shape) * np.prod(result.shape[1:-1])
    rows = int(np.clip(MACS_A_STEP // max(1, places), 1, min(BATCH, len(data))))
    for number in range(STEPS):
        late = max(0.0, (number / STEPS - WARM_UP) / (1 - WARM_UP))
        exponent = SHARPEST + (SOFTEST - SHARPEST) * (1 - late)
        step(
            *map(tf.constant, data.batch(draw.integers(0, len(data), rows))),
            tf.constant(exponent, tf.float32),
            tf.constant(PULL if number >= WARM_UP * STEPS else 0.0, tf.float32),
        )
    learned = np.clip(down + (up().numpy() > 0.5), -largest, largest)
    before = _mean_sums(op, layer.weights, len(data), lambda rows: np.array(data.was_read[rows]))
    after = _mean_sums(op, learned * scales, len(data), lambda rows: real(data.value, data.read[rows]))
    return learned.astype(np.int8), before - after


def _limits(op: Op) -> tuple[float, float]:
    """Return what results are cut to: by the activation that is part of an op, and by the range of its integers."""
    (low, high), value = ACTIVATIONS[op.options.fusedActivationFunction], op.outputs[0]
    if value.dtype != "int8":
        return low, high
    return tuple(np.clip(((np.array([-128, 127]) - value.zero_point) * value.scale), low, high))


def _mean_sums(op: Op, kernel: np.ndarray, count: int, inputs: Callable[[slice], np.ndarray]) -> np.ndarray:
    """Return the mean of each channel of what a layer sums up, without bias."""
    import tensorflow as tf

    kernel, total = tf.constant(kernel, tf.float32), 0.0
    for start in range(0, count, BATCH):
        rows = inputs(slice(start, start + BATCH))
        found = SUMS[op.kind](op, tf.constant(rows), kernel).numpy()
        total = total + found.reshape(-1, found.shape[-1]).mean(axis=0) * len(rows)
    return total / count
