"""How many channels of each group go: under a budget of MACs or parameters, or a share of each group.

In: a `ChannelGraph` and an importance for each channel. Out: the channels to take out. The group whose next channels
weigh least against what is left of it is narrowed next, all groups together, until the budget is met; so no group is
emptied while others stay whole. Of MACs those go first that take the most time.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

import numpy as np

from tfcompress.errors import PruningError
from tfcompress.training.channels.channel_cost import Cost, Unit
from tfcompress.training.channels.channel_graph import ChannelGraph
from tfcompress.training.channels.channel_groups import Group

TOLERANCE = 0.03
"""How far below the budget a result may be, relative to it."""
MIN_SHARE = 0.1
"""The share of each group that stays whatever the budget."""
WIDE, WIDEST = 12, 64
"""Groups of at least this many steps go by twice, four times … that many channels, up to 64, under a budget of MACs:
int8 kernels take 16, 32 or 64 channels together where they can, and 65 cost them as much as 128."""


def under_budget(
    graph: ChannelGraph, importance: Sequence[np.ndarray], unit: Unit, budget: float, round_to: int
) -> np.ndarray:
    """Return the channels to take out so that the model costs `budget`, a share of its cost or an absolute number.

    Args:
        graph: The model's channels.
        importance: For each group the importance of its channels, on a scale of its own.
        unit: What is counted.
        budget: At most 1: a share of the whole model; above 1: a number of MACs or parameters.
        round_to: Widths stay multiples of it.

    Raises:
        PruningError: the budget is beyond what can be reached.
    """
    cost = Cost(graph, unit)
    whole = cost.total(np.zeros(len(graph.groups)))
    wanted = budget * whole if budget <= 1 else budget
    pairs = [
        (group, weights * each) for group, weights, each in zip(graph.groups, importance, _worth(cost), strict=True)
    ]
    plans = [_Plan(group, weights, round_to, exactly=True) for group, weights in pairs]
    least = cost.total(np.array([plan.most for plan in plans], float))
    if least > wanted * (1 + TOLERANCE):
        raise PruningError(
            f"The budget of {unit} must be within reach.",
            received=f"{wanted:,.0f} of {whole:,.0f} ({wanted / whole:.1%}); {_reasons(graph)}",
            hint=f"At most {1 - least / whole:.1%} can go, which leaves {least:,.0f} ({least / whole:.3f}). "
            "A smaller round_to or keep_first=False may go further.",
        )
    found = []
    for exactly in (True,) if unit == "params" else (False, True):  # small steps where large ones miss the budget
        plans = [_Plan(group, weights, round_to, exactly) for group, weights in pairs]
        gone = _narrowed(cost, plans, np.zeros(len(plans)), wanted)
        found.append((_miss(cost.total(gone), wanted), plans, gone))
        if wanted * (1 - TOLERANCE) <= cost.total(gone) <= wanted:
            break
    _, plans, gone = min(found, key=lambda each: each[0])
    return np.concatenate([plan.order[: int(count)] for plan, count in zip(plans, gone, strict=True)])


def _worth(cost: Cost) -> np.ndarray:
    """Return for each group its share of the MACs by its share of the time: 1 where MACs take all of the time."""
    if cost.unit == "params":
        return np.ones(len(cost.graph.groups))
    none = np.zeros(len(cost.graph.groups))
    macs, time = (each.saved() / max(each.total(none), 1.0) for each in (cost, Cost(cost.graph, "time")))
    return np.clip(macs / np.maximum(time, 1e-12), 0.25, None)


def _narrowed(cost: Cost, plans: Sequence[_Plan], gone: np.ndarray, wanted: float) -> np.ndarray:
    """Let the cheapest channels go until the cost is as wanted, then trade a step of one group for one of another."""
    queue = [(plan.price(0), index) for index, plan in enumerate(plans) if plan.next(0)]
    heapq.heapify(queue)
    while queue and cost.total(gone) > wanted:
        _, index = heapq.heappop(queue)
        trial = _moved(plans, gone, index, 1)
        if cost.total(trial) < wanted * (1 - TOLERANCE):
            continue  # too much for what is missing: the others first
        gone = trial
        if plans[index].next(int(gone[index])):
            heapq.heappush(queue, (plans[index].price(int(gone[index])), index))

    def miss(trial: np.ndarray) -> float:
        return _miss(cost.total(trial), wanted)

    while miss(gone) > TOLERANCE:
        moves = [(index, way) for index, plan in enumerate(plans) for way in (1, -1) if plan.can(int(gone[index]), way)]
        trials = [_moved(plans, gone, *move) for move in moves]
        trials += [_moved(plans, trial, index, -1) for trial in trials for index, way in moves if way == -1]
        near = [trial for trial in trials if miss(trial) <= TOLERANCE]
        if near:
            return min(near, key=lambda trial: sum(plan.harm(int(n)) for plan, n in zip(plans, trial, strict=True)))
        best = min(trials, key=miss, default=gone)
        if miss(best) >= miss(gone):
            break
        gone = best
    return gone


def _miss(found: float, wanted: float) -> float:
    over = found / wanted - 1
    return 3 * over if over > 0 else -over  # rather below than above


def _moved(plans: Sequence[_Plan], gone: np.ndarray, index: int, way: int) -> np.ndarray:
    """Take one more step of channels from a group, or give one back."""
    trial = gone.copy()
    count = int(gone[index])
    if plans[index].can(count, way):
        trial[index] += plans[index].next(count) if way == 1 else -plans[index].last(count)
    return trial


def by_ratio(graph: ChannelGraph, importance: Sequence[np.ndarray], ratio: float, round_to: int) -> np.ndarray:
    """Return the channels to take out so that each group loses this share, as near as `round_to` allows."""
    chosen = [np.zeros(0, int)]
    for group, weights in zip(graph.groups, importance, strict=True):
        plan = _Plan(group, weights, round_to, exactly=True)
        left, gone = (1 - ratio) * len(group.channels), 0
        while (step := plan.next(gone)) and abs(len(group.channels) - gone - step - left) <= abs(
            len(group.channels) - gone - left
        ):
            gone += step
        chosen.append(plan.order[:gone])
    return np.concatenate(chosen)


class _Plan:
    """In which order and in which steps the channels of one group go."""

    def __init__(self, group: Group, importance: np.ndarray, round_to: int, exactly: bool = False) -> None:
        order = np.argsort(importance, kind="stable")
        self.order = group.channels[order]
        self.size, self.step = len(group.channels), group.step(round_to)
        while self.size >= WIDE * self.step and 2 * self.step <= WIDEST and not exactly:
            self.step *= 2
        least = max(self.step, math.ceil(math.ceil(self.size * MIN_SHARE) / self.step) * self.step)
        self.most = max(0, self.size - least)
        self.weight = float(importance.mean()) or 1.0
        self.total = np.concatenate([[0.0], np.cumsum(importance[order] / self.weight)])

    def next(self, gone: int) -> int:
        """Return how many channels go next, 0 where no more can."""
        left = self.size - gone
        step = left % self.step or self.step
        return step if gone + step <= self.most else 0

    def last(self, gone: int) -> int:
        """Return how many channels went last."""
        odd = self.size % self.step
        return odd if odd and gone == odd else min(gone, self.step)

    def can(self, gone: int, way: int) -> bool:
        """Tell whether more channels can go (1), or some can come back (-1)."""
        return bool(self.next(gone) if way == 1 else gone)

    def harm(self, gone: int) -> float:
        """Return what the group has lost by now; `price` is what one more channel adds to it."""
        left = float(self.total[-1] - self.total[gone])
        return -self.size * self.weight * math.log(max(left, 1e-12) / (float(self.total[-1]) or 1.0))

    def price(self, gone: int) -> float:
        """Return what the next channels weigh, one by one, against what is left of the group."""
        step = self.next(gone)
        left = max(float(self.total[-1] - self.total[gone]), 1e-12)
        return float(self.total[gone + step] - self.total[gone]) / step / left * self.size * self.weight


def _reasons(graph: ChannelGraph) -> str:
    return "kept whole are " + ", ".join([*graph.kept][:5]) if graph.kept else "all layers are narrow already"
