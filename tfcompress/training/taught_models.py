"""What a model does that has a teacher: its loss has a part of the teacher's, and labels need not be there.

In: nothing. Out: a class for each Keras, to stand before the class of a model; without a lesson it changes nothing.
"""

from __future__ import annotations

from typing import Any


class TaughtKerasModel:
    """Steps of a Keras 3 model that may have a teacher."""

    @property
    def lesson(self) -> Any:
        """What it learns from; None: labels alone."""
        return vars(self).get("_lesson")

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Add the teacher's loss in training, where there is a teacher."""
        if self.lesson is None or not training:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        loss = self.lesson.loss_of(x, y_pred, sample_weight)
        if y is not None and self.loss is not None:
            loss += super().compute_loss(x, y, y_pred, sample_weight, training)
        elif self.losses:
            loss += sum(self.losses)
        return loss

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Leave out metrics of labels where there are none."""
        if y is None:
            return {"loss": self._loss_tracker.result()}
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def get_metrics_result(self) -> dict[str, Any]:
        """Leave out metrics of labels where none were seen."""
        if getattr(self._compile_metrics, "built", True):
            return super().get_metrics_result()
        return {"loss": self._loss_tracker.result()}


class TaughtTfKerasModel:
    """Steps of a tf_keras model that may have a teacher."""

    @property
    def lesson(self) -> Any:
        """What it learns from; None: labels alone."""
        return vars(self).get("_lesson")

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train with the teacher's loss, where there is a teacher."""
        lesson = self.lesson
        if lesson is None:
            return super().train_step(data)
        lesson.training = True
        try:
            logs = super().train_step(data)
            # Without labels tf_keras tracks no loss: show that of this batch.
            return logs if "loss" in logs else {**logs, "loss": lesson.loss}
        finally:
            lesson.training = False

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
        """Add the teacher's loss in training, where there is a teacher."""
        if self.lesson is None or not self.lesson.training:
            return super().compute_loss(x, y, y_pred, sample_weight)
        loss = self.lesson.loss_of(x, y_pred, sample_weight)
        return loss if y is None else loss + super().compute_loss(x, y, y_pred, sample_weight)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> dict[str, Any]:
        """Leave out metrics of labels where there are none."""
        return {} if y is None else super().compute_metrics(x, y, y_pred, sample_weight)


TAUGHT = {"keras": TaughtKerasModel, "tf_keras": TaughtTfKerasModel}
