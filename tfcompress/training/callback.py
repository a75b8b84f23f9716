"""The base of our callbacks for `model.fit`: what both Kerases call, doing nothing.

A plain class: one derived from the Callback of either Keras fails in the other's fit.
"""

from __future__ import annotations

from typing import Any


class FitCallback:
    """Takes every call of a fit of Keras 3 or tf_keras; a callback overrides those it needs."""

    async_safe = True  # Keras 3: no batch-end hook that reads logs
    _supports_tf_logs = True  # tf_keras: do not turn logs into numbers for this callback

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """Take the model; Keras calls this."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the length of the fit; Keras calls this."""
        self.params = dict(params or {})

    def _implements_train_batch_hooks(self) -> bool:
        return True

    def _implements_test_batch_hooks(self) -> bool:
        return False

    def _implements_predict_batch_hooks(self) -> bool:
        return False

    def _nothing(self, *_: Any, **__: Any) -> None:
        """Hooks that both Kerases call and this callback does not need."""

    on_train_begin = on_train_end = on_epoch_begin = on_epoch_end = _nothing
    on_train_batch_begin = on_train_batch_end = on_batch_begin = on_batch_end = _nothing
    on_test_begin = on_test_end = on_test_batch_begin = on_test_batch_end = _nothing
    on_predict_begin = on_predict_end = on_predict_batch_begin = on_predict_batch_end = _nothing
