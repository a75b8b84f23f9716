"""Which way each weight is rounded is learned from samples, layer by layer, so that results stay what they were.

    rounded weight = scale × (floor(weight / scale) + 0 or 1)

In: a float file, the integer file made of it, samples. Out: the integer file with other integers in its weights, and
with biases that take back what the mean of a result is off. Each layer reads what the layers before it, already
rounded, give out, and learns to come as close as it can to what it gave out in float.
Source: Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization", ICML 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tfcompress.console import Advance
from tfcompress.conversion.batch_engine import BatchEngine
from tfcompress.conversion.samples import Calibration
from tfcompress.litert.graph import EditableFile, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.correct_biases import FloatLayer, write_bias

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
BYTES_OF_VALUES = 256 * 2**20
"""What a layer reads and gives out on all samples together holds this many bytes at most: large layers see fewer."""


def learn_rounding(
    file: EditableFile,
    floats: EditableFile,
    layers: Mapping[str, FloatLayer],
    calibration: Calibration,
    int4: Collection[Op],
    advance: Advance,
    layer_of: Callable[[str], str],
) -> set[str]:
    """Learn the rounding of all weights that one layer with int8 activations reads.

    Args:
        file: The integer file; its weights are typed int8.
        floats: The float file, whose ops have the same names.
        layers: The float weights, by the names of the results.
        calibration: The samples.
        int4: The ops whose weights have four bits.
        advance: Told which layer is at work, and the number of samples of each that is done.
        layer_of: Names the layer of an op, by the name of its first result.

    Returns:
        The names of the ops whose weights and biases are new.
    """
    origin = {op.name: op for op in floats.main.ops}
    done: set[str] = set()
    able = [op for op in file.main.ops if op.name in layers and op.name in origin and _can_learn(op, layers[op.name])]
    for number, op in enumerate(able, 1):
        advance(0, f"learning to round, {number} of {len(able)}: {layer_of(op.name)}")
        layer, before = layers[op.name], origin[op.name]
        reads, results = before.inputs[op_spec(before.kind).weights.data], before.outputs[0]
        count = _samples(calibration, reads, results)
        given = _values(file, op, [op.inputs[op_spec(op.kind).weights.data]], calibration, count)[0]
        was_given, wanted = _values(floats, before, [reads, results], calibration, count)
        weights = op.inputs[op_spec(op.kind).weights.kernel]
        learned, shift = _learn(op, layer, given, was_given, wanted, 7 if op in int4 else 127, seed=len(done))
        weights.data = learned
        write_bias(file.main, op, shift if layer.bias is None else layer.bias + shift)
        done.add(op.name)
        advance(count, None)
    return done


def _can_learn(op: Op, layer: FloatLayer) -> bool:
    if op.kind not in SUMS or op.options.fusedActivationFunction not in ACTIVATIONS:
        return False  # a cast behind a layer, at the end of the model, has the layer's name
    places = op_spec(op.kind).weights
    weights, bias = op.inputs[places.kernel], op.input(places.bias)
    if op.inputs[places.data].dtype != "int8" or weights.dtype != "int8" or weights.data is None:
        return False
    if op.kind == "CONV_2D" and op.inputs[places.data].shape[-1] != weights.shape[-1]:
        return False  # TensorFlow has no gradient of grouped convolutions on every processor
    if bias is not None and bias.data is None:
        return False
    return len(weights.readers) == 1 and layer.weights.shape == weights.shape


def _samples(calibration: Calibration, reads: Value, results: Value) -> int:
    """Return how many samples of what a layer reads and gives out fit into memory."""
    size = 4 * sum(int(np.prod(value.shape[1:])) for value in (reads, reads, results))
    return int(np.clip(BYTES_OF_VALUES // max(1, size), min(BATCH, calibration.count), calibration.count))


def _values(file: EditableFile, op: Op, wanted: list[Value], calibration: Calibration, count: int) -> list[np.ndarray]:
    """Return what some activations, which are there once an op has run, hold on samples, as real numbers."""
    graph = file.main
    part = replace(graph, ops=graph.ops[: graph.ops.index(op) + 1], outputs=[])
    engine = BatchEngine(replace(file, graphs=[part, *file.graphs[1:]]), wanted, replace(calibration, count=count))
    seen: dict[int, list[np.ndarray]] = {}

    def take(number: int, batch: Mapping[Value, np.ndarray]) -> None:
        seen[number] = [_real(value, batch[value]) for value in wanted]

    engine.run(take, lambda _: None)
    return [np.concatenate([seen[number][place] for number in sorted(seen)]) for place in range(len(wanted))]


def _real(value: Value, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "f":
        return array.copy()
    return (array.astype(np.float32) - value.zero_point) * np.float32(value.scale)


def _learn(
    op: Op,
    layer: FloatLayer,
    given: np.ndarray,
    was_given: np.ndarray,
    wanted: np.ndarray,
    largest: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the integers of a layer's weights, and what its bias is to change by."""
    import keras
    import tensorflow as tf

    weights = op.inputs[op_spec(op.kind).weights.kernel]
    shape = [1] * len(weights.shape)
    if len(weights.quantization.scales) > 1:
        shape[weights.quantization.axis] = -1
    scales = weights.quantization.scales.reshape(shape).astype(np.float32)
    exact = np.clip(layer.weights.astype(np.float32) / scales, -largest, largest)
    down = np.floor(exact)
    rest = np.clip(exact - down, 0.01, 0.99)
    logits = tf.Variable(-np.log(STRETCH / (rest + (STRETCH - 1) / 2) - 1))
    sums, (low, high) = SUMS[op.kind], ACTIVATIONS[op.options.fusedActivationFunction]
    bias = np.zeros(weights.shape[0 if op.kind != "DEPTHWISE_CONV_2D" else -1]) if layer.bias is None else layer.bias
    bias = tf.constant(bias, tf.float32)
    optimizer = keras.optimizers.Adam(RATE)
    optimizer.build([logits])
    inputs, targets = tf.constant(given), tf.constant(wanted.reshape(len(given), -1, wanted.shape[-1]))

    def up() -> Any:
        return tf.clip_by_value((tf.sigmoid(logits) - 0.5) * STRETCH + 0.5, 0.0, 1.0)

    @tf.function(autograph=False)
    def step(rows: Any, exponent: Any, pull: Any) -> None:
        with tf.GradientTape() as tape:
            chosen = up()
            kernel = tf.clip_by_value(down + chosen, -largest, largest) * scales
            results = tf.clip_by_value(sums(op, tf.gather(inputs, rows), kernel) + bias, low, high)
            wrong = results - tf.reshape(tf.gather(targets, rows), tf.shape(results))
            error = tf.reduce_sum(wrong**2) / tf.cast(tf.size(rows), tf.float32)
            undecided = tf.reduce_sum(1.0 - tf.abs(2.0 * chosen - 1.0) ** exponent)
            loss = error + pull * undecided
        optimizer.apply_gradients([(tape.gradient(loss, logits), logits)])

    draw, places = np.random.default_rng(seed), np.prod(weights.shape) * np.prod(op.outputs[0].shape[1:-1])
    rows = int(np.clip(MACS_A_STEP // max(1, places), 1, min(BATCH, len(given))))
    for number in range(STEPS):
        late = max(0.0, (number / STEPS - WARM_UP) / (1 - WARM_UP))
        exponent = SHARPEST + (SOFTEST - SHARPEST) * (1 - late)
        step(
            tf.constant(draw.integers(0, len(given), rows)),
            tf.constant(exponent, tf.float32),
            tf.constant(PULL if number >= WARM_UP * STEPS else 0.0, tf.float32),
        )
    learned = np.where(layer.weights == 0, 0, np.clip(down + (up().numpy() > 0.5), -largest, largest))
    before, after = _mean_sums(op, was_given, layer.weights), _mean_sums(op, given, learned * scales)
    return learned.astype(np.int8), before - after


def _mean_sums(op: Op, inputs: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return the mean of each channel of what a layer sums up, without bias."""
    import tensorflow as tf

    kernel, total = tf.constant(kernel, tf.float32), 0.0
    for start in range(0, len(inputs), BATCH):
        found = SUMS[op.kind](op, tf.constant(inputs[start : start + BATCH]), kernel).numpy()
        total = total + found.reshape(-1, found.shape[-1]).mean(axis=0) * len(inputs[start : start + BATCH])
    return total / len(inputs)


def _convolution(op: Op, inputs: Any, kernel: Any) -> Any:
    import tensorflow as tf

    return tf.nn.conv2d(inputs, tf.transpose(kernel, (1, 2, 3, 0)), **_geometry(op, 1))


def _depthwise(op: Op, inputs: Any, kernel: Any) -> Any:
    import tensorflow as tf

    channels = int(inputs.shape[-1])
    shaped = tf.reshape(kernel, (*kernel.shape[1:3], channels, kernel.shape[3] // channels))
    geometry = _geometry(op, max(op.options.strideH, op.options.strideW))
    return tf.nn.depthwise_conv2d(inputs, shaped, **geometry)


def _geometry(op: Op, stride: int) -> dict[str, Any]:
    form = op.options
    strides = [1, stride, stride, 1] if stride > 1 else [1, form.strideH, form.strideW, 1]
    dilations = [form.dilationHFactor, form.dilationWFactor]
    return {"strides": strides, "padding": "VALID" if form.padding else "SAME", "dilations": dilations}


def _dense(op: Op, inputs: Any, kernel: Any) -> Any:
    import tensorflow as tf

    return tf.matmul(tf.reshape(inputs, (-1, kernel.shape[1])), kernel, transpose_b=True)


SUMS: Mapping[str, Callable[[Op, Any, Any], Any]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
}


ACTIVATIONS = {
    0: (-np.inf, np.inf),
    1: (0.0, np.inf),
    2: (-1.0, 1.0),
    3: (0.0, 6.0),
}
"""What the activation that is part of an op cuts results to, by its number in the schema."""
