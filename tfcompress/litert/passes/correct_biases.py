"""Rounded weights shift what a layer gives out, the same way for every sample; the layer's bias takes the shift back.

    CONV_2D(x, weights, bias)  →  CONV_2D(x, weights, bias - mean of what rounding the weights adds)

Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.2,
with means that calibration measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tfcompress.litert.graph import Graph, Op, Value
from tfcompress.litert.ops.op_catalogue import op_spec

INPUT, WEIGHTS, BIAS = 0, 1, 2
BIAS_TYPE = {"int8": np.int32, "int16": np.int64}
"""The type of biases by the type of what a layer reads."""


@dataclass(frozen=True)
class FloatLayer:
    """What bias correction needs of a layer before it is quantized."""

    weights: np.ndarray
    bias: np.ndarray | None
    reads: str
    """The name of what it reads."""
    taps: np.ndarray | None
    """For each tap of a convolution the share of places at which it reads the image; None for a dense layer."""


def float_layers(graph: Graph) -> dict[str, FloatLayer]:
    """Describe the layers of a float graph whose biases can be corrected, by the names of their results."""
    found = {}
    for op in graph.ops:
        weights = op.input(WEIGHTS)
        if (
            _channel_axis(op) is not None
            and weights is not None
            and weights.dtype == "float32"
            and weights.data is not None
        ):
            taps = _taps(op) if len(weights.shape) == 4 else None
            bias = op.input(BIAS)
            found[op.name] = FloatLayer(weights.data, None if bias is None else bias.data, op.inputs[INPUT].name, taps)
    return found


def _channel_axis(op: Op) -> int | None:
    """Return the axis of the weights that is the channels of the result; None where biases are not corrected."""
    places = op_spec(op.kind).weights
    return None if places is None else places.channels


def correct_biases(graph: Graph, layers: Mapping[str, FloatLayer], means: Mapping[str, np.ndarray]) -> None:
    """Take the mean shift of rounded weights out of the biases.

    Args:
        graph: An integer graph.
        layers: What `float_layers` says of the graph before it was quantized; results keep their names.
        means: The mean of each channel of what those layers read, by name.
    """
    for op in graph.ops:
        axis = _channel_axis(op)
        layer = None if axis is None else layers.get(op.name)
        mean = None if layer is None else means.get(layer.reads)
        if mean is None or op.inputs[INPUT].dtype not in BIAS_TYPE:
            continue
        rounded, bias = op.inputs[WEIGHTS], op.input(BIAS)
        quantized = rounded.dtype == "int8" and rounded.data is not None and rounded.quantization is not None
        if not quantized or layer.weights.shape != rounded.shape:
            continue
        if bias is not None and (bias.data is None or len(bias.readers) > 1):
            continue
        if axis == 0 and len(mean) % rounded.shape[-1]:
            continue  # a dense layer that flattens what it reads by itself: its columns are no channels
        steps = _steps(rounded, axis)
        error = rounded.data * steps - layer.weights.astype(float)
        shift = shift_of(error if layer.taps is None else error * layer.taps, mean, axis)
        _add(graph, op, -shift / (op.inputs[INPUT].scale * steps.ravel()), op.inputs[INPUT].scale * steps.ravel())


def shift_of(error: np.ndarray, mean: np.ndarray, axis: int) -> np.ndarray:
    """Return what wrong weights add to each channel of the result, on average over what they read.

    Args:
        error: Rounded minus right weights, weighted by how often each tap reads the image.
        mean: The mean of each channel that is read.
        axis: 0 where the channels of the result are the first axis of the weights, -1 for depthwise convolutions.
    """
    if axis == -1:  # each channel reads one; with a multiplier several read the same
        return error.sum(axis=tuple(range(error.ndim - 1))) * np.repeat(mean, error.shape[-1] // len(mean))
    groups = len(mean) // error.shape[-1]  # a grouped convolution reads its own part
    read = np.repeat(mean.reshape(groups, -1), len(error) // groups, axis=0)
    return np.einsum("oc,oc->o", error.reshape(len(error), -1, error.shape[-1]).sum(axis=1), read)


def write_bias(graph: Graph, op: Op, numbers: np.ndarray | None) -> None:
    """Write a bias in steps of the scales that its weights have now, as the kernel adds it to sums in those steps.

    Args:
        graph: An integer graph.
        op: One with int8 activations and weights.
        numbers: The real bias; None: that which the op has, from before its weights got other scales.
    """
    places = op_spec(op.kind).weights
    bias = op.input(places.bias)
    if bias is None or bias.data is None:
        if numbers is None:
            return
        bias = graph.add(Value(f"{op.name}_bias", numbers.shape))
        graph.set_input(op, places.bias, bias)
    elif numbers is None:
        numbers = bias.data * bias.quantization.scales
    if len(bias.readers) > 1:
        bias = graph.add(Value(f"{op.name}_bias", bias.shape))
        graph.set_input(op, places.bias, bias)
    limits, scales = np.iinfo(np.int32), op.inputs[places.data].scale * op.inputs[places.kernel].quantization.scales
    bias.data = np.clip(np.rint(numbers / scales.astype(np.float64)), limits.min, limits.max).astype(np.int32)
    bias.quantize("int32", scales)


def _add(graph: Graph, op: Op, steps: np.ndarray, scales: np.ndarray) -> None:
    """Add steps to the bias of an op, which gets one if it has none."""
    dtype, limits = BIAS_TYPE[op.inputs[INPUT].dtype], np.iinfo(np.int32)
    bias = op.input(BIAS)
    found = np.clip(np.rint(steps), limits.min, limits.max).astype(np.int64)
    if bias is None:
        bias = graph.add(Value(op.name + "_bias", found.shape))
        bias.data = np.zeros(found.shape, dtype)
        bias.quantize(bias.dtype, scales[: len(op.inputs[WEIGHTS].quantization.scales)])  # one where they have one
        graph.set_input(op, BIAS, bias)
    found += bias.data
    bias.data = (np.clip(found, limits.min, limits.max) if dtype is np.int32 else found).astype(dtype)


def _taps(op: Op) -> np.ndarray:
    """Return for each tap of a kernel at what share of its places it reads the image, and not padding."""
    form, shares = op.options, []
    steps = (form.strideH, form.dilationHFactor), (form.strideW, form.dilationWFactor)
    for axis, (stride, dilation) in enumerate(steps, 1):
        size, places = op.inputs[INPUT].shape[axis], np.arange(op.outputs[0].shape[axis])
        reach = np.arange(op.inputs[WEIGHTS].shape[axis]) * dilation
        same = form.padding == 0
        before = max((len(places) - 1) * stride + int(reach[-1]) + 1 - size, 0) // 2 if same else 0
        read = places[:, np.newaxis] * stride - before + reach
        shares.append(((read >= 0) & (read < size)).mean(axis=0))
    return np.multiply.outer(*shares)[np.newaxis, :, :, np.newaxis]


def _steps(weights: Value, axis: int) -> np.ndarray:
    """Return the scale of each channel of int8 weights, shaped to multiply them."""
    shape = [1] * len(weights.shape)
    shape[axis] = weights.shape[axis]
    return np.broadcast_to(np.asarray(weights.quantization.scales, np.float64), shape[axis]).reshape(shape)
