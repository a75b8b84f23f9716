"""Calibration: a float file runs on samples, and the ranges of its activations are written into it.

In: a float .tflite whose tensors await ranges, samples on disk. Out: the same file with ranges, and the mean of each
channel that a layer with weights reads. Runs whole batches on all cores in LiteRT, where the converter's own
calibration runs one sample after the other. Knows nothing of Keras or of what is quantized.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from tfcompress.conversion.bias_correction import read_by_layers
from tfcompress.conversion.int16_kernels import SHARED
from tfcompress.conversion.ranges import Method, choose
from tfcompress.conversion.samples import Calibration
from tfcompress.cores import cores
from tfcompress.errors import ConversionError
from tfcompress.flatbuffer.packing import pack, unpack
from tfcompress.flatbuffer.rewrite import open_batch

VALUES_KEPT = 1 << 16
"""Values of each tensor that are kept for "percentile" and "mse"."""

BYTES_AT_ONCE = 32 * 2**20
"""All activations of one batch together hold this many bytes at most: what leaves the cache costs twice the time."""

ROWS = 1024
"""Rows of channels in a batch that their means are taken of."""

VALUES_IN_CACHE = 1 << 17
"""Values of which smallest and largest are taken while they are in the cache."""

WIDEST_INVERSE = 32.0
"""The range of an inverse root in int16 ends at this over the root of its input's range. The kernel interpolates 256
entries of a table: below the first of them this end comes closest to the root; the largest one seen is far off."""

LEAST_RANGE = 1e-3
"""The range of what is zero on all samples: runtimes refuse an empty one."""

LEAST_SOFTMAX_RANGE = 1e-3
"""The reference kernels abort on a softmax whose input range is almost nothing, as in an untrained model."""


HIDDEN, STATE, CELL = 4, 18, 19
"""Which intermediate of a fused LSTM is its result before projection, and which inputs its state and its cell are."""

LEAST_CELL = 0.75
"""The kernel's tanh of a cell that stays within half a unit is wrong: it has no step as fine as the range asks for."""


class _Seen:
    """Smallest and largest value of one tensor, values drawn evenly from it, and the means of its channels."""

    def __init__(self, share: int, with_means: bool) -> None:
        self.low, self.high, self.share = np.inf, -np.inf, share
        self.kept: list[np.ndarray] = []
        self._means: list[np.ndarray] | None = [] if with_means else None
        self._counts: list[int] = []

    def add(self, array: np.ndarray) -> None:
        flat = array.reshape(-1)
        for start in range(0, flat.size, VALUES_IN_CACHE):
            part = flat[start : start + VALUES_IN_CACHE]
            low, high = float(part.min()), float(part.max())
            self.low, self.high = (min(self.low, low), max(self.high, high)) if low == low else (math.nan, math.nan)
        self.kept.append(flat[:: _stride(flat.size, self.share)].copy())
        if self._means is not None:
            rows = array.reshape(-1, array.shape[-1])
            self._means.append(rows[:: _stride(len(rows), ROWS)].mean(axis=0))
            self._counts.append(len(rows))

    def range(self, method: Method) -> tuple[float, float]:
        return choose(method, self.low, self.high, np.concatenate(self.kept))

    @property
    def means(self) -> np.ndarray | None:
        return np.average(self._means, axis=0, weights=self._counts) if self._means else None


