"""A .tflite file run on whole batches of calibration samples, with activations inside it given out.

In: a file as a graph, the activations wanted, samples on disk. Out: each batch of each activation, on all cores.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tfcompress.conversion.samples import Calibration
from tfcompress.cpu_cores import cores
from tfcompress.litert.graph import EditableFile, Graph, Value
from tfcompress.litert.serialization import write_graph
from tfcompress.litert.write_metadata import opened_batch

BYTES_AT_ONCE = 32 * 2**20
"""All activations of one batch together hold this many bytes at most: what leaves the cache costs twice the time."""

BYTES_OF_INTERPRETERS = 256 * 2**20
"""Weights and activations of all interpreters together hold this many bytes at most, if there are several."""

Take = Callable[[int, Mapping[Value, np.ndarray]], None]
"""Takes the number of a batch and what its activations hold: views of memory that is used again afterwards."""


class BatchEngine:
    """A file whose activations are all outputs, so that the optimised kernels give them out and keep them.

    One interpreter a thread is quicker than one on all cores, whose threads wait for each other after each op; it
    takes memory for weights and activations once more, so large models have fewer.

    Args:
        file: The file; its signature calls inputs input_0, input_1, … in the order of the samples.
        activations: What is given out; no constants.
        calibration: The samples.
    """

    def __init__(self, file: EditableFile, activations: list[Value], calibration: Calibration) -> None:
        graph = file.main
        self._calibration = calibration
        places = {value: place for place, value in enumerate(graph.values)}
        self._places = {value: places[value] for value in activations}
        self._inputs = {name: (places[value], value) for name, value in graph.signatures[0].inputs}
        self._shapes = [spec.shape[1:] for spec in calibration.specs]
        shown = _with_outputs(graph, activations)
        with opened_batch(file):
            self._content = write_graph(replace(file, graphs=[shown, *file.graphs[1:]]))
        sizes = {self._places[value]: math.prod(map(abs, value.shape)) for value in activations}
        values = [value for one in file.graphs for value in one.values]
        has_state = any(value.is_variable or value.dtype == "resource" for value in values)
        most = 1 if has_state else 32  # samples must not share a state, and resource variables cannot be resized
        held = max(1, 4 * sum(sizes.values()))
        batch = int(np.clip(BYTES_AT_ONCE // held, 1, min(most, calibration.count)))
        weight = held * batch + 2 * len(self._content)  # kernels hold the weights packed
        self._lanes = int(np.clip(BYTES_OF_INTERPRETERS // weight, 1, cores()))
        self._loaded, self._batch = self._first(batch, sizes)

    @property
    def batch(self) -> int:
        """How many samples a batch has; the last may have fewer."""
        return self._batch

    @property
    def rounds(self) -> int:
        """How many batches there are."""
        return -(-self._calibration.count // self._batch)

    def run(self, take: Take, advance: Callable[[int], None]) -> None:
        """Run all samples.

        Args:
            take: Called from several threads, for batches in any order.
            advance: Called with the number of samples that were run.
        """
        numbers, telling = iter(range(self.rounds)), threading.Lock()

        def work(interpreter: Interpreter | None) -> None:
            interpreter = interpreter or self._load(self._batch)
            for number in numbers:  # all threads take from one iterator
                rows = self._calibration.rows(number * self._batch, self._batch)
                count = len(next(iter(rows.values())))
                if count != self._batch:
                    interpreter = self._load(count)
                self._fill(interpreter, rows)
                interpreter.reset_all_variables()
                interpreter.invoke()
                # Views of the interpreter's memory: a copy would cost as much as reading it.
                take(number, {value: interpreter.tensor(place)() for value, place in self._places.items()})
                with telling:
                    advance(count)

        interpreters = [self._loaded, *[None] * (min(self._lanes, self.rounds) - 1)]
        with ThreadPoolExecutor(len(interpreters)) as pool:
            list(pool.map(work, interpreters))

    def _load(self, batch: int) -> Interpreter:
        """Return an interpreter for a batch."""
        interpreter = Interpreter(model_content=self._content, num_threads=max(1, cores() // self._lanes))
        for position, shape in enumerate(self._shapes):
            place, _ = self._inputs[f"input_{position}"]
            interpreter.resize_tensor_input(place, (batch, *shape), strict=False)
        interpreter.allocate_tensors()
        return interpreter

    def _fill(self, interpreter: Interpreter, rows: dict[str, np.ndarray]) -> None:
        """Give an interpreter a batch."""
        for name, (place, value) in self._inputs.items():
            interpreter.set_tensor(place, in_type_of(value, rows[name]))

    def _first(self, batch: int, sizes: dict[int, int]) -> tuple[Interpreter, int]:
        """Return an interpreter for the batch, or for single samples where the graph does not keep samples apart."""
        try:
            interpreter = self._load(batch)
            self._fill(interpreter, self._calibration.rows(0, batch))  # what lies in memory may be no index of a table
            interpreter.invoke()
            apart = all(interpreter.get_tensor(place).size == batch * size for place, size in sizes.items())
        except (RuntimeError, ValueError):
            if batch == 1:
                raise
            apart = False
        return (interpreter, batch) if apart or batch == 1 else self._first(1, sizes)


def in_type_of(value: Value, rows: np.ndarray) -> np.ndarray:
    """Return floats as the integers that an input of an integer file takes."""
    if value.dtype not in ("int8", "uint8", "int16") or rows.dtype.kind != "f":
        return rows
    limits = np.iinfo(value.dtype)
    return np.clip(np.rint(rows / value.scale) + value.zero_point, limits.min, limits.max).astype(value.dtype)


def _with_outputs(graph: Graph, activations: list[Value]) -> Graph:
    """Return a graph that gives out some of its activations as well."""
    places = {value: place for place, value in enumerate(graph.values)}
    outputs = {*graph.outputs, *activations} - {value for _, value in graph.signatures[0].inputs}
    return replace(graph, outputs=sorted(outputs, key=places.__getitem__), signatures=[])
