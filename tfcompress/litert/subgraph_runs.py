"""How often each graph of a file runs for one sample: loops by their trip count, of two branches the costlier one.

In: a `TFLiteModel`. Out: a number for each graph. Runs nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tfcompress.litert.ops.op_catalogue import macs
from tfcompress.litert.tflite_model import OpFacts, Tensor, TFLiteModel

MAX_COUNT = 2**62
"""A damaged file may claim any number."""

LOOPS = {"WHILE", "STABLEHLO_WHILE"}
COMPARISONS = {"LESS", "LESS_EQUAL"}
"""Conditions of loops that count up."""

MAX_LIMITS = 8
"""Comparisons that a condition may join."""


@dataclass(frozen=True)
class Runs:
    """How often each graph runs when one of them runs once."""

    counts: dict[int, int]
    uncounted: tuple[OpFacts, ...]
    """Loops whose trip count the file does not tell; their bodies count once."""
    macs: int
    """Multiplications with accumulation of all of it."""


def runs(tflite: TFLiteModel, start: int = 0) -> Runs:
    """Count how often graphs run.

    Args:
        tflite: The file.
        start: The graph that runs once: that of a signature.
    """
    return runs_from(tflite, [start])[start]


def runs_from(tflite: TFLiteModel, starts: Iterable[int]) -> dict[int, Runs]:
    """Count how often graphs run for each of several that run once: those of the signatures."""
    ops: dict[int, list[OpFacts]] = {number: [] for number in range(len(tflite.subgraphs))}
    for op in tflite.ops:
        ops[op.subgraph].append(op)
    order = callers_first(tflite)
    costs: dict[int, int] = {}
    calls: dict[int, dict[int, int]] = {}
    uncounted: dict[int, list[OpFacts]] = {}
    for number in reversed(order):
        times: Counter[int] = Counter()
        for op in ops[number]:
            for called, count in _calls(tflite, op, costs):
                times[called] = min(MAX_COUNT, times[called] + count)
        calls[number] = times
        own = sum(map(macs, ops[number]))
        costs[number] = min(MAX_COUNT, own + sum(count * costs[called] for called, count in times.items()))
        uncounted[number] = [op for op in ops[number] if op.name in LOOPS and trip_count(tflite, op) is None]
    place = {number: position for position, number in enumerate(order)}
    return {start: _runs_of(start, calls, place, costs, uncounted) for start in dict.fromkeys(starts)}


def _runs_of(
    start: int,
    calls: dict[int, dict[int, int]],
    place: dict[int, int],
    costs: dict[int, int],
    uncounted: dict[int, list[OpFacts]],
) -> Runs:
    reached, waiting = {start}, [start]
    while waiting:
        more = calls[waiting.pop()].keys() - reached
        reached |= more
        waiting += more
    counts = Counter({start: 1})
    for number in sorted(reached, key=place.__getitem__):
        for called, times in calls[number].items():
            counts[called] = min(MAX_COUNT, counts[called] + counts[number] * times)
    found = {number: count for number, count in counts.items() if count}
    return Runs(found, tuple(op for number in found for op in uncounted[number]), costs[start])


def runs_by_signature(tflite: TFLiteModel) -> dict[int, tuple[str, int]]:
    """Return for each graph the first signature that runs it, "" for the main graph without, and how often it does."""
    starts = {number: name for name, number in reversed(tflite.signatures.items())}
    owners: dict[int, tuple[str, int]] = {}
    for start, found in runs_from(tflite, sorted({0, *starts})).items():
        for graph, count in found.counts.items():
            owners.setdefault(graph, (starts.get(start, ""), count))
    return owners


def callers_first(tflite: TFLiteModel) -> list[int]:
    """Return all graphs, each after those that run it; `bounds` has refused graphs that run themselves."""
    called: dict[int, set[int]] = {number: set() for number in range(len(tflite.subgraphs))}
    for op in tflite.ops:
        called[op.subgraph] |= {*op.calls}
    callers = Counter(one for numbers in called.values() for one in numbers)
    ready = [number for number in called if not callers[number]]
    for number in ready:  # grows
        for one in called[number]:
            callers[one] -= 1
            if not callers[one]:
                ready.append(one)
    return ready


def trip_count(tflite: TFLiteModel, loop: OpFacts) -> int | None:
    """Return how often the body of a loop runs, where constants tell it: a counter that rises to a limit.

    Args:
        tflite: The file.
        loop: A WHILE of it.
    """
    if len(loop.calls) != 2:  # a damaged file
        return None
    condition, body = loop.calls
    waiting = [*tflite.ends(condition, "outputs")[:1]]
    counts: list[int | None] = []
    for index in waiting:  # grows: a loop of Keras ends at the first of two limits
        op = _writer(tflite, condition, index)
        if op is not None and op.name == "LOGICAL_AND" and len(waiting) < MAX_LIMITS:
            waiting += [tensor.index for tensor in op.inputs]
        else:
            counts.append(_trips(tflite, loop, condition, body, op))
    known = [count for count in counts if count is not None]
    return min(known) if known and len(known) == len(counts) else None


def _trips(tflite: TFLiteModel, loop: OpFacts, condition: int, body: int, compare: OpFacts | None) -> int | None:
    """Return how often a comparison lets a loop go on."""
    if compare is None or compare.name not in COMPARISONS or len(compare.inputs) != 2:
        return None
    counter, limit = (_series(tflite, loop, condition, body, tensor) for tensor in compare.inputs)
    if counter is None or limit is None or counter[1] <= 0 or limit[1]:
        return None
    distance = (limit[0] - counter[0]) / counter[1]
    count = math.floor(distance) + 1 if compare.name == "LESS_EQUAL" else math.ceil(distance)
    return int(max(0, min(MAX_COUNT, count)))


def _series(
    tflite: TFLiteModel, loop: OpFacts, condition: int, body: int, tensor: Tensor
) -> tuple[float, float] | None:
    """Return the first value of what a condition reads, and by how much each trip raises it; None where unknown."""
    if (held := _number(tflite, condition, tensor)) is not None:
        return held, 0.0
    places = tflite.ends(condition, "inputs")
    if tensor.index not in places:
        return None
    place = places.index(tensor.index)
    first = _number(tflite, loop.subgraph, loop.inputs[place]) if place < len(loop.inputs) else None
    inputs, outputs = (tflite.ends(body, side) for side in ("inputs", "outputs"))
    if first is None or place >= min(len(inputs), len(outputs)):
        return None
    before, after = inputs[place], outputs[place]
    if before == after:
        return first, 0.0
    op = _writer(tflite, body, after)
    if op is None or op.name != "ADD" or before not in (read := [tensor.index for tensor in op.inputs]):
        return None
    step = _number(tflite, body, op.inputs[1 - read.index(before)]) if len(read) == 2 else None
    return None if step is None else (first, step)


def _writer(tflite: TFLiteModel, graph: int, index: int) -> OpFacts | None:
    return tflite.writers.get((graph, index))


def _number(tflite: TFLiteModel, graph: int, tensor: Tensor) -> float | None:
    values = tflite.constant(tensor, graph)
    usable = values is not None and values.size == 1 and tensor.dtype in {"int32", "int64", "float32"}
    return float(values.reshape(-1)[0]) if usable and math.isfinite(values.reshape(-1)[0]) else None


def _calls(tflite: TFLiteModel, op: OpFacts, costs: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the graphs that an op runs, and how often."""
    if op.name in LOOPS and len(op.calls) == 2:
        trips = trip_count(tflite, op)
        yield op.calls[0], 1 if trips is None else trips + 1
        yield op.calls[1], 1 if trips is None else trips
    elif op.name in ("IF", "STABLEHLO_CASE"):
        if op.calls:
            yield max(op.calls, key=lambda called: costs[called]), 1
    elif op.name != "CALL_ONCE":  # that runs once for all samples
        for called in op.calls:
            yield called, 1
