"""Which layers of an integer file to keep in a finer precision, for an accuracy or for some bytes of flash.

In: an integer file and the float file of one model, labelled samples. Out: what each layer gives back, and lists of
layers for `keep_int8`, `keep_int16` and `keep_float` of `convert`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tfcompress.bit_allocation import allocate_bits
from tfcompress.comparison.layer_errors import require_float
from tfcompress.comparison.mixed_precision import MixedPrecisionRunner, Plan, Precision
from tfcompress.comparison.plan_accuracy import PlanAccuracy
from tfcompress.console import Advance, progress
from tfcompress.conversion.float_file import float_file
from tfcompress.conversion.weight_bits import require_flash
from tfcompress.data.data_forms import ArrayLike, Data
from tfcompress.errors import DataError, SettingError
from tfcompress.litert.manifest import entry
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.result_base import Part, Result, Table
from tfcompress.typing import KerasModel, StrPath

ROOM = 256
"""Bytes that a file of another choice may have more in its manifest."""


@dataclass(frozen=True, repr=False)
class Sensitivity(Result):
    """What each layer gives back when it alone is finer, and the layers to keep; print it for a table."""

    float_accuracy: float
    int8_accuracy: float
    """The accuracy of the file as it is."""
    accuracy: dict[str, dict[str, float]]
    """By precision, then by layer, the accuracy of the file with that layer alone in it, best first: "int8" (weights),
    "int16", "float". For a number of bytes "int4": the file with 8 bits everywhere else."""
    quantization: str
    """What to ask `convert` for; an "int8x4" file with 8 bits in all layers is an "int8" one."""
    keep_int8: tuple[str, ...]
    """The layers to keep weights of 8 bits, those that have them already among them."""
    keep_int16: tuple[str, ...]
    keep_float: tuple[str, ...]
    kept_accuracy: float
    """The accuracy with those layers."""
    met: bool
    """Whether the file with them keeps to the budget."""

    @property
    def passed(self) -> bool:
        """Whether the budget is met."""
        return self.met

    @property
    def headline(self) -> str:
        """What to ask for, and what that gives."""
        lists = {name: getattr(self, name) for name in ("keep_int8", "keep_int16", "keep_float")}
        kept = ", ".join(f"{name}={list(layers)}" for name, layers in lists.items() if layers)
        found = f'"{self.quantization}"' + (f", {kept}" if kept else "")
        return f"{'' if self.met else 'NOT met, even with '}{found} → {self.kept_accuracy:.2%}"

    def parts(self) -> Iterator[Part]:
        """A row a layer."""
        yield f"float {self.float_accuracy:.2%}, the file {self.int8_accuracy:.2%}; with one layer in another type:"
        layers = list(dict.fromkeys(layer for found in self.accuracy.values() for layer in found))
        rows = []
        for layer in layers:
            found = [self.accuracy[precision].get(layer) for precision in self.accuracy]
            rows.append((layer, *("" if value is None else f"{value:.2%}" for value in found)))
        yield Table(("layer", *(f"in {precision}" for precision in self.accuracy)), rows)


def sensitivity(
    floating: TFLiteModel | KerasModel | StrPath,
    quantized: TFLiteModel | StrPath,
    x: Data,
    y: ArrayLike,
    *,
    max_accuracy_drop: float | None = None,
    flash: int | None = None,
) -> Sensitivity:
    """Put each layer of an integer file alone in a finer precision, and find which to keep there.

    Finer precisions are tried from the cheapest on: weights of 8 bits where the file has four, activations of 16 bits
    where it has 8, float. The next is tried where all layers in the one before are not enough. Layers are added in the
    order of what they give back, measured anew after each; then each is taken out again if the budget is met without.
    The file is run op by op, so this is slow: a few hundred samples are enough.

    Args:
        floating: The float file of the model, `convert(model, "float32")`, or its path; or the Keras model.
        quantized: The "int8x4", "int8" or "int16x8" file of the same model; it must have one output.
        x: Samples, as `compare` takes them.
        y: Class numbers or one-hot rows.
        max_accuracy_drop: What the file may lose against the float file, as a fraction: the fewest layers that do.
        flash: The most bytes of an "int8x4" file instead: the layers that are worth 8 bits most and fit, by an integer
            program over bytes and samples lost. The file must be smaller, such as one with `keep_int8=[]`.

    Returns:
        A `Sensitivity`; its `keep_int8`, `keep_int16` and `keep_float` are for `convert`.

    Raises:
        DataError: data or labels do not fit, or the files are of different models.
        SettingError: not one budget, one outside 0 to 1 or below the bytes of the file, or a first file that is not in
            float.

    Example:
        >>> floating, integer = tfcompress.convert(model, "float32"), tfcompress.convert(model, samples=x_train)
        >>> found = tfcompress.sensitivity(floating, integer, x_test[:20], y_test[:20], max_accuracy_drop=0.5)
        >>> found.quantization, found.keep_int16, found.keep_float
        ('int8', (), ())
    """
    if (max_accuracy_drop is None) == (flash is None):
        both = "both" if flash is not None else "none"
        raise SettingError("One budget is needed: max_accuracy_drop or flash.", received=both)
    if flash is None and (not isinstance(max_accuracy_drop, (int, float)) or not 0 <= max_accuracy_drop <= 1):
        raise SettingError("max_accuracy_drop must be a fraction from 0 to 1.", received=repr(max_accuracy_drop))
    require_flash(flash)
    floating, quantized = float_file(floating), as_tflite(quantized)
    require_float(floating)
    if len(quantized.outputs) != 1:
        raise DataError("Sensitivity needs a file with one output.", received=[s.name for s in quantized.outputs])
    mixed = MixedPrecisionRunner(floating, quantized)
    if flash is not None:
        _require_int4(mixed, quantized, flash)
    run = PlanAccuracy(mixed, quantized, x, y, keep_outputs=flash is not None)
    with progress("putting layers back to finer precisions", None) as advance:
        exact, rough = run({layer: "float" for layer in mixed.layers}), run()
        if flash is None:
            wanted = exact - max_accuracy_drop - 1e-12
            singly, plan = _enough(run, mixed, wanted, advance)
            met = run(plan) >= wanted
        else:
            singly, plan = _fitting(run, mixed, flash, advance)
            met = True
    return Sensitivity(exact, rough, singly, *_proposal(mixed, quantized, plan), run(plan), met)


def _enough(
    run: PlanAccuracy, mixed: MixedPrecisionRunner, wanted: float, advance: Advance
) -> tuple[dict[str, dict[str, float]], Plan]:
    """Return accuracies by precision and layer, and a plan that is good enough, or the best there is."""
    singly: dict[str, dict[str, float]] = {}
    plan: dict[str, Precision] = {}
    levels = [(precision, layers) for precision, layers in mixed.finer.items() if layers]
    for number, (precision, layers) in enumerate(levels, 1):
        singly[precision] = _singly(run, {layer: {layer: precision} for layer in layers}, advance)
        every = {**plan, **dict.fromkeys(layers, precision)}
        if run(every) >= wanted or number == len(levels):
            return singly, _fewest(run, plan, list(singly[precision]), precision, wanted, advance)
        if precision == "int8":
            plan = every
    return singly, plan


def _fewest(
    run: PlanAccuracy, plan: Plan, layers: list[str], precision: Precision, wanted: float, advance: Advance
) -> Plan:
    """Add the layer that gives most until it is enough, then take out what is not needed."""
    found = {**plan}
    rest = list(layers)
    while run(found) < wanted and rest:
        best = max(rest, key=lambda layer: run({**found, layer: precision}))
        rest.remove(best)
        found[best] = precision
        advance(1)
    for layer in list(found):
        fewer = {other: kept for other, kept in found.items() if other != layer}
        if run(fewer) >= wanted:
            found = fewer
    return found


def _fitting(
    run: PlanAccuracy, mixed: MixedPrecisionRunner, flash: int, advance: Advance
) -> tuple[dict[str, dict[str, float]], Plan]:
    """Return the accuracies with one layer in four bits, and the plan of 8 bits that loses least and fits."""
    layers = mixed.finer["int8"]
    every: dict[str, Precision] = dict.fromkeys(layers, "int8")
    without = {layer: {other: kept for other, kept in every.items() if other != layer} for layer in layers}
    singly = _singly(run, without, advance)
    whole = mixed.size(layers)
    saved = [whole - mixed.size(without[layer]) for layer in layers]
    noise = [run.noise(without[layer], every) for layer in layers]
    # Samples that are lost count; between layers that lose as many, the noise of the outputs decides.
    lost = [max(0.0, run(every) - run(without[layer])) * run.count for layer in layers]
    cost = [samples + share / max(sum(noise), 1e-30) for samples, share in zip(lost, noise, strict=True)]
    needed = whole + ROOM - flash
    while True:
        small = allocate_bits(saved, cost, min(needed, sum(saved)))
        plan: Plan = {layer: "int8" for layer, is_small in zip(layers, small, strict=True) if not is_small}
        missing = mixed.size(plan) + ROOM - flash
        if missing <= 0 or all(small):
            return {"int4": singly}, plan
        needed += missing


def _singly(run: PlanAccuracy, plans: Mapping[str, Plan], advance: Advance) -> dict[str, float]:
    found = {}
    for layer, plan in plans.items():
        found[layer] = run(plan)
        advance(1)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _proposal(
    mixed: MixedPrecisionRunner, quantized: TFLiteModel, plan: Plan
) -> tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return what `convert` is to be asked for: the kind of file, and the layers with what the file keeps already."""
    own = {name: entry(quantized.manifest, "settings", name) for name in ("keep_int16", "keep_float")}
    kept = {
        precision: [
            *map(str, own.get(f"keep_{precision}") or ()),
            *(layer for layer, chosen in plan.items() if chosen == precision),
        ]
        for precision in ("int16", "float")
    }
    small = [layer for layer in mixed.finer["int8"] if layer not in plan]
    scheme = "int8x4" if small else "int16x8" if mixed.is_wide else "int8"
    eight = [layer for layer in (*mixed.in_int8, *plan) if plan.get(layer, "int8") == "int8"] if small else []
    return scheme, *(tuple(dict.fromkeys(layers)) for layers in (eight, kept["int16"], kept["float"]))


def _require_int4(mixed: MixedPrecisionRunner, quantized: TFLiteModel, flash: int) -> None:
    if not mixed.finer["int8"]:
        raise SettingError(
            "flash= chooses layers of an int8x4 file that get 8 bits back.",
            received="a file without weights of four bits",
            hint='Pass that of convert(model, "int8x4", samples=…, keep_int8=[]).',
        )
    if quantized.size + ROOM > flash:
        raise SettingError(
            f"flash must be at least {quantized.size + ROOM:,}, as the file is, with room for names.",
            received=f"{flash:,}",
            hint='The smallest file is that of convert(model, "int8x4", samples=…, keep_int8=[]).',
        )
