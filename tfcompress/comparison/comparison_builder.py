"""Everything that is counted over batches, so that no batch has to be kept.

In: the outputs of a model and of its file, batch by batch, and labels by output. Out: a `Comparison`.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np

from tfcompress.comparison.limits import Limit
from tfcompress.comparison.match_names import pair_names
from tfcompress.comparison.metric_choice import Metrics, choose_metrics
from tfcompress.comparison.output_counts import OutputTally
from tfcompress.comparison.output_errors import Differences
from tfcompress.comparison.result import Comparison
from tfcompress.errors import DataError
from tfcompress.runtime.runner import Runner

Outputs = dict[str, np.ndarray]
Labels = dict[str | None, np.ndarray]
"""By output; None stands for the only one."""


class ComparisonBuilder:
    """Running totals of one comparison, on one runtime.

    Args:
        runner: What ran the file.
        keras: The Keras of the model.
        metrics: What the user wants measured.
        limits: What the file may lose.
    """

    def __init__(
        self, runner: Runner, keras: ModuleType, metrics: Metrics | None = None, limits: Sequence[Limit] = ()
    ) -> None:
        self.runner = runner
        self._keras, self._metrics, self._limits = keras, metrics, limits
        self._differences = Differences()
        self._names: dict[str, str] = {}
        self._scored: dict[str, OutputTally] = {}
        self.labelled = False

    def add(self, keras: Outputs, ours: Outputs, labels: Labels | None, all_labels: Labels | None) -> None:
        """Add one batch; `all_labels` are checked with the first one."""
        if not self._names:
            self._begin(keras, ours, labels, all_labels)
        for name, reference in keras.items():
            self._differences.add(name, reference, ours[self._names[name]])
        self._differences.samples += len(next(iter(keras.values())))
        for name, scored in self._scored.items():
            given = None if labels is None else labels.get(name, labels.get(None))
            scored.add(keras[name], ours[self._names[name]], given)

    def _begin(self, keras: Outputs, ours: Outputs, labels: Labels | None, all_labels: Labels | None) -> None:
        self._names = pair_names("outputs", list(keras), list(ours))
        if labels is None:
            first = next(iter(keras))
            self._scored = {first: OutputTally(first, keras[first], [])}
            return
        self.labelled = True
        if None in labels and len(keras) > 1:
            raise DataError(
                "For a model of several outputs y must name the one to score.",
                received="labels without a name",
                hint=f"Pass y={{name: labels}} with one or more of {sorted(keras)}.",
            )
        unknown = [name for name in labels if name is not None and name not in keras]
        if unknown:
            raise DataError(
                "y must name an output of the model.", received=", ".join(unknown), hint=f"One of {sorted(keras)}."
            )
        scored = [name for name in keras if None in labels or name in labels]
        for name, measured in choose_metrics(scored, self._metrics, self._limits, self._keras).items():
            self._scored[name] = OutputTally(name if len(scored) > 1 else None, keras[name], measured)
            every = None if all_labels is None else all_labels.get(name, all_labels.get(None))
            self._scored[name].require_labels(labels.get(name, labels.get(None)), every)

    def result(self) -> Comparison:
        """Return what was found."""
        differences = self._differences
        scores = [
            score for name, scored in self._scored.items() for score in scored.scores(differences.by_rounding(name))
        ]
        choosing = [scored for scored in self._scored.values() if scored.agreement is not None]
        only = choosing[0] if len(choosing) == 1 else None
        values = {name: scored.values for name, scored in self._scored.items()}
        return Comparison(
            tflite=self.runner.tflite,
            runtime=self.runner.runtime,
            samples=differences.samples,
            max_error=differences.largest,
            mean_error=differences.mean,
            output_range=differences.range,
            output_errors=differences.by_output,
            scores=tuple(scores),
            agreement=only.agreement if only else None,
            top5_agreement=only.top5_agreement if only else None,
            flips=only.flips if only else (),
            mcnemar_p=only.mcnemar_p if only else None,
            values={name: kept for name, kept in values.items() if kept is not None},
            masks={name: scored.masks for name, scored in self._scored.items() if scored.masks},
        )
