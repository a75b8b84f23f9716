"""Which layers of a file get weights of four bits, so that the file fits into some bytes of flash.

In: an int8 graph with its float weights, samples, a number of bytes. Out: a choice by layer. Four bits in one layer
alone tell the bytes that they save there, and the noise that they add to what the model puts out; an integer program
takes the least noise that fits. The noise of several layers is about the sum, as their errors are independent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tfcompress.bit_allocation import allocate_bits
from tfcompress.conversion.batch_engine import BatchEngine
from tfcompress.conversion.layer_decisions import decisions
from tfcompress.conversion.oldest_runtime import runtime_entry
from tfcompress.conversion.pipeline_steps import Conversion
from tfcompress.conversion.weight_bits import BitChoice, Bits, FlashBudget, with_bits
from tfcompress.errors import ConversionError
from tfcompress.litert.graph import EditableFile, Graph, Op
from tfcompress.litert.passes.correct_biases import correct_biases
from tfcompress.litert.passes.round_to_int4 import int4_able, pack_int4, write_int4
from tfcompress.litert.passes.static_shapes import write_static_shapes
from tfcompress.litert.serialization import read_graph, write_graph
from tfcompress.litert.subgraph_runs import runs
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.litert.write_metadata import rewrite

MOST_SAMPLES, FEWEST_SAMPLES = 256, 8
MACS = 100e9
"""Noise is measured with about as many multiplications in all, if the fewest samples do not take more."""

LAST = ("QUANTIZE", "DEQUANTIZE", "SOFTMAX", "LOGISTIC")
"""At the end of a model noise is measured before these: probabilities near 0 and 1 hide it."""


def budget_of(
    request: Mapping[str, Any] | None, layers_of: Callable[[Iterable[str]], Mapping[str, str]]
) -> FlashBudget | None:
    """Return the budget of a request.

    Args:
        request: "flash", the most bytes; "manifest" and "names", which the finished file has beside what is decided
            later; "attached", the bytes behind it. None: no budget.
        layers_of: Returns the layers by the names of tensors, as far as they are known.
    """
    if request is None:
        return None

    def finished(content: bytes, bits: Bits) -> int:
        made = TFLiteModel(content)
        layers = layers_of(tensor.name for graph in made.subgraphs for tensor in graph)
        runtime = runtime_entry(made, layers, tell=False)
        entries = {"layers": layers, "decisions": decisions(made, layers), "runtime": runtime}
        manifest = with_bits({**entries, **request["manifest"]}, bits)
        return len(rewrite(content, request["names"], manifest)) + request["attached"]

    def label(name: str) -> str:
        return layers_of([name]).get(name, name)

    return FlashBudget(request["flash"], finished, label)


def rehearsal(made: Conversion) -> Conversion | None:
    """Return the same conversion with few samples where the weights alone take more than the budget.

    It ends with the error that tells the least bytes, long before all samples have run.
    """
    values = made.file.main.values
    held = {id(value.content): value.content.size for value in values if value.is_constant and value.dtype == "float32"}
    if made.budget is None or sum(held.values()) <= made.budget.flash * (8 if made.weights == "int4" else 4):
        return None
    few = replace(made.calibration, count=min(FEWEST_SAMPLES, made.calibration.count))
    file = read_graph(write_graph(made.file))
    return replace(made, file=file, calibration=few, losses=None, raised=set(), shields={}, drawn={})


def choose_bits(made: Conversion, budget: FlashBudget) -> frozenset[str]:
    """Choose the bits of the weights of each layer that may have four, and that the user does not keep at 8.

    Args:
        made: An int8 file.
        budget: Gets the choice by layer.

    Returns:
        The names of the results of the ops whose weights get four bits; none where the file fits with 8.

    Raises:
        ConversionError: the file does not even fit with four bits everywhere, or may have none.
    """
    groups = _groups(made, budget)
    every = [name for names in groups.values() for name in names]
    unknown = {layer: BitChoice(8, 1000 + place, -place / 7) for place, layer in enumerate(groups)}
    made.advance(0, "counting bytes")
    whole = _size(made, budget, (), {})
    if whole <= budget.flash:
        return frozenset()
    least = _size(made, budget, every, unknown)
    _require_reachable(made, budget, whole, least)
    noise = _noise(made, groups)
    saved = []
    for number, (layer, names) in enumerate(groups.items(), 1):
        made.advance(0, f"counting what four bits save, {number} of {len(groups)}: {layer}")
        saved.append(max(0, whole - _size(made, budget, names, {})))
    made.advance(0, "choosing the layers of four bits")
    needed = whole - budget.flash
    while True:
        # Bytes are padded: what saves none alone may do so beside others, and then all together are the least.
        small = allocate_bits(saved, noise, needed) if needed <= sum(saved) else [True] * len(saved)
        bits = {
            layer: BitChoice(4 if is_small else 8, saves, round(10 * float(np.log10(added)), 1))
            for layer, is_small, saves, added in zip(groups, small, saved, noise, strict=True)
        }
        chosen = [name for layer, names in groups.items() if bits[layer].bits == 4 for name in names]
        missing = _size(made, budget, chosen, bits) - budget.flash
        if missing <= 0 or all(small):
            budget.bits = bits
            return frozenset(chosen)
        needed += missing  # sizes are rounded up, and the manifest is longer


def _groups(made: Conversion, budget: FlashBudget) -> dict[str, list[str]]:
    """Return the names of the results of ops by layer; layers that share weights or lie in one another are one."""
    owner: dict[int, str] = {}
    found: dict[str, list[str]] = {}
    for op in int4_able(made.file.main, made.layers):
        layer = owner.setdefault(id(op.inputs[1]), budget.label(op.name))
        found.setdefault(layer, []).append(op.name)
    for layer in list(found):
        outer = next((other for other in found if layer.startswith(f"{other}/")), None)
        if outer is not None:
            found[outer] += found.pop(layer)
    keeps = made.keeps_int8 or (lambda _: False)
    return {layer: names for layer, names in found.items() if not any(map(keeps, names))}


def _size(made: Conversion, budget: FlashBudget, names: Collection[str], bits: dict[str, BitChoice]) -> int:
    """Return the bytes of the finished file with four bits in some ops."""
    file, ops = _with_int4(made, names)
    pack_int4(ops)
    file.main.drop_unused()
    write_static_shapes(file.main)
    return budget.finished(write_graph(file), bits)


def _with_int4(made: Conversion, names: Collection[str]) -> tuple[EditableFile, list[Op]]:
    """Return a copy of the file with weights in some ops that fit into four bits, and those ops."""
    file = read_graph(write_graph(made.file))
    wanted = {*names}
    ops = write_int4(file.main, made.layers, [op for op in int4_able(file.main, made.layers) if op.name in wanted])
    correct_biases(file.main, made.layers, made.means)
    return file, ops


def _noise(made: Conversion, groups: dict[str, list[str]]) -> list[float]:
    """Return what four bits in each group alone add to the outputs, as a share of their power."""
    macs = runs(TFLiteModel(write_graph(made.file))).macs * (len(groups) + 1)
    fewest = min(FEWEST_SAMPLES, made.calibration.count)
    count = int(np.clip(MACS // max(1, macs), fewest, min(MOST_SAMPLES, made.calibration.count)))
    made.advance(0, "measuring what four bits cost")
    exact = _outputs(made, _with_int4(made, ())[0], count)
    power = [max(float(np.var(array)), 1.0) for array in exact]  # in steps of the outputs
    noise = []
    for number, (layer, names) in enumerate(groups.items(), 1):
        made.advance(0, f"measuring what four bits cost, {number} of {len(groups)}: {layer}")
        found = _outputs(made, _with_int4(made, names)[0], count)
        added = [np.mean((one - other) ** 2) / size for one, other, size in zip(found, exact, power, strict=True)]
        noise.append(max(float(np.mean(added)), 1e-9))
        made.advance(count, None)
    return noise


def _outputs(made: Conversion, file: EditableFile, count: int) -> list[np.ndarray]:
    """Return what the model puts out on some samples, in steps of its grids."""
    ends = _ends(file.main)
    engine = BatchEngine(file, ends, replace(made.calibration, count=count))
    seen: dict[int, list[np.ndarray]] = {}

    def take(number: int, batch: dict) -> None:
        seen[number] = [batch[value].astype(np.float32) for value in ends]

    engine.run(take, lambda _: None)
    return [np.concatenate([seen[number][place] for number in sorted(seen)]) for place in range(len(ends))]


def _ends(graph: Graph) -> list:
    found = []
    for value in graph.outputs:
        while value.producer is not None and value.producer.kind in LAST:
            value = value.producer.inputs[0]
        if value.producer is not None and value not in found:
            found.append(value)
    return found


def _require_reachable(made: Conversion, budget: FlashBudget, whole: int, least: int) -> None:
    if made.weights == "int4" and least <= budget.flash:
        return
    smaller = "Less than that takes a smaller model: prune_channels takes channels out."
    if made.weights == "int8":
        fits = f'Ask for "int8x4": weights of four bits bring it down to {least:,} bytes.'
        short = f'Even "int8x4" comes down to {least:,} bytes alone. {smaller}'
        size, hint = f"{whole:,} bytes", fits if least <= budget.flash else short
    else:
        size = f"{least:,} bytes at least, with weights of four bits wherever they may be"
        keeps = made.keeps_int8 or (lambda _: False)
        kept = any(keeps(op.name) for op in int4_able(made.file.main, made.layers))
        hint = f"Name fewer layers in keep_int8. {smaller}" if kept else smaller
    raise ConversionError(f"The file must take at most {budget.flash:,} bytes.", received=size, hint=hint)
