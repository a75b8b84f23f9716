"""How many channels of each group go: under a budget of MACs or parameters, or a share of each group.

In: a `ChannelGraph` and an importance for each channel. Out: the channels to take out. The group whose next channels
weigh least against what is left of it is narrowed next, all groups together, until the budget is met; so no group is
emptied while others stay whole. Of MACs those go first that take the most time. Under a budget of measured time a group
goes from one width that is worth it to the next, by what that costs a nanosecond saved (Shen et al. 2022, "HALP").
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from tfcompress.console import say
from tfcompress.errors import PruningError
from tfcompress.training.channels.channel_cost import Cost
from tfcompress.training.channels.channel_graph import ChannelGraph
from tfcompress.training.channels.channel_groups import Group

WORDS = {"macs": "MACs", "params": "parameters", "latency": "the time of the int8 file on this machine"}
TOLERANCE = 0.03
"""How far below the budget a result may be, relative to it."""


def under_budget(
    graph: ChannelGraph, importance: Sequence[np.ndarray], cost: Cost, budget: float, round_to: int
) -> np.ndarray:
    """Return the channels to take out so that the model costs `budget`, a share of its cost or an absolute number.

    Args:
        graph: The model's channels.
        importance: For each group the importance of its channels, on a scale of its own.
        cost: What is counted.
        budget: At most 1: a share of the whole model; above 1: a number of what is counted.
        round_to: Widths stay multiples of it.

    Raises:
        PruningError: the budget is beyond what can be reached.
    """
    whole = cost.total(np.zeros(len(graph.groups)))
    wanted = budget * whole if budget <= 1 else budget
    worth = [weights * each for weights, each in zip(importance, _worth(cost), strict=True)]

    def plans_of(exactly: bool) -> list[_Plan]:
        pairs = enumerate(zip(graph.groups, worth, strict=True))
        if cost.unit != "latency":
            return [_Plan(group, weights, group.stops(round_to, exactly)) for _, (group, weights) in pairs]
        saved = [cost.saved_at(index, group.stops(round_to)) for index, group in enumerate(graph.groups)]
        return [_Plan(group, weights, group.stops(round_to), saved[index]) for index, (group, weights) in pairs]

    plans = plans_of(exactly=True)
    least = cost.total(np.array([plan.most for plan in plans], float))
    if least > wanted * (1 + TOLERANCE):
        unit = " ns" if cost.unit == "latency" else ""
        raise PruningError(
            f"The budget of {cost.unit} must be within reach.",
            received=f"{wanted:,.0f} of {whole:,.0f}{unit} ({wanted / whole:.1%}); {_reasons(graph)}",
            hint=f"At most {1 - least / whole:.1%} can go, which leaves {least:,.0f}{unit} ({least / whole:.3f}). "
            "A smaller round_to or keep_first=False may go further.",
        )
    found = []
    # Small steps where large ones miss the budget; a small one saves no time.
    for exactly in {"params": (True,), "latency": (False,)}.get(cost.unit, (False, True)):
        plans = plans_of(exactly)
        gone = _narrowed(cost, plans, np.zeros(len(plans)), wanted)
        found.append((_miss(cost.total(gone), wanted), plans, gone))
        if wanted * (1 - TOLERANCE) <= cost.total(gone) <= wanted:
            break
    _, plans, gone = min(found, key=lambda each: each[0])
    share, aim = cost.total(gone) / whole, wanted / whole
    if abs(share - aim) > TOLERANCE * aim:
        say(
            f"{WORDS[cost.unit]} will be at {share:.1%} instead of {aim:.1%}: a smaller round_to than {round_to} "
            "comes nearer."
        )
    return np.concatenate([plan.order[: int(count)] for plan, count in zip(plans, gone, strict=True)])


def _worth(cost: Cost) -> np.ndarray:
    """Return for each group its share of the MACs by its share of the time: 1 where MACs take all of the time.

    Under a budget of time a share of one group weighs as much as the same share of another.
    """
    if cost.unit == "params":
        return np.ones(len(cost.graph.groups))
    if cost.unit == "latency":
        return np.array([1 / len(group.channels) for group in cost.graph.groups])
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
        plan = _Plan(group, weights, group.stops(round_to, exactly=True))
        left, gone = (1 - ratio) * len(group.channels), 0
        while (step := plan.next(gone)) and abs(len(group.channels) - gone - step - left) <= abs(
            len(group.channels) - gone - left
        ):
            gone += step
        chosen.append(plan.order[:gone])
    return np.concatenate(chosen)


class _Plan:
    """In which order and in which steps the channels of one group go.

    Args:
        group: The channels.
        importance: What each of them matters.
        stops: How many may be gone.
        saved: The time that each of these saves. Then the plan stops only where no stop after it saves time at a lower
            price; so widths are passed over at which kernels take as long as at wider ones.
    """

    def __init__(
        self, group: Group, importance: np.ndarray, stops: Sequence[int], saved: np.ndarray | None = None
    ) -> None:
        order = np.argsort(importance, kind="stable")
        self.order, self.size = group.channels[order], len(group.channels)
        self.weight = float(importance.mean()) or 1.0
        self.total = np.concatenate([[0.0], np.cumsum(importance[order] / self.weight)])
        self.saved = None if saved is None else dict(zip(stops, saved.tolist(), strict=True))
        self.stops = list(stops)
        if self.saved is not None:
            self.stops = [0]
            while further := [stop for stop in stops if self.saved[stop] > self.saved[self.stops[-1]]]:
                self.stops.append(min(further, key=lambda stop: self._price(self.stops[-1], stop)))
        self.most = self.stops[-1]

    def next(self, gone: int) -> int:
        """Return how many channels go next, 0 where no more can."""
        return 0 if gone >= self.most else self.stops[bisect_right(self.stops, gone)] - gone

    def last(self, gone: int) -> int:
        """Return how many channels went last."""
        return gone - self.stops[bisect_right(self.stops, gone - 1) - 1]

    def can(self, gone: int, way: int) -> bool:
        """Tell whether more channels can go (1), or some can come back (-1)."""
        return bool(self.next(gone) if way == 1 else gone)

    def harm(self, gone: int) -> float:
        """Return what the group has lost by now; `price` is what one more channel adds to it."""
        left = float(self.total[-1] - self.total[gone])
        return -self.size * self.weight * math.log(max(left, 1e-12) / (float(self.total[-1]) or 1.0))

    def price(self, gone: int) -> float:
        """Return what the next channels weigh against what is left of the group: one by one, or by the time saved."""
        step = self.next(gone)
        if self.saved is not None:
            return self._price(gone, gone + step)
        left = max(float(self.total[-1] - self.total[gone]), 1e-12)
        return float(self.total[gone + step] - self.total[gone]) / step / left * self.size * self.weight

    def _price(self, gone: int, then: int) -> float:
        return (self.harm(then) - self.harm(gone)) / (self.saved[then] - self.saved[gone])


def _reasons(graph: ChannelGraph) -> str:
    return "kept whole are " + ", ".join([*graph.kept][:5]) if graph.kept else "all layers are narrow already"
