"""Channels driven to zero while the model trains, so that taking them out afterwards changes nothing.

In: a budget, as for `prune_channels`. Out: a callback for `model.fit` of either Keras; its `remove` gives the smaller
model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfcompress.console import warn
from tfcompress.errors import ModelError, SettingError
from tfcompress.selection import Patterns
from tfcompress.training.callback import FitCallback
from tfcompress.training.channels.channel_graph import ChannelGraph, channel_graph
from tfcompress.training.channels.prune_channels import Budget, Importance, PrunedChannelsModel, check, choose, without
from tfcompress.training.pruning.fit_progress import Fit, batches_per_execution, span_of_fit
from tfcompress.training.pruning.step_counter import StepCounter

GONE_BY = 0.75
"""The share of the fit after which the channels are zero; the rest lets the others recover."""


class ShrinkChannels(FitCallback):
    """Drives the least important channels to zero in `model.fit`; `remove()` then takes them out.

    The weights that make these channels shrink a little after each step, to zero by three quarters of the fit (after
    Wang et al. 2021, "Neural Pruning via Growing Regularization"). The arguments are those of `prune_channels`.

    Args:
        macs: The budget of multiply-accumulates: a share, or a number above 1.
        params: The budget of parameters, likewise.
        ratio: Instead of a budget: the share that every group of channels loses.
        latency: The budget of time of the int8 file on this machine, a share; layers are timed as the fit begins.
        importance: "l2", "l1" or "batch_norm", of the weights at the start.
        round_to: Widths stay multiples of it, where they are wider. Default: 8.
        exclude: Layers whose results keep all their channels.
        keep_first: Whether layers that read an input of the model keep their channels.

    Raises:
        SettingError: as `prune_channels`, or the length of the fit is unknown.
        ModelError, PruningError, SelectionError: before the first step, as `prune_channels`.

    Example:
        >>> shrink = tfcompress.ShrinkChannels(macs=0.5, round_to=4, keep_first=False)
        >>> history = model.fit(x_train, y_train, epochs=4, verbose=0, callbacks=[shrink])
        >>> smaller = shrink.remove()
        >>> np.allclose(smaller.predict(x_test, verbose=0), model.predict(x_test, verbose=0), atol=1e-5)
        True
    """

    def __init__(
        self,
        *,
        macs: float | None = None,
        params: float | None = None,
        ratio: float | None = None,
        latency: float | None = None,
        importance: Importance = "l2",
        round_to: int = 8,
        exclude: Patterns = None,
        keep_first: bool = True,
    ) -> None:
        if importance == "taylor":
            raise SettingError(
                "In a fit channels are chosen by their weights.",
                received='importance="taylor"',
                hint='Take "l1", "l2" or "batch_norm", or prune_channels.',
            )
        super().__init__()
        budget = Budget(macs, params, ratio, latency)
        check(budget, importance, round_to, None)
        self._choice = (budget, importance, round_to)
        self._exclude, self._keep_first = exclude, keep_first
        self._graph: ChannelGraph | None = None
        self._gone = np.zeros(0, int)
        self._masks: list[tuple[Any, np.ndarray]] = []
        self._fit: Fit | None = None
        self._steps: StepCounter | None = None
        self._left = 1.0

    def on_train_begin(self, logs: Any = None) -> None:
        """Choose the channels."""
        self._graph = channel_graph(self.model, exclude=self._exclude, keep_first=self._keep_first)
        self._gone = choose(self._graph, *self._choice)
        self._masks, self._fit, self._left = _masks(self._graph, self._gone), None, 1.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Find out how long the fit will be."""
        if self._fit is None:
            self._steps = StepCounter(self.model, [variable for variable, _ in self._masks])
            self._fit = span_of_fit(self._steps, self.params, epoch)
            if self._fit.end is None:
                raise SettingError(
                    "Channels shrink over a fit whose length is known.",
                    received="data of unknown length",
                    hint="Pass steps_per_epoch to fit.",
                )

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Shrink the weights that make the chosen channels."""
        begin, end = self._fit.begin, self._fit.end
        self._steps.passed(batches_per_execution(self.model))
        done = (self._steps.now() - begin) / (GONE_BY * max(1, end - begin))
        left = max(0.0, 1.0 - done)
        factor = left / self._left if self._left else 0.0
        for variable, mask in self._masks:
            variable.assign(variable * (1.0 - mask * (1.0 - factor)))
        self._left = left

    def remove(self) -> PrunedChannelsModel:
        """Return the model without the channels that this callback drove to zero, as `prune_channels` does.

        Raises:
            ModelError: there was no fit with this callback.
        """
        if self._graph is None:
            raise ModelError("Channels must shrink before they go: model.fit(…, callbacks=[shrink]) comes first.")
        rest = max((float(np.abs(np.array(variable) * mask).max()) for variable, mask in self._masks), default=0.0)
        if rest:
            warn(
                f"The channels to take out are not zero (up to {rest:.3g}): the fit ended early, or other weights were "
                "restored. Fine-tune the smaller model."
            )
        return without(self._graph, self._gone)


def _masks(graph: ChannelGraph, gone: np.ndarray) -> list[tuple[Any, np.ndarray]]:
    """Return, for each variable that trains and makes or scales channels that go, where these are (1.0)."""
    trains = {id(variable) for variable in graph.model.trainable_variables}
    found = []
    for weight in graph.ids.weights.values():
        mask = np.zeros(weight.variable.shape, np.float32)
        for position, axis in weight.axes.items():
            if axis is not None and weight.roles[position] != "in":
                where = np.isin(graph.ids.roots(axis), gone)
                np.moveaxis(mask, position, 0)[where] = 1.0
        if mask.any() and id(weight.variable) in trains:
            found.append((weight.variable, mask))
    return found
