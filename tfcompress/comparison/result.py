"""What a comparison found.

In: numbers. Out: a `Comparison` that prints itself and knows whether it passed. Knows nothing of how it was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from tfcompress.flatbuffer.model import TFLiteModel


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
    """Share of samples in which both choose the same class; None where outputs are no classes."""
    keras_accuracy: float | None = None
    tflite_accuracy: float | None = None
    difference_interval: tuple[float, float] | None = None
    """95 % interval of `tflite_accuracy - keras_accuracy`, on paired samples."""
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
            lines.append(f"difference: {-(self.accuracy_drop or 0):+.2%} (95 % interval {low:+.2%} to {high:+.2%})")
        if self.agreement is not None:
            lines.append(f"same class: {self.agreement:.2%}")
        share = f" ({self.max_error / self.output_range:.2%} of the output range)" if self.output_range else ""
        lines.append(f"output error: mean {self.mean_error:.4g}, largest {self.max_error:.4g}{share}")
        if self.max_accuracy_drop is not None:
            lines.append(f"{'passed' if self.passed else 'FAILED'}: at most {self.max_accuracy_drop:.2%} may be lost")
        return "\n".join(lines)
