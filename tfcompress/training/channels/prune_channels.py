"""A smaller model: choose channels by importance under a budget, take them out, report.

In: a model of either Keras. Out: an ordinary model of the same Keras with fewer channels, weights copied. Knows nothing
of how channels depend on each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np

from tfcompress.choices import require_choice
from tfcompress.console import progress
from tfcompress.data.data_forms import LabelledData
from tfcompress.errors import PruningError, SettingError
from tfcompress.selection import Patterns
from tfcompress.training.channels import budget, importance, taylor_importance
from tfcompress.training.channels.channel_cost import Cost
from tfcompress.training.channels.channel_graph import ChannelGraph, channel_graph
from tfcompress.training.channels.channels_report import ChannelsReport, report
from tfcompress.training.channels.measured_time import measured_times
from tfcompress.training.channels.remove_channels import remove
from tfcompress.typing import KerasModel, StrPath, TrainableModel

Importance: TypeAlias = Literal["l1", "l2", "batch_norm"]
"""What of the weights a channel matters by."""


@dataclass(frozen=True)
class Budget:
    """What is to be left, or to go: one of these, as `prune_channels` takes them."""

    macs: float | None
    params: float | None
    ratio: float | None
    latency: float | None

    @property
    def given(self) -> dict[str, float]:
        """What is not None, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


class PrunedChannelsModel(TrainableModel, Protocol):
    """A model with fewer channels, and the table of what went."""

    channels: ChannelsReport


def prune_channels(
    model: KerasModel | StrPath,
    *,
    macs: float | None = None,
    params: float | None = None,
    ratio: float | None = None,
    latency: float | None = None,
    importance: Importance | Literal["taylor"] = "l2",
    round_to: int = 8,
    exclude: Patterns = None,
    keep_first: bool = True,
    samples: LabelledData | None = None,
) -> PrunedChannelsModel:
    """Return a model with fewer channels: really smaller and faster, on every runtime.

    Channels go with everything that depends on them (Fang et al. 2023, "DepGraph: Towards Any Structural Pruning"),
    in functional and Sequential models, nested and shared layers included. What cannot be followed stays whole and
    is listed. Print `result.channels` for the table before and after. Fine-tune the result: it is an ordinary model.

    Args:
        model: A built functional or Sequential model, or the path of its file; it is not changed.
        macs: The budget of multiply-accumulates for one sample: a share of now (0.5) or, above 1, their number.
        params: The budget of parameters, likewise.
        ratio: Instead of a budget: the share that every group of channels loses, such as 0.5.
        latency: The budget of time: the share that the int8 file takes on LiteRT with one thread, on this machine. Each
            layer is timed at several widths first, which takes a minute or more; other machines share time otherwise.
        importance: "l2" or "l1", norms of kernels; "batch_norm", its factors; "taylor", what the loss loses to first
            order (Molchanov et al. 2019), which needs `samples` and a compiled model.
        round_to: Widths stay multiples of it, where they are wider. Default: 8, what SIMD kernels like.
        exclude: Layers whose results keep all their channels, by name, path, glob, class or function.
        keep_first: Whether layers that read an input of the model keep their channels. Outputs always do.
        samples: For "taylor": a dataset of (x, y), or a tuple (x, y) of arrays.

    Raises:
        SettingError: not exactly one of `macs`, `params`, `ratio` and `latency`, or one that makes no sense.
        ModelError: no built functional or Sequential model, or MACs or time of open sizes.
        ConversionError: for `latency`: a layer cannot be int8.
        PruningError: the budget is beyond what can be reached (the message says what can), or nothing can go.
        SelectionError: a pattern matches no layer.

    Example:
        >>> smaller = tfcompress.prune_channels(model, macs=0.5, round_to=4, keep_first=False)
        >>> model.count_params(), smaller.count_params()
        (1474, 742)
    """
    check(Budget(macs, params, ratio, latency), importance, round_to, samples)
    graph = channel_graph(model, exclude=exclude, keep_first=keep_first)
    return without(graph, choose(graph, Budget(macs, params, ratio, latency), importance, round_to, samples))


def without(graph: ChannelGraph, gone: np.ndarray) -> PrunedChannelsModel:
    """Return the model without these channels, its report attached."""
    with progress("building the smaller model"):
        smaller = remove(graph, gone)
    smaller.channels = report(graph, gone, smaller)
    return smaller


def choose(
    graph: ChannelGraph,
    wanted: Budget,
    kind: str,
    round_to: int,
    samples: LabelledData | None = None,
) -> np.ndarray:
    """Return the channels to take out; the arguments are those of `prune_channels`, checked.

    Raises:
        PruningError: nothing can go, or not as much as asked.
    """
    if not graph.groups:
        kept = "; ".join(f"{path}: {why}" for path, why in [*graph.kept.items()][:5])
        raise PruningError(
            "Some channels must be free to go: those of an output never are, as its shape would change.",
            received=f"every layer is kept whole ({kept})" if kept else "no layer with channels",
            hint="Print tfcompress.channel_graph(model) for all of them; try keep_first=False.",
        )
    weights = taylor_importance.by_loss(graph, samples) if kind == "taylor" else importance.by_weights(graph, kind)
    if wanted.ratio is not None:
        gone = budget.by_ratio(graph, weights, wanted.ratio, round_to)
        if not len(gone):
            widest = max(len(group.channels) for group in graph.groups)
            raise PruningError(
                "At least one group must be wide enough to lose channels.",
                received=f"ratio={wanted.ratio} with round_to={round_to}, and {widest} channels in the widest group",
                hint="Pass a smaller round_to.",
            )
        return gone
    ((unit, most),) = wanted.given.items()
    cost = Cost(graph, unit, measured_times(graph, round_to) if unit == "latency" else ())
    return budget.under_budget(graph, weights, cost, most, round_to)


def check(wanted: Budget, kind: str, round_to: int, samples: LabelledData | None) -> None:
    """Raise `SettingError` for arguments of `prune_channels` that make no sense."""
    if len(wanted.given) != 1:
        raise SettingError(
            "Give one of macs=, params=, ratio= and latency=.", received=dict(wanted.given) or "none of them"
        )
    ((name, value),) = wanted.given.items()
    shares = {"ratio": "A ratio is between 0 and 1.", "latency": "latency is a share of the time now, between 0 and 1."}
    if not isinstance(value, (int, float, np.number)) or not value > 0 or (name in shares and value >= 1):
        raise SettingError(
            shares.get(name, f"{name} is a share above 0, or a number above 1."), received=f"{name}={value!r}"
        )
    require_choice(kind, importance.KINDS, "importance")
    if (kind == "taylor") != (samples is not None):
        raise SettingError(
            'importance="taylor" needs samples=(x, y), the others take none.',
            received=f"importance={kind!r} {'with' if samples is not None else 'without'} samples",
        )
    if not isinstance(round_to, int) or round_to < 1:
        raise SettingError("round_to is a whole number of at least 1.", received=f"round_to={round_to!r}")
