"""All that a report knows of one file: how it compares with its model, and what else was found out about it.

In: results of the stages before. Out: a `ReportedFile`, with the facts as plain values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tfcompress.comparison.layer_errors import LayerErrors
from tfcompress.comparison.metric_score import Verdict
from tfcompress.comparison.result import Comparison
from tfcompress.deployment.energy import energy
from tfcompress.deployment.findings import Findings
from tfcompress.litert.inspect import inspect
from tfcompress.litert.manifest import entry
from tfcompress.result_base import plain
from tfcompress.runtime.latency import Latencies

ARENA = "arena needed, bytes"


@dataclass(frozen=True)
class ReportedFile:
    """One file against the Keras model it was made of, and what else is known of it."""

    name: str
    comparison: Comparison
    errors: LayerErrors | None = None
    findings: tuple[Findings, ...] = ()
    latencies: Latencies | None = None

    @property
    def verdict(self) -> Verdict:
        """That of the comparison."""
        return self.comparison.verdict

    @property
    def passed(self) -> bool:
        """Whether the samples show that every limit is kept."""
        return self.comparison.passed

    @property
    def manifest(self) -> dict[str, Any]:
        """How the file was made, as it says itself; empty where it does not."""
        return self.comparison.tflite.manifest

    @property
    def kind(self) -> str:
        """What `convert` was asked for, such as "int8"; of a file from elsewhere, what is found in it."""
        asked = entry(self.manifest, "settings", "quantization")
        return asked if isinstance(asked, str) else inspect(self.comparison.tflite).kind

    @property
    def arena_bytes(self) -> int | None:
        """The least memory in which TFLM runs the file; None where that was not checked."""
        found = [arena for one in self.findings if isinstance(arena := one.facts.get(ARENA), int)]
        return min(found) if found else None

    def to_dict(self) -> dict[str, Any]:
        """Everything as values that JSON has: fractions, bytes, multiply-accumulates and microjoules of one sample."""
        found, tflite = self.comparison, self.comparison.tflite
        facts: dict[str, Any] = {
            "name": self.name,
            "verdict": found.verdict,
            "passed": found.passed,
            "runtime": found.runtime,
            "samples": found.samples,
            "flash_bytes": tflite.size,
            "deflated_bytes": tflite.deflated_size,
            "macs": inspect(tflite).macs,
            "arena_bytes": self.arena_bytes,
            "energy_estimate": energy(tflite).total,
            "keras_accuracy": found.keras_accuracy,
            "accuracy": found.tflite_accuracy,
            "interval": found.difference_interval,
            "agreement": found.agreement,
            "mean_error": found.mean_error,
            "max_error": found.max_error,
            "output_range": found.output_range,
            "max_accuracy_drop": found.max_accuracy_drop,
            "scores": found.scores,
            "errors": self.errors,
            "findings": self.findings,
            "latencies": self.latencies,
            "manifest": self.manifest,
        }
        return {name: plain(value) for name, value in facts.items()}
