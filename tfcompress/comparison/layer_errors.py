"""Where the accuracy went: how much noise each layer of an int8 file adds, by the name of the Keras layer.

In: the int8 file and the float file of one model, samples. Out: a table, worst layer first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tfcompress.comparison.op_by_op import OpByOpRunner, Values, as_float, as_integer, require_separable
from tfcompress.console import progress
from tfcompress.conversion.float_file import float_file
from tfcompress.data.batches import batches
from tfcompress.data.data_forms import Data
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import SettingError
from tfcompress.litert.inspect import CASTS, float_ops
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.result_base import Part, Result, Table
from tfcompress.runtime.quantize_arrays import as_float as float_spec
from tfcompress.typing import KerasModel, StrPath

SAMPLES_AT_ONCE = 8
MAX_DECIBELS = 100.0
"""What stands for no noise at all."""
BINS = 32


@dataclass(frozen=True)
class LayerError:
    """What one layer of an int8 file adds, and what its integers are used for."""

    layer: str
    op: str
    sqnr: float
    """Signal to quantization noise of the layer alone, on inputs that are already integers: decibels, the mean over
    the channels that carry a signal. 30 and more is good, under 10 little is left."""
    worst_channel: float
    """The same, of the worst channel."""
    sqnr_in_file: float
    """The same, with the noise of all layers before it."""
    used: float
    """Share of the integers' range that the float values span."""
    saturated: float
    """Share of the float values that are beyond the range and were cut off."""
    histogram: tuple[int, ...] = ()
    """How many values of the layer, in the file, lie in each of 32 equal parts of the integers' range."""


@dataclass(frozen=True, repr=False)
class LayerErrors(Result):
    """The layers of a file, worst first; print it for a table."""

    rows: tuple[LayerError, ...]
    samples: int

    @property
    def headline(self) -> str:
        """The layer that adds most noise."""
        if not self.rows:
            return f"no layer in integers, {self.samples:,} samples"
        return f"most noise in {self.rows[0].layer}: SQNR {self.rows[0].sqnr:.1f} dB, {self.samples:,} samples"

    def parts(self) -> Iterator[Part]:
        """A row a layer."""
        rows = []
        for row in self.rows:
            decibels = (f"{value:.1f} dB" for value in (row.sqnr, row.worst_channel, row.sqnr_in_file))
            rows.append((row.layer, row.op, *decibels, f"{row.used:.1%}", f"{row.saturated:.2%}"))
        columns = ("layer", "op", "SQNR", "worst channel", "SQNR in the file", "range used", "saturated")
        yield Table(columns, rows)


def layer_errors(
    floating: TFLiteModel | KerasModel | StrPath, quantized: TFLiteModel | StrPath, x: Data
) -> LayerErrors:
    """Tell which layers of an int8 file add how much noise.

    Args:
        floating: The float file of the model, `convert(model, "float32")`, or its path; or the Keras model.
        quantized: The int8 file of the same model, or its path.
        x: Samples, as `compare` takes them; 50 to 200 are enough.

    Returns:
        `LayerErrors`: a row a Keras layer in integers, the one that adds most noise first; none for layers in float.

    Raises:
        DataError: the data does not fit, or the files are of different models.
        SettingError: the first file is not in float.

    Source:
        Signal-to-quantization-noise ratio: Widrow and Kollár, "Quantization Noise", 2008.

    Example:
        >>> floating, integer = tfcompress.convert(model, "float32"), tfcompress.convert(model, samples=x_train)
        >>> errors = tfcompress.layer_errors(floating, integer, x_test)
        >>> errors.rows[0].sqnr <= errors.rows[-1].sqnr
        True
    """
    floating, quantized = float_file(floating), as_tflite(quantized)
    require_float(floating)
    mixed = OpByOpRunner(floating, quantized)
    in_integers = (step.floating and np.issubdtype(step.writes[0].dtype, np.integer) for step in mixed.steps)
    measured = [number for number, wanted in enumerate(in_integers) if wanted]
    alone, in_file = ({n: _Noise() for n in measured} for _ in range(2))
    ranges = {number: _Range(mixed.steps[number].writes[0]) for number in alone}
    samples = 0
    with progress("measuring layers") as advance:
        specs = [float_spec(spec) for spec in quantized.inputs]
        for batch in batches(x, specs, size=SAMPLES_AT_ONCE, what="x"):
            _add(mixed, batch.inputs, alone, in_file, ranges)
            samples += len(batch)
            advance(len(batch))
    rows: dict[str, LayerError] = {}
    for number, noise in alone.items():
        step, (mean, worst) = mixed.steps[number], noise.decibels()
        row = LayerError(
            step.layer,
            step.op.name,
            mean,
            worst,
            in_file[number].decibels()[0],
            *ranges[number].shares(),
            tuple(ranges[number].counts.tolist()),
        )
        if step.layer not in rows or row.sqnr < rows[step.layer].sqnr:
            rows[step.layer] = row
    return LayerErrors(tuple(sorted(rows.values(), key=lambda row: (row.sqnr, row.worst_channel))), samples)