def _stride(size: int, wanted: int) -> int:
    """Return the stride that takes about so many of some values, and meets every channel, row and column alike."""
    stride = max(1, size // wanted)
    while math.gcd(stride, size) > 1:
        stride += 1
    return stride


def calibrate(
    content: bytes,
    calibration: Calibration,
    method: Method,
    advance: Callable[[int], None] = lambda _: None,
    fine: Callable[[str], bool] = lambda _: False,
    in_float: Callable[[str], bool] = lambda _: False,
) -> tuple[bytes, dict[str, np.ndarray]]:
    """Measure every activation that awaits a range, and write the ranges into the file.

    Args:
        content: A float file as the converter gives it when asked to calibrate only.
        calibration: The samples.
        method: How a range follows from the values: see `ranges.choose`.
        advance: Called with the number of samples that were run.
        fine: Tells from a tensor's name whether it has steps enough to keep everything that was seen.
        in_float: Tells from the name of its result whether an op stays in float.

    Returns:
        The file, and by tensor name the means of the channels that layers with weights read.

    Raises:
        ConversionError: an activation is infinite or NaN.
    """
    model = unpack(content)
    graph = model.subgraphs[0]
    hidden = {int(i) for op in graph.operators if op.intermediates is not None for i in op.intermediates}
    waiting = [
        index
        for index, tensor in enumerate(graph.tensors)
        if _range(graph, index) is not None and index not in hidden and not tensor.isVariable
    ]
    seen = measure(content, waiting, calibration, advance)
    quantized = [op for op in graph.operators if not in_float(graph.tensors[op.outputs[0]].name.decode())]
    needed = {int(index) for op in quantized for index in (*op.inputs, *op.outputs)}
    seen = {index: values for index, values in seen.items() if _is_finite(graph, index, values, needed)}
    ends = {*map(int, graph.inputs), *map(int, graph.outputs)}
    kinds = [(model.operatorCodes[op.opcodeIndex].builtinCode, op) for op in graph.operators]
    before_softmax = {int(op.inputs[0]) for kind, op in kinds if kind == schema.BuiltinOperator.SOFTMAX}
    inverses = {int(op.outputs[0]): int(op.inputs[0]) for kind, op in kinds if kind == schema.BuiltinOperator.RSQRT}
    entries = [*(model.signatureDefs[0].inputs or ()), *(model.signatureDefs[0].outputs or ())]
    named = {int(entry.tensorIndex): entry.name.decode() for entry in entries}
    all_samples = {index: calibration.ends[name] for index, name in named.items() if name in calibration.ends}
    for index, values in seen.items():
        whole = index in ends or fine(graph.tensors[index].name.decode())  # what the user sees is not clipped
        low, high = values.range("minmax" if whole else method)
        if index in all_samples:
            low, high = min(low, all_samples[index][0]), max(high, all_samples[index][1])
        if whole and index in inverses:
            high = min(high, WIDEST_INVERSE / np.sqrt(seen[inverses[index]].high))
        if index in before_softmax and high - low < LEAST_SOFTMAX_RANGE:
            low, high = low - LEAST_SOFTMAX_RANGE / 2, high + LEAST_SOFTMAX_RANGE / 2
        _set_range(graph, index, low, high)
    _tie_ranges(model)
    means = {graph.tensors[index].name.decode(): values.means for index, values in seen.items()}
    return pack(model), {name: found for name, found in means.items() if found is not None}


def _is_finite(graph: schema.SubGraphT, index: int, values: _Seen, needed: set[int]) -> bool:
    """Tell whether a tensor has a range; raise if it has none and needs one."""
    finite = bool(np.isfinite([values.low, values.high]).all())
    if not finite and index in needed:
        name = graph.tensors[index].name.decode()
        raise ConversionError(
            "What the layers of an integer file put out must be finite on all samples.",
            received=f"from {values.low} to {values.high} in {name}",
            todo="Find the layer: a logarithm or a division of zero, perhaps. keep_float= leaves it and what reads it "
            "in float.",
        )
    return finite


def ranges_of(content: bytes) -> dict[str, tuple[float, float]]:
    """Return the ranges that stand in a file, by tensor name."""
    graph = unpack(content).subgraphs[0]
    found = ((tensor.name.decode(), _range(graph, index)) for index, tensor in enumerate(graph.tensors))
    return {name: bounds for name, bounds in found if bounds is not None}


def has_one_graph(content: bytes) -> bool:
    """Tell whether a file has no loops or branches, whose bodies are graphs of their own."""
    return len(unpack(content).subgraphs) == 1


def hides_values(content: bytes) -> bool:
    """Tell whether values that need a range stay inside an op, as in a fused LSTM."""
    graph = unpack(content).subgraphs[0]
    return any(op.intermediates is not None and len(op.intermediates) for op in graph.operators)


def _tie_ranges(model: schema.ModelT) -> None:
    """Give one range to what has one scale on the device, where the quantizer would take any of several.

    A minimum or maximum has one scale with what it is taken of. The result of a fused LSTM, its state and the hidden
    value between them are one value; ops after it that keep scales, such as a concatenation of two directions, would
    change that of the result alone.
    """
    graph = model.subgraphs[0]
    fused = [op for op in graph.operators if op.intermediates is not None and len(op.intermediates) > HIDDEN]
    shared = {getattr(schema.BuiltinOperator, name) for name in SHARED}
    groups = [{int(op.outputs[0])} for op in fused]
    for op in graph.operators:
        kind = model.operatorCodes[op.opcodeIndex].builtinCode
        if kind in shared:
            floats = {int(index) for index in (*op.inputs, *op.outputs) if _range(graph, index) is not None}
            if kind in (schema.BuiltinOperator.MINIMUM, schema.BuiltinOperator.MAXIMUM):
                groups.append(floats)
            touched = [group for group in groups if group & floats]
            if touched:
                groups = [group for group in groups if group not in touched] + [floats.union(*touched)]
    for group in groups:
        low, high = zip(*(_range(graph, index) for index in group), strict=True)
        for index in group:
            _set_range(graph, index, min(low), max(high))
    for op in fused:
        for index in (op.intermediates[HIDDEN], op.inputs[STATE]):
            _set_range(graph, index, *_range(graph, op.outputs[0]))
        low, high = _range(graph, op.inputs[CELL])
        _set_range(graph, op.inputs[CELL], min(low, -LEAST_CELL), max(high, LEAST_CELL))


def _range(graph: schema.SubGraphT, index: int) -> tuple[float, float] | None:
    quantization = graph.tensors[index].quantization if index >= 0 else None
    if quantization is None or quantization.min is None or not len(quantization.min):
        return None
    return float(quantization.min[0]), float(quantization.max[0])


def _set_range(graph: schema.SubGraphT, index: int, low: float, high: float) -> None:
    if low == high == 0:
        high = LEAST_RANGE
    graph.tensors[index].quantization.min = np.array([low], np.float32)
    graph.tensors[index].quantization.max = np.array([high], np.float32)


def measure(
    content: bytes, waiting: list[int], calibration: Calibration, advance: Callable[[int], None]
) -> dict[int, _Seen]:
    """Run a float file on samples and return what was seen of the tensors that wait for a range."""
    model = unpack(content)
    graph = model.subgraphs[0]
    names = [entry.name.decode() for entry in model.signatureDefs[0].inputs]
    indices = dict(zip(names, (entry.tensorIndex for entry in model.signatureDefs[0].inputs), strict=True))
    constant = {index for index, tensor in enumerate(graph.tensors) if _has_data(model, tensor)}
    # Every activation becomes an output, so that the optimised kernels give it out and keep it until it is read.
    activations = [index for index in waiting if index not in constant]
    graph.outputs = np.array(sorted({*map(int, graph.outputs), *activations} - set(indices.values())), np.int32)
    model.signatureDefs = None
    open_model = open_batch(pack(model))
    sizes = {index: int(np.prod(np.abs(graph.tensors[index].shape))) for index in activations}
    tensors = [tensor for one in model.subgraphs for tensor in one.tensors]
    has_state = any(tensor.isVariable or tensor.type == schema.TensorType.RESOURCE for tensor in tensors)
    most = 1 if has_state else 32  # samples must not share a state, and resource variables cannot be resized
    batch = int(np.clip(BYTES_AT_ONCE // max(1, 4 * sum(sizes.values())), 1, min(most, calibration.count)))
    interpreter, batch = _interpreter(open_model, indices, calibration, batch, sizes)
    rounds = -(-calibration.count // batch)
    averaged = read_by_layers(content)
    seen = {index: _Seen(max(64, VALUES_KEPT // rounds), index in averaged) for index in activations}
    with ThreadPoolExecutor(cores()) as pool:
        for rows in calibration.batches(batch):
            count = len(next(iter(rows.values())))
            if count != batch:
                interpreter, _ = _interpreter(open_model, indices, calibration, count, sizes)
            for name, index in indices.items():
                interpreter.set_tensor(index, rows[name])
            interpreter.reset_all_variables()
            interpreter.invoke()
            # Views of the interpreter's memory: a copy would cost as much as reading them.
            list(pool.map(lambda index: seen[index].add(interpreter.tensor(index)()), seen))  # noqa: B023
            advance(count)
    return seen


def _interpreter(
    content: bytes, indices: dict[str, int], calibration: Calibration, batch: int, sizes: dict[int, int]
) -> tuple[Interpreter, int]:
    """Return an interpreter for the batch, or for single samples where the graph does not keep samples apart."""
    interpreter = Interpreter(model_content=content, num_threads=cores())
    try:
        for position, spec in enumerate(calibration.specs):
            interpreter.resize_tensor_input(indices[f"input_{position}"], (batch, *spec.shape[1:]), strict=False)
        interpreter.allocate_tensors()
        for name, rows in next(calibration.batches(batch)).items():
            interpreter.set_tensor(indices[name], rows)  # whatever lies in memory may be no index of a table
        interpreter.invoke()
        apart = all(interpreter.get_tensor(index).size == batch * size for index, size in sizes.items())
    except (RuntimeError, ValueError):
        if batch == 1:
            raise
        apart = False
    if not apart and batch > 1:
        return _interpreter(content, indices, calibration, 1, sizes)
    return interpreter, batch


def _has_data(model: schema.ModelT, tensor: schema.TensorT) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0
