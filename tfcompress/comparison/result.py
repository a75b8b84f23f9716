"""What a comparison found.

In: numbers. Out: a `Comparison` that prints itself and knows whether it passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfcompress.comparison.classification_counts import Flip
from tfcompress.comparison.kept_outputs import MaskPair, OutputValues
from tfcompress.comparison.limits import ACCURACY
from tfcompress.comparison.metric_score import Score, Verdict, worst
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.printable_names import printable
from tfcompress.result_base import Part, Result, Table, plain

MAX_FLIPS = 8
"""So many flips are printed; all of them are in `flips`."""


@dataclass(frozen=True, repr=False)
class Comparison(Result):
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
    scores: tuple[Score, ...] = ()
    """Scores with labels, by output and metric: both values, their difference, the verdict."""
    agreement: float | None = None
    """Share of samples, or pixels, in which both choose the same class; None where outputs are no classes, or several
    are."""
    top5_agreement: float | None = None
    """Share of samples whose class by the model is among the five that the file scores highest."""
    flips: tuple[Flip, ...] = ()
    """The samples in which the file chose another class: number, both classes, label."""
    mcnemar_p: float | None = None
    """How probable so uneven a split of the disagreements is, were both equally good (McNemar's exact test)."""
    output_errors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By output, mean and largest error."""
    values: Mapping[str, OutputValues] = field(default_factory=dict, compare=False)
    """By output that holds no scores of classes, up to 1,024 of its values, by the model and by the file."""
    masks: Mapping[str, tuple[MaskPair, ...]] = field(default_factory=dict, compare=False)
    """By output of a segmentation, the four images in which model and file differ in most pixels."""

    @property
    def accuracy(self) -> Score | None:
        """The share of right classes; None where that was not measured, or of several outputs."""
        found = [score for score in self.scores if score.in_points and score.name.rpartition("/")[2] == ACCURACY]
        return found[0] if len(found) == 1 else None

    @property
    def keras_accuracy(self) -> float | None:
        """Accuracy of the Keras model; None without labels."""
        return None if self.accuracy is None else self.accuracy.keras

    @property
    def tflite_accuracy(self) -> float | None:
        """Accuracy of the file; None without labels."""
        return None if self.accuracy is None else self.accuracy.file

    @property
    def accuracy_drop(self) -> float | None:
        """Accuracy of the Keras model minus that of the file; None without labels."""
        return None if self.accuracy is None else -self.accuracy.difference

    @property
    def difference_interval(self) -> tuple[float, float] | None:
        """95 % interval of `tflite_accuracy - keras_accuracy`, on paired samples; None without labels."""
        return None if self.accuracy is None else self.accuracy.interval

    @property
    def max_accuracy_drop(self) -> float | None:
        """What the accuracy may lose; None where no limit was set."""
        return None if self.accuracy is None else self.accuracy.limit

    @property
    def metrics(self) -> dict[str, tuple[float, float]]:
        """By name, the value of the model and that of the file, of all scores but the accuracy."""
        return {score.name: (score.keras, score.file) for score in self.scores if score is not self.accuracy}

    @property
    def verdict(self) -> Verdict:
        """The worst of all scores: "failed", "too few samples to tell", "passed", or "no limit"."""
        return worst(score.verdict for score in self.scores)

    @property
    def passed(self) -> bool:
        """Whether the samples show that every limit is kept; True where no limit was set."""
        return self.verdict in ("passed", "no limit")

    @property
    def headline(self) -> str:
        """The verdict, and of what."""
        told, accuracy = "", self.accuracy
        if accuracy is not None:
            told = f"accuracy {accuracy.value(accuracy.keras)} → {accuracy.value(accuracy.file)}, "
        return f"{self.verdict}: {told}{self._run()}"

    def parts(self) -> Iterator[Part]:
        """A row a metric, then what differs between the outputs."""
        rows = [(s.name, s.value(s.keras), s.value(s.file), s.difference_text, s.told) for s in self.scores]
        if rows:
            yield Table(("metric", "Keras", "file", "difference (95 % interval)", "verdict"), rows)
        if self.mcnemar_p is not None:
            yield f"McNemar's test of the accuracy: p = {self.mcnemar_p:.3g}"
        yield from self._outputs()
        if len(self.output_errors) > 1:
            errors = [(name, f"{mean:.4g}", f"{largest:.4g}") for name, (mean, largest) in self.output_errors.items()]
            yield Table(("output", "mean error", "largest error"), errors)

    def __str__(self) -> str:
        """Return the same with lines for each metric, so that it fits a narrow terminal."""
        lines = [self._run()]
        for score in self.scores:
            lines.append(f"{printable(score.name)}: Keras {score.value(score.keras)}, file {score.value(score.file)}")
            unit = " in points" if score.in_points else ""
            test = ""
            if self.mcnemar_p is not None and score is self.accuracy:
                test = f", McNemar's test p = {self.mcnemar_p:.3g}"
            lines.append(f"  difference{unit}: {score.difference_text.replace('(', '(95 % interval ')}{test}")
        lines += self._outputs()
        if len(self.output_errors) > 1:
            for name, (mean, largest) in self.output_errors.items():
                lines.append(f"  {printable(name)}: mean {mean:.4g}, largest {largest:.4g}")
        lines += [f"{printable(score.name)}: {score.told}" for score in self.scores if score.limit is not None]
        return "\n".join(lines)

    def _run(self) -> str:
        return f"{self.samples:,} samples on {self.runtime}, file of {self.tflite.size:,} bytes in flash"

    def _outputs(self) -> Iterator[str]:
        if self.agreement is not None:
            top = "" if self.top5_agreement is None else f", in the file's top 5: {self.top5_agreement:.2%}"
            yield f"same class: {self.agreement:.2%}{top}"
        if self.flips:
            shown = ", ".join(f"{flip.sample} ({flip.keras}→{flip.file})" for flip in self.flips[:MAX_FLIPS])
            rest = ", …" if len(self.flips) > MAX_FLIPS else ""
            yield f"{len(self.flips):,} flipped: {shown}{rest}"
        share = f" ({self.max_error / self.output_range:.2%} of the output range)" if self.output_range else ""
        yield f"output error: mean {self.mean_error:.4g}, largest {self.max_error:.4g}{share}"


@dataclass(frozen=True, repr=False)
class SideBySide(Result, Mapping[str, Comparison]):
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
    def verdict(self) -> Verdict:
        """The worst verdict of all runtimes."""
        return worst(comparison.verdict for comparison in self.values())

    @property
    def passed(self) -> bool:
        """Whether the file passed on every runtime."""
        return all(comparison.passed for comparison in self.values())

    @property
    def headline(self) -> str:
        """The worst verdict, and on what."""
        return f"{self.verdict} on {', '.join(self)}"

    def parts(self) -> Iterator[Part]:
        """The comparison on each runtime, and how far they differ from each other."""
        yield from self.values()
        rows = [(f"{a} and {b}", f"{share:.2%}") for (a, b), share in self.differing.items()]
        yield Table(("runtimes", "share"), rows, "output values that differ between runtimes")

    def to_dict(self) -> dict[str, Any]:
        """The facts, ready for `json.dump`; "differing" is a list of "runtimes" and "share"."""
        return {
            "verdict": self.verdict,
            "passed": self.passed,
            "comparisons": plain(self.comparisons),
            "differing": [{"runtimes": [*pair], "share": share} for pair, share in self.differing.items()],
        }
