"""Rounded weights shift what a layer gives out, the same way for every sample; the layer's bias takes the shift back.

In: the integer file, the float file it was made of, the mean of each channel that its layers read. Out: the integer
file with other biases. Knows nothing of ranges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.flatbuffer.packing import pack, unpack

INPUT, WEIGHTS, BIAS = 0, 1, 2
CHANNELS_LAST = {schema.BuiltinOperator.DEPTHWISE_CONV_2D}
"""Ops whose weights have the channels of the result on the last axis; the others have them on the first."""
CORRECTED = {schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED, *CHANNELS_LAST}
BIASES = {schema.TensorType.INT8: np.int32, schema.TensorType.INT16: np.int64}
"""The type of biases by the type of what a layer reads."""


def read_by_layers(floating: bytes) -> set[int]:
    """Return the tensors of a float file whose means `correct_biases` needs."""
    model = unpack(floating)
    return {int(op.inputs[INPUT]) for op in _layers(model).values()}


def correct_biases(content: bytes, floating: bytes, means: Mapping[str, np.ndarray]) -> bytes:
    """Take the mean shift of rounded weights out of the biases.

    Args:
        content: An integer file.
        floating: The float file that it was made of; results have the same names.
        means: The mean of each channel of the tensors that `read_by_layers` names, by their names in the float file.

    Source:
        Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.2, with
        means that are measured.
    """
    before, after = (unpack(each) for each in (floating, content))
    made_of, changed = _layers(before), False
    tensors = after.subgraphs[0].tensors
    users = Counter(tensors[int(i)].buffer for op in after.subgraphs[0].operators for i in op.inputs if i >= 0)
    for name, op in _layers(after).items():
        source, reads = made_of.get(name), tensors[op.inputs[INPUT]]
        if source is None or reads.type not in BIASES:
            continue
        mean = means.get(before.subgraphs[0].tensors[source.inputs[INPUT]].name.decode())
        bias = tensors[op.inputs[BIAS]] if len(op.inputs) > BIAS and op.inputs[BIAS] >= 0 else None
        if mean is None or (bias is not None and (users[bias.buffer] > 1 or after.buffers[bias.buffer].data is None)):
            continue
        axis = -1 if after.operatorCodes[op.opcodeIndex].builtinCode in CHANNELS_LAST else 0
        steps = _steps(tensors[op.inputs[WEIGHTS]], axis)
        weights, rounded = _data(before, source.inputs[WEIGHTS]), _data(after, op.inputs[WEIGHTS])
        if steps is None or weights is None or rounded is None or weights.shape != rounded.shape:
            continue
        if axis == 0 and len(mean) % weights.shape[-1]:
            continue  # a dense layer that flattens what it reads by itself: its columns are no channels
        error = rounded * steps - weights
        shift = _shift(error * _taps(before, source) if error.ndim == 4 else error, mean, axis)
        scales = float(reads.quantization.scale[0]) * steps.ravel()
        if bias is None:
            bias = _with_bias(after, op, name + b"_bias", scales)
        kind = BIASES[reads.type]
        held = np.frombuffer(np.asarray(after.buffers[bias.buffer].data, np.uint8).tobytes(), kind)
        limits = np.iinfo(np.int32)  # of each step towards it: a bias in int64 may be larger
        found = held + np.clip(np.rint(-shift / scales), limits.min, limits.max).astype(np.int64)
        if kind is np.int32:
            found = np.clip(found, limits.min, limits.max)
        after.buffers[bias.buffer].data = np.frombuffer(found.astype(kind).tobytes(), np.uint8)
        changed = True
    return pack(after) if changed else content


def _with_bias(model: schema.ModelT, op: schema.OperatorT, name: bytes, scales: np.ndarray) -> schema.TensorT:
    """Give an op a bias of zeros; it has one scale where the weights have one."""
    graph = model.subgraphs[0]
    count = len(graph.tensors[op.inputs[WEIGHTS]].quantization.scale)
    wide = graph.tensors[op.inputs[INPUT]].type == schema.TensorType.INT16
    tensor, buffer = schema.TensorT(), schema.BufferT()
    buffer.data = np.zeros(len(scales) * (8 if wide else 4), np.uint8)
    model.buffers.append(buffer)
    tensor.buffer, tensor.name, tensor.shape = len(model.buffers) - 1, name, np.array([len(scales)], np.int32)
    tensor.type = schema.TensorType.INT64 if wide else schema.TensorType.INT32
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale = scales[:count].astype(np.float32)
    tensor.quantization.zeroPoint = np.zeros(count, np.int64)
    graph.tensors.append(tensor)
    op.inputs = np.array([*op.inputs[:BIAS], len(graph.tensors) - 1], np.int32)
    return tensor


def _layers(model: schema.ModelT) -> dict[bytes, schema.OperatorT]:
    """Return the ops whose biases can be corrected, by the names of their results."""
    graph = model.subgraphs[0]
    found = (op for op in graph.operators if model.operatorCodes[op.opcodeIndex].builtinCode in CORRECTED)
    return {graph.tensors[op.outputs[0]].name: op for op in found}


def _shift(error: np.ndarray, mean: np.ndarray, axis: int) -> np.ndarray:
    """Return what wrong weights add to each channel of the result, on average over what they read."""
    if axis == -1:  # each channel reads one; with a multiplier several read the same
        return error.sum(axis=tuple(range(error.ndim - 1))) * np.repeat(mean, error.shape[-1] // len(mean))
    groups = len(mean) // error.shape[-1]  # a grouped convolution reads its own part
    read = np.repeat(mean.reshape(groups, -1), len(error) // groups, axis=0)
    return np.einsum("oc,oc->o", error.reshape(len(error), -1, error.shape[-1]).sum(axis=1), read)


def _taps(model: schema.ModelT, op: schema.OperatorT) -> np.ndarray:
    """Return for each tap of a kernel at what share of its places it reads the image, and not padding."""
    graph, options = model.subgraphs[0], op.builtinOptions
    given, taken, kernel = (graph.tensors[i].shape for i in (op.inputs[INPUT], op.outputs[0], op.inputs[WEIGHTS]))
    shares = []
    steps = (options.strideH, options.dilationHFactor), (options.strideW, options.dilationWFactor)
    for axis, (stride, dilation) in enumerate(steps, 1):
        size, places, taps = int(given[axis]), np.arange(int(taken[axis])), np.arange(int(kernel[axis])) * dilation
        same = options.padding == schema.Padding.SAME
        before = max((len(places) - 1) * stride + int(taps[-1]) + 1 - size, 0) // 2 if same else 0
        read = places[:, np.newaxis] * stride - before + taps
        shares.append(((read >= 0) & (read < size)).mean(axis=0))
    return np.multiply.outer(*shares)[np.newaxis, :, :, np.newaxis]


def _steps(tensor: schema.TensorT, axis: int) -> np.ndarray | None:
    """Return the scale of each channel of int8 weights, shaped to multiply them."""
    if tensor.type != schema.TensorType.INT8 or tensor.quantization is None or tensor.quantization.scale is None:
        return None
    channels = int(tensor.shape[axis])
    shape = [1] * len(tensor.shape)
    shape[axis] = channels
    return np.broadcast_to(np.asarray(tensor.quantization.scale, np.float64), channels).reshape(shape)


def _data(model: schema.ModelT, index: int) -> np.ndarray | None:
    tensor = model.subgraphs[0].tensors[index]
    kinds = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.INT8: np.int8}
    data = model.buffers[tensor.buffer].data
    if tensor.type not in kinds or data is None or not len(data):
        return None
    return np.frombuffer(np.asarray(data, np.uint8).tobytes(), kinds[tensor.type]).reshape(tensor.shape).astype(float)
