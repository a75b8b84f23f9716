"""A clustered kernel keeps its few values as integers: one scale, times what a norm multiplies each channel by.

    CONV_2D(x, int8 weights, a scale by the largest of each channel)  →  CONV_2D(x, as many integers as values)

Whether a kernel is clustered is found in its float weights. Then a look-up table can hold it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfcompress.clustered_weights import clustered_scales
from tfcompress.litert.graph import Graph, Op
from tfcompress.litert.ops.op_catalogue import op_spec
from tfcompress.litert.passes.correct_biases import FloatLayer, write_bias

ON_GRID = 0.02
"""By how many steps weights may be off that were rounded in training, in float32 and folded with norms."""


def share_cluster_scales(graph: Graph, layers: Mapping[str, FloatLayer]) -> list[Op]:
    """Write clustered int8 kernels, and the biases beside them, in scales under which they stay clustered.

    Args:
        graph: An int8 graph.
        layers: The float weights, by the names of the results.

    Returns:
        The ops that read them.
    """
    able = [op for op in graph.ops if op.name in layers and _has_channel_scales(op, layers[op.name])]
    chosen = {id(op) for op in able}
    done, written = [], set()
    for op in able:
        value, layer = op.inputs[op_spec(op.kind).weights.kernel], layers[op.name]
        if not all(id(reader) in chosen for reader in value.readers):
            continue  # another op reads it in the scales that it has
        axis = value.quantization.axis
        if id(value) not in written:
            scales = clustered_scales(layer.weights, axis)
            if scales is None:
                continue
            if np.allclose(scales, value.quantization.scales, rtol=1e-5):
                done.append(op)
                continue  # shared already
            found, steps = _rounded(layer.weights, scales, axis)
            _, earlier = _rounded(layer.weights, np.asarray(value.quantization.scales), axis)
            if np.abs(earlier).max() < ON_GRID <= np.abs(steps).max():
                continue  # weights that were trained on a grid stay on it: few integers alone are no clusters
            written.add(id(value))
            value.data = found
            value.quantize("int8", scales.astype(np.float32), axis)
        done.append(op)
        write_bias(graph, op, layer.bias)
    return done


def _rounded(weights: np.ndarray, scales: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights as integers, and by how many steps they are off."""
    shape = [1] * weights.ndim
    shape[axis] = -1
    exact = weights / scales.reshape(shape)
    integers = np.clip(np.rint(exact), -127, 127)
    return integers.astype(np.int8), integers - exact


def _has_channel_scales(op: Op, layer: FloatLayer) -> bool:
    """Tell whether an op in int8 has constant weights with a scale for each channel, and no bias that is computed."""
    places = op_spec(op.kind).weights
    if places is None or op.inputs[places.data].dtype != "int8":
        return False
    weights, bias = op.inputs[places.kernel], op.input(places.bias)
    if bias is not None and bias.data is None:
        return False
    if weights.dtype != "int8" or weights.data is None or weights.quantization is None:
        return False
    return len(weights.quantization.scales) > 1 and weights.shape == layer.weights.shape
