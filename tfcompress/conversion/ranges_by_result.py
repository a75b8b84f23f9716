"""Where the one reader of an activation flattens much of it, the range is that with the least error in what it gives.

    RELU(x + y)     how far x lies below zero does not matter
    SOFTMAX(x)      nor do classes that nobody would take, or by how much the winner wins
    LOGISTIC(x), TANH(x)

In: a float file whose ranges are measured, samples. Out: other ranges.
Source: the idea of ranges by the error of a later result: Nahshan et al., "Loss Aware Post-training Quantization",
Machine Learning 2021; here by the next op alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tfcompress.conversion.batch_engine import BatchEngine
from tfcompress.conversion.samples import Calibration
from tfcompress.litert.graph import EditableFile, Op, Value

NUMBERS = 1 << 17
"""Numbers of an activation on which ranges are tried."""
ENDS = np.linspace(1.0, 0.0, 41)
LEAST_PART = 0.05
"""Of the measured range what is kept at least."""

Result = Callable[[np.ndarray], np.ndarray]


def range_by_results(file: EditableFile, calibration: Calibration, is_int8: Callable[[Op], bool]) -> None:
    """Change the ranges of activations that one op reads which flattens them.

    Args:
        file: A float file with ranges.
        calibration: The samples.
        is_int8: Whether an op is to be in int8.
    """
    ends = {*file.main.inputs, *file.main.outputs}
    found = [
        (value, op)
        for op in file.main.ops
        if _flattens(op) and is_int8(op)
        for value in dict.fromkeys(op.inputs)
        if value.producer is not None
        and is_int8(value.producer)
        and len(value.readers) == 1
        and value.range is not None
        and value not in ends
    ]
    if not found:
        return
    rows = _rows(file, dict.fromkeys(value for _, op in found for value in op.inputs), calibration)
    for value, op in found:
        others = [rows[other] for other in op.inputs if other is not value]
        value.range = _best(rows[value], _result(op, others), value.range)


def _flattens(op: Op) -> bool:
    if op.kind == "ADD":
        one, other = op.inputs
        return (
            op.options.fusedActivationFunction == 1
            and one.shape == other.shape
            and not (one.is_constant or other.is_constant)
        )
    return op.kind in FLAT


def _softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


FLAT: Mapping[str, Result] = {
    "SOFTMAX": _softmax,
    "LOGISTIC": lambda x: 1 / (1 + np.exp(-np.clip(x, -80, 80))),
    "TANH": np.tanh,
}
"""Ops that give almost the same for many of the numbers that they read."""


def _result(op: Op, others: list[np.ndarray]) -> Result:
    if op.kind == "ADD":
        return lambda x: np.maximum(x + others[0], 0)
    if op.kind == "SOFTMAX":
        return lambda x: _softmax(op.options.beta * x)
    return FLAT[op.kind]


def _rows(file: EditableFile, values: Mapping[Value, None], calibration: Calibration) -> dict[Value, np.ndarray]:
    """Return some rows of each activation, an entry of the last axis a column; the same places of all of one shape."""
    engine = BatchEngine(file, [*values], calibration)
    drawn: dict[Value, dict[int, np.ndarray]] = {value: {} for value in values}
    share = NUMBERS / engine.rounds

    def take(number: int, batch: Mapping[Value, np.ndarray]) -> None:
        for value in values:
            rows = batch[value].reshape(-1, batch[value].shape[-1])
            wanted = max(1, int(share / rows.shape[1]))
            chosen = np.random.default_rng(number).permutation(len(rows))[:wanted]
            drawn[value][number] = rows[chosen]

    engine.run(take, lambda _: None)
    return {value: np.concatenate([parts[n] for n in sorted(parts)]) for value, parts in drawn.items()}


def _best(x: np.ndarray, result: Result, measured: tuple[float, float]) -> tuple[float, float]:
    """Return the part of the measured range with the least error of a result."""
    wanted = result(x)

    def error(bounds: tuple[float, float]) -> float:
        low, high = bounds
        if high - low < LEAST_PART * (measured[1] - measured[0]):
            return np.inf
        step = (high - low) / 255
        zero = np.rint(-128 - low / step)
        rounded = (np.clip(np.rint(x / step) + zero, -128, 127) - zero) * step
        return float(np.square(result(rounded) - wanted, dtype=np.float64).mean())

    best, least = measured, error(measured)
    for side in (0, 1, 0, 1):  # one end after the other, twice, as each depends on the other
        for part in ENDS:
            tried = (measured[0] * part, best[1]) if side == 0 else (best[0], measured[1] * part)
            if (found := error(tried)) < least:
                best, least = tried, found
    return best
