"""What will become of each layer, before any training: pruned, trained quantized, in int8, on the target.

In: a Keras model and the name of a target. Out: a table. Asks the other stages, on noise; knows none of their rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tfcompress.console import progress
from tfcompress.conversion.convert import convert
from tfcompress.data.data_forms import Data
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.deployment.check import check
from tfcompress.deployment.findings import Findings
from tfcompress.deployment.target import target_of
from tfcompress.errors import ConversionError, ModelError, QuantizationError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.keras_compat.graph_nodes import is_input
from tfcompress.litert.op_names import layer_of
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.model_files.load_keras import as_model
from tfcompress.printable_names import one_line
from tfcompress.result_base import Part, Result, Table
from tfcompress.training.pruning.kernels import kernels_of
from tfcompress.training.quantization.quantize_aware import quantize_aware
from tfcompress.typing import KerasModel, StrPath, Target

SAMPLES = 64


@dataclass(frozen=True)
class LayerPlan:
    """What will become of one layer."""

    layer: str
    kind: str
    weights: int
    """Weights in its kernels, which pruning can make zero."""
    trained_quantized: str
    """"yes", or why not."""
    int8: str
    """"yes", "fused" into another layer, or why not."""
    target: str
    """"yes", "fused", "slower", or why not."""

    @property
    def prunable(self) -> bool:
        """Whether it has a kernel that trains."""
        return self.weights > 0


@dataclass(frozen=True, repr=False)
class Preflight(Result):
    """A row a layer; print it for a table."""

    target: Target
    rows: tuple[LayerPlan, ...]
    pruning: str
    """What pruning is good for on the target."""
    int8_error: str | None
    """What the converter says against the model in int8; None where it converts."""
    findings: Findings
    """The check of the file: in int8, or in float32 where int8 fails."""

    @property
    def passed(self) -> bool:
        """Whether the model converts to int8 and runs on the target."""
        return self.int8_error is None and self.findings.passed

    @property
    def headline(self) -> str:
        """Whether the model converts to int8 and runs on the target."""
        converts = "converts to int8" if self.int8_error is None else "does NOT convert to int8"
        return f"{converts}, {'runs' if self.findings.passed else 'does NOT run'} on {self.target}"

    def parts(self) -> Iterator[Part]:
        """A row a layer, what pruning gives, what stands against int8, the findings."""
        rows = []
        for row in self.rows:
            weights = f"{row.weights:,}" if row.prunable else "–"
            rows.append((row.layer, row.kind, weights, row.trained_quantized, row.int8, row.target))
        yield Table(("layer", "kind", "prunable weights", "trained quantized", "int8", self.target), rows)
        total = sum(row.weights for row in self.rows)
        yield f"pruning {total:,} weights gives {self.pruning}" if total else "there is nothing to prune"
        if self.int8_error:
            yield one_line(f"int8: {self.int8_error}")
        yield self.findings


def preflight(model: KerasModel | StrPath, target: Target, *, samples: Data | None = None) -> Preflight:
    """Tell before any training what will become of each layer of a model on its way to a target.

    Args:
        model: A built model of Keras 3 or tf_keras, or the path of its file; it is not changed.
        target: "cpu", "gpu", "tflm", "ethos-u55" or another one, as for `check`.
        samples: Inputs of the size to be used, where the model leaves a size open. Default: noise.

    Returns:
        A `Preflight`: for each layer whether it can be pruned, trained quantized, converted to int8 and run on the
        target, and why not; what pruning is good for there; and the `Findings` of the check.

    Raises:
        ModelError: no built Keras model, or an open size without samples.
        SettingError: an unknown target.
        MissingPackageError: a target without its package.

    Example:
        >>> plan = tfcompress.preflight(model, "cpu")
        >>> plan.passed, [row.layer for row in plan.rows if row.prunable]
        (True, ['conv', 'depthwise', 'digit'])
    """
    pruning = target_of(target).pruning
    model = as_model(model)
    model_view.flavour(model)
    model_view.require_built(model)
    leaves = [(path, layer) for path, layer in model_view.leaf_layers(model) if not is_input(layer)]
    with progress("looking ahead", 4) as advance:
        weights = _prunable(model)
        advance(stage="planning quantization")
        trained = _trained(model)
        advance(stage="converting to int8")
        tflite, error = _converted(model, _noise(model) if samples is None else samples)
        advance(stage=f"checking for {target}")
        findings = check(tflite, target)
        advance()
    rows = []
    there = {layer_of(tflite, op) for op in tflite.ops}
    floats = set(re.findall(r"\(layer ([^)]*)\)", error or ""))
    for path, layer in leaves:
        # The cell of a recurrent layer does the work, and the layer has the name in the file.
        named = path.rpartition("/")[0] if type(layer).__name__.endswith("Cell") and path not in there else path
        against = [row for row in findings if row.layer == named]
        runs = "fused" if named not in there else "yes"
        if against:
            runs = next((row.reason for row in against if row.blocks), f"slower: {against[0].reason}")
        int8 = "fused" if named not in there else "yes"
        if error:
            int8 = "stays float" if named in floats else "not known" if not floats else int8
        kind = type(layer).__name__
        rows.append(LayerPlan(path, kind, weights.get(path, 0), trained.get(path, "yes"), int8, runs))
    return Preflight(target, tuple(rows), pruning, error, findings)


def _prunable(model: KerasModel) -> dict[str, int]:
    """Count the weights in kernels that train, by layer."""
    try:
        kernels = kernels_of(model)
    except ModelError:
        if not model_io.inputs(model):
            raise
        return {}  # no layer with a kernel
    counts: dict[str, int] = {}
    for kernel in kernels:
        if kernel.trains:
            counts[kernel.owner] = counts.get(kernel.owner, 0) + int(np.prod(kernel.variable.shape))
    return counts


def _trained(model: KerasModel) -> dict[str, str]:
    """Say why layers stay float in quantization-aware training."""
    try:
        report = quantize_aware(model).quantization
    except (QuantizationError, ModelError) as error:
        return {path: f"no: {error.required}" for path, _ in model_view.leaf_layers(model)}
    return {row.path: f"no: {row.scheme}" for row in report.gaps}


def _converted(model: KerasModel, samples: Data) -> tuple[TFLiteModel, str | None]:
    try:
        return convert(model, "int8", samples=samples), None
    except ConversionError as error:
        return convert(model, "float32", samples=samples), str(error)


def _noise(model: KerasModel) -> Data:
    """Make samples for every input: noise, and for integers zeros and ones, which any table of words has."""
    rng = np.random.default_rng(0)

    def values(spec: TensorSpec) -> np.ndarray:
        if None in spec.shape[1:]:
            raise ModelError(
                "Every size of an input must be known.", received=str(spec), hint="Pass samples of the size to be used."
            )
        shape = (SAMPLES, *(size or 1 for size in spec.shape[1:]))
        return rng.random(shape, np.float32) if spec.dtype.startswith("float") else rng.integers(0, 2, shape)

    return {spec.name: values(spec) for spec in model_io.inputs(model)}