def has_integer_ops(tflite: TFLiteModel) -> bool:
    """Tell whether a file computes in quantized integers; those of loops and ids have no scale."""
    return any(op.name not in CASTS and any(tensor.scales for tensor in op.outputs) for op in tflite.ops)


def require_float(tflite: TFLiteModel) -> None:
    """Raise `SettingError` where a file computes in integers, `RunError` where ops cannot run one by one."""
    require_separable(tflite)
    if has_integer_ops(tflite) or not float_ops(tflite):
        raise SettingError(
            "The first file must be the float one.",
            received="a file with integer ops",
            hint='Pass the Keras model, or the file of convert(model, "float32").',
        )


def _add(
    mixed: OpByOpRunner,
    inputs: Values,
    alone: dict[int, _Noise],
    in_file: dict[int, _Noise],
    ranges: dict[int, _Range],
) -> None:
    exact, rough = mixed.begin(inputs), mixed.begin(inputs)
    for number, step in enumerate(mixed.steps):
        for values, in_float in ((exact, step.floating is not None), (rough, False)):
            written = step.run(values, in_float)
            values |= {spec.name: array for spec, array in zip(step.writes, written, strict=True)}
        if number in alone:
            spec = step.writes[0]
            given = {s.name: as_integer(exact[s.name], s) for s in step.reads}
            expected, found = step.run(given, in_float=True)[0], step.run(given, in_float=False)[0]
            alone[number].add(expected, as_float(found, spec))
            in_file[number].add(exact[spec.name], as_float(rough[spec.name], spec))
            ranges[number].add(exact[spec.name], found)
        for spec in step.reads:
            if mixed.last_use[spec.name] == number:
                exact.pop(spec.name, None), rough.pop(spec.name, None)


class _Noise:
    """Power of signal and of noise, by channel of the last axis."""

    def __init__(self) -> None:
        self._signal = self._noise = np.zeros(1)

    def add(self, expected: np.ndarray, found: np.ndarray) -> None:
        axes = tuple(range(expected.ndim - 1))
        self._signal = self._signal + np.square(expected, dtype=np.float64).sum(axis=axes)
        self._noise = self._noise + np.square(np.subtract(expected, found, dtype=np.float64)).sum(axis=axes)

    def decibels(self) -> tuple[float, float]:
        """The mean over channels with a signal, and the worst of them."""
        heard = self._signal > 0
        if not heard.any():
            return MAX_DECIBELS, MAX_DECIBELS
        with np.errstate(divide="ignore"):
            ratios = 10 * np.log10(self._signal[heard] / self._noise[heard])
        ratios = np.minimum(ratios, MAX_DECIBELS)
        return float(ratios.mean()), float(ratios.min())


class _Range:
    """How float values lie in the range that integers can stand for, and the integers themselves."""

    def __init__(self, spec: TensorSpec) -> None:
        limits, zero, scale = np.iinfo(spec.dtype), spec.zero_point or 0, spec.scale or 1.0
        self._least, self._most = ((limit - zero) * scale for limit in (limits.min, limits.max))
        self._half = scale / 2
        self._limits = limits
        self.counts = np.zeros(BINS, np.int64)
        self._low, self._high, self._beyond, self._count = np.inf, -np.inf, 0, 0

    def add(self, values: np.ndarray, integers: np.ndarray) -> None:
        self._low, self._high = min(self._low, float(values.min())), max(self._high, float(values.max()))
        beyond = (values < self._least - self._half) | (values > self._most + self._half)
        self._beyond += int(beyond.sum())
        self._count += values.size
        low, high = int(self._limits.min), int(self._limits.max) + 1
        bins = (integers.astype(np.int64).reshape(-1) - low) * BINS // (high - low)
        self.counts += np.bincount(bins, minlength=BINS)

    def shares(self) -> tuple[float, float]:
        span = min(self._high, self._most) - max(self._low, self._least)
        return max(0.0, span / (self._most - self._least)), self._beyond / max(1, self._count)
