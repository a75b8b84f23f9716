"""What a layer with a kernel reads on samples, as the rows of a matrix: its sums are rows × kernel.

CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED. In: what an activation held on samples. Out: of each place of the result
that counts what the kernel reads there, and kernels in the same order, both by group of channels:

    rows (groups, places, K) @ kernel (groups, K, results of a group) = sums
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tfcompress.conversion.staged_run import real
from tfcompress.litert.graph import Op, Value

KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
PLACES = 1 << 14
"""Of all places of all samples about so many count, drawn by chance."""
NUMBERS_AT_ONCE = 1 << 23

Places = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Layer:
    """An op with a kernel, and how its channels lie in groups."""

    op: Op

    @property
    def groups(self) -> int:
        channels = self.op.inputs[0].shape[-1]
        if self.op.kind == "DEPTHWISE_CONV_2D":
            return channels
        return 1 if self.op.kind == "FULLY_CONNECTED" else channels // self.op.inputs[1].shape[-1]

    def by_group(self, kernel: np.ndarray) -> np.ndarray:
        """Return a kernel of the file as (groups, K, results of a group)."""
        if self.op.kind == "DEPTHWISE_CONV_2D":
            return kernel.reshape(-1, self.groups, kernel.shape[-1] // self.groups).swapaxes(0, 1)
        return kernel.reshape(self.groups, len(kernel) // self.groups, -1).swapaxes(1, 2)

    def in_file(self, kernel: np.ndarray) -> np.ndarray:
        """Return what `by_group` has returned as the file has it."""
        return kernel.swapaxes(*((0, 1) if self.op.kind == "DEPTHWISE_CONV_2D" else (1, 2))).reshape(
            self.op.inputs[1].shape
        )

    def places(self, samples: int, seed: int) -> Iterator[Places]:
        """Yield places of the result, some at a time: sample, row and column, or the row of a dense layer."""
        draw = np.random.default_rng(seed)
        result, kernel = self.op.outputs[0].shape, self.op.inputs[1].shape
        if self.op.kind == "FULLY_CONNECTED":
            one = int(np.prod(self.op.inputs[0].shape)) // kernel[1]
            size, sizes = kernel[1], (samples * one,)
        else:
            size, sizes = kernel[1] * kernel[2] * self.op.inputs[0].shape[-1], (samples * result[0], *result[1:3])
        every = int(np.prod(sizes))
        chosen = np.sort(draw.choice(every, PLACES, replace=False)) if every > PLACES else np.arange(every)
        step = max(1, NUMBERS_AT_ONCE // size)
        for start in range(0, len(chosen), step):
            yield np.unravel_index(chosen[start : start + step], sizes)

    def rows(self, value: Value, array: np.ndarray, places: Places) -> np.ndarray:
        """Return what the kernel reads at some places of what an activation held: (groups, places, K)."""
        if self.op.kind == "FULLY_CONNECTED":
            return real(value, array.reshape(-1, self.op.inputs[1].shape[1])[places[0]])[np.newaxis]
        form, (sample, row, column) = self.op.options, places
        taps, inside = [], True
        for axis, at, stride, dilation in (
            (1, row, form.strideH, form.dilationHFactor),
            (2, column, form.strideW, form.dilationWFactor),
        ):
            reach = np.arange(self.op.inputs[1].shape[axis]) * dilation
            size, results = array.shape[axis], self.op.outputs[0].shape[axis]
            before = 0 if form.padding else max((results - 1) * stride + int(reach[-1]) + 1 - size, 0) // 2
            shape = (-1, len(reach), 1) if axis == 1 else (-1, 1, len(reach))
            found = (at[:, np.newaxis] * stride - before + reach).reshape(shape)
            inside = inside & (found >= 0) & (found < size)
            taps.append(np.clip(found, 0, size - 1))
        read = real(value, array[sample[:, np.newaxis, np.newaxis], taps[0], taps[1]])
        read *= inside[..., np.newaxis]
        channels = read.shape[-1] // self.groups
        split = read.reshape(len(sample), -1, self.groups, channels)
        return split.transpose(2, 0, 1, 3).reshape(self.groups, len(sample), -1)

    def at(self, value: Value, array: np.ndarray, places: Places) -> np.ndarray:
        """Return what an activation of the shape of the result held at some places: (groups, places, results)."""
        channels = self.op.outputs[0].shape[-1]
        found = array[places] if len(places) > 1 else array.reshape(-1, channels)[places[0]]
        return real(value, found).reshape(len(found), self.groups, -1).swapaxes(0, 1)
