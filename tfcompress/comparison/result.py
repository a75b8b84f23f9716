"""What a comparison found.

In: numbers. Out: a `Comparison` that prints itself and knows whether it passed. Knows nothing of how it was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tfcompress.comparison.choices import Flip
from tfcompress.flatbuffer.model import TFLiteModel
from tfcompress.printable import printable

MOST_FLIPS = 8
"""So many flips are printed; all of them are in `flips`."""


@dataclass(frozen=True)
class Comparison:
    """What came out of running a model and its file on the same samples.

    Accuracies and differences are fractions: 0.01 is one point. Errors are in the units of the outputs.
    """

    tflite: TFLiteModel
    runtime: str
    samples: int
    max_error: float
    """Largest absolute difference of an output value."""
    mean_error: float
    """Mean absolute difference of the output values."""
    output_range: float
    """Largest minus smallest output value of the Keras model, to hold the errors against."""
    agreement: float | None = None
    """Share of samples, or pixels, in which both choose the same class; None where outputs are no classes."""
    top5_agreement: float | None = None
    """Share of samples whose class by the model is among the five that the file scores highest."""
    flips: tuple[Flip, ...] = ()
    """The samples in which the file chose another class: number, both classes, label."""
    keras_accuracy: float | None = None
    tflite_accuracy: float | None = None
    difference_interval: tuple[float, float] | None = None
    """95 % interval of `tflite_accuracy - keras_accuracy`, on paired samples."""
    mcnemar_p: float | None = None
    """How probable so uneven a split of the disagreements is, were both equally good (McNemar's exact test)."""
    metrics: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By name, the value of the model and that of the file: your own metrics, or those of a segmentation."""
    output_errors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By output, mean and largest error."""
    max_accuracy_drop: float | None = None

    @property
    def accuracy_drop(self) -> float | None:
        """Accuracy of the Keras model minus that of the file; None without labels."""
        if self.keras_accuracy is None or self.tflite_accuracy is None:
            return None
        return self.keras_accuracy - self.tflite_accuracy

    @property
    def passed(self) -> bool:
        """Whether the drop stays within `max_accuracy_drop`; True where no limit was set."""
        drop = self.accuracy_drop
        # Accuracies are counts over samples: a drop of exactly the limit must not fail by a rounding error.
        return self.max_accuracy_drop is None or (drop is not None and drop <= self.max_accuracy_drop + 1e-12)

    def __str__(self) -> str:
        lines = [f"{self.samples:,} samples on {self.runtime}, file of {self.tflite.size:,} bytes in flash"]
        if self.difference_interval is not None:
            low, high = self.difference_interval
            lines.append(f"accuracy: Keras {self.keras_accuracy:.2%}, file {self.tflite_accuracy:.2%}")
            difference = f"{-(self.accuracy_drop or 0):+.2%} (95 % interval {low:+.2%} to {high:+.2%})"
            lines.append(f"difference: {difference}, McNemar's test p = {self.mcnemar_p:.3g}")
        for name, (keras, file) in self.metrics.items():
            lines.append(f"{printable(name)}: Keras {keras:.4g}, file {file:.4g}")
        if self.agreement is not None:
            top = "" if self.top5_agreement is None else f", in the file's top 5: {self.top5_agreement:.2%}"
            lines.append(f"same class: {self.agreement:.2%}{top}")
        if self.flips:
            shown = ", ".join(f"{flip.sample} ({flip.keras}→{flip.file})" for flip in self.flips[:MOST_FLIPS])
            rest = ", …" if len(self.flips) > MOST_FLIPS else ""
            lines.append(f"{len(self.flips):,} flipped: {shown}{rest}")
        share = f" ({self.max_error / self.output_range:.2%} of the output range)" if self.output_range else ""
        lines.append(f"output error: mean {self.mean_error:.4g}, largest {self.max_error:.4g}{share}")
        if len(self.output_errors) > 1:
            for name, (mean, largest) in self.output_errors.items():
                lines.append(f"  {printable(name)}: mean {mean:.4g}, largest {largest:.4g}")
        if self.max_accuracy_drop is not None:
            lines.append(f"{'passed' if self.passed else 'FAILED'}: at most {self.max_accuracy_drop:.2%} may be lost")
        return "\n".join(lines)


@dataclass(frozen=True)
class SideBySide(Mapping[str, Comparison]):
    """One file on several runtimes: a `Comparison` by the name of each, and how far they differ from each other."""

    comparisons: Mapping[str, Comparison]
    differing: Mapping[tuple[str, str], float]
    """By pair of runtimes, the share of output values that are not the same number; of an int8 output, not the same
    integer."""

    def __getitem__(self, runtime: str) -> Comparison:
        return self.comparisons[runtime]

    def __iter__(self) -> Iterator[str]:
        return iter(self.comparisons)

    def __len__(self) -> int:
        return len(self.comparisons)

    @property
    def passed(self) -> bool:
        """Whether the file passed on every runtime."""
        return all(comparison.passed for comparison in self.values())

    def __str__(self) -> str:
        parts = [str(comparison) for comparison in self.values()]
        shares = [f"{a} and {b}: {share:.2%}" for (a, b), share in self.differing.items()]
        return "\n\n".join([*parts, "output values that differ between runtimes\n  " + "\n  ".join(shares)])
