"""A smaller model: choose channels by importance under a budget, take them out, report.

In: a model of either Keras. Out: an ordinary model of the same Keras with fewer channels, weights copied. Knows nothing
of how channels depend on each other.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import numpy as np

from tfcompress.choices import require_choice
from tfcompress.console import progress, say
from tfcompress.data.data_forms import LabelledData
from tfcompress.errors import PruningError, SettingError
from tfcompress.selection import Patterns
from tfcompress.training.channels import budget, importance, taylor_importance
from tfcompress.training.channels.channel_graph import ChannelGraph, channel_graph
from tfcompress.training.channels.channels_report import ChannelsReport, report
from tfcompress.training.channels.remove_channels import remove
from tfcompress.typing import KerasModel, StrPath, TrainableModel

Importance: TypeAlias = Literal["l1", "l2", "batch_norm"]
"""What of the weights a channel matters by."""


class PrunedChannelsModel(TrainableModel, Protocol):
    """A model with fewer channels, and the table of what went."""

    channels: ChannelsReport


def prune_channels(
    model: KerasModel | StrPath,
    *,
    macs: float | None = None,
    params: float | None = None,
    ratio: float | None = None,
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
        importance: "l2" or "l1", norms of kernels; "batch_norm", its factors; "taylor", what the loss loses to first
            order (Molchanov et al. 2019), which needs `samples` and a compiled model.
        round_to: Widths stay multiples of it, where they are wider. Default: 8, what SIMD kernels like.
        exclude: Layers whose results keep all their channels, by name, path, glob, class or function.
        keep_first: Whether layers that read an input of the model keep their channels. Outputs always do.
        samples: For "taylor": a dataset of (x, y), or a tuple (x, y) of arrays.

    Raises:
        SettingError: not exactly one of `macs`, `params` and `ratio`, or one that makes no sense.
        ModelError: no built functional or Sequential model, or MACs of open sizes.
        PruningError: the budget is beyond what can be reached (the message says what can), or nothing can go.
        SelectionError: a pattern matches no layer.

    Example:
        >>> smaller = tfcompress.prune_channels(model, macs=0.5, round_to=4, keep_first=False)
        >>> model.count_params(), smaller.count_params()
        (1474, 742)
    """
    check(macs, params, ratio, importance, round_to, samples)
    graph = channel_graph(model, exclude=exclude, keep_first=keep_first)
    gone = choose(graph, macs, params, ratio, importance, round_to, samples)
    smaller = without(graph, gone)
    unit, wanted = ("macs", macs) if macs is not None else ("params", params)
    if wanted is not None:
        share = getattr(smaller.channels, f"{unit}_share")
        aim = wanted if wanted <= 1 else wanted / getattr(smaller.channels.before, unit)
        if abs(share - aim) > budget.TOLERANCE * aim:
            say(f"{unit} are at {share:.1%} instead of {aim:.1%}: a smaller round_to than {round_to} comes nearer.")
    return smaller


def without(graph: ChannelGraph, gone: np.ndarray) -> PrunedChannelsModel:
    """Return the model without these channels, its report attached."""
    with progress("building the smaller model"):
        smaller = remove(graph, gone)
    smaller.channels = report(graph, gone, smaller)
    return smaller


def choose(
    graph: ChannelGraph,
    macs: float | None,
    params: float | None,
    ratio: float | None,
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
    if ratio is not None:
        gone = budget.by_ratio(graph, weights, ratio, round_to)
        if ratio and not len(gone):
            widest = max(len(group.channels) for group in graph.groups)
            raise PruningError(
                "At least one group must be wide enough to lose channels.",
                received=f"ratio={ratio} with round_to={round_to}, and {widest} channels in the widest group",
                hint="Pass a smaller round_to.",
            )
        return gone
    unit = "macs" if macs is not None else "params"
    return budget.under_budget(graph, weights, unit, macs if macs is not None else params, round_to)


def check(
    macs: float | None,
    params: float | None,
    ratio: float | None,
    kind: str,
    round_to: int,
    samples: LabelledData | None,
) -> None:
    """Raise `SettingError` for arguments of `prune_channels` that make no sense."""
    given = {"macs": macs, "params": params, "ratio": ratio}
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) != 1:
        raise SettingError("Give one of macs=, params= and ratio=.", received=named or "none of them")
    ((name, value),) = named.items()
    if not isinstance(value, (int, float, np.number)) or not value > 0 or (name == "ratio" and value >= 1):
        raise SettingError(
            "A ratio is between 0 and 1." if name == "ratio" else f"{name} is a share above 0, or a number above 1.",
            received=f"{name}={value!r}",
        )
    require_choice(kind, importance.KINDS, "importance")
    if (kind == "taylor") != (samples is not None):
        raise SettingError(
            'importance="taylor" needs samples=(x, y), the others take none.',
            received=f"importance={kind!r} {'with' if samples is not None else 'without'} samples",
        )
    if not isinstance(round_to, int) or round_to < 1:
        raise SettingError("round_to is a whole number of at least 1.", received=f"round_to={round_to!r}")
