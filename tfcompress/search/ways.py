"""Which ways to compress a model fit a budget, found before anything is trained.

In: a model, samples, a budget. Out: `Way`s, the gentlest of each kind that fits. The bytes of a file hardly depend on
what its weights were trained to, so each way is tried on the weights of now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from tfcompress.console import progress
from tfcompress.errors import SettingError
from tfcompress.search.device_budget import DeviceBudget, Footprint
from tfcompress.search.recipe import Recipe

MACS = (None, 0.9, 0.75, 0.6, 0.5, 0.4, 0.3, 0.2)
"""Shares of the multiply-accumulates that may stay, the gentlest first."""
SPARSITIES = (0.5, 0.7, 0.8, 0.9)
CLUSTERS = 16
LEVELS = (1.0, 0.75, 0.5)
"""Shares of the flash that is there, or of the int8 file, for which the front gets a file."""


@dataclass(frozen=True)
class Way:
    """One way to compress: the fields of a recipe that decide the size of its file."""

    recipe: Recipe
    footprint: Footprint
    level: float
    """The share of the flash that it was made for."""


class Ways:
    """What files would take, measured without training and once each.

    Args:
        measure: Returns what a recipe's file takes, of the weights of now; None where channels cannot go so far.
        budget: The limits.
        packs: Whether files can be packed for the target.
        whole_macs: Of the model as it is.
        in_the_way: Returns what most of a recipe's file goes into, by the limit that it is beyond.
    """

    def __init__(
        self,
        measure: Callable[[Recipe], Footprint | None],
        budget: DeviceBudget,
        packs: bool,
        whole_macs: int,
        in_the_way: Callable[[Recipe, str], str],
    ) -> None:
        self._measure, self._budget, self._whole_macs = measure, budget, whole_macs
        self._packs, self._in_the_way = packs, in_the_way
        self._known: dict[Recipe, Footprint | None] = {}

    @cached_property
    def kinds(self) -> list[Recipe]:
        """What can be combined with fewer channels."""
        kinds = [Recipe("int8"), Recipe("int8x4"), Recipe("int16x8")]
        if self._packs:
            kinds += [Recipe("int8", sparsity=share) for share in SPARSITIES] + [Recipe("int8", clusters=CLUSTERS)]
        return kinds

    def footprint(self, recipe: Recipe) -> Footprint | None:
        """Return what the file of a recipe takes, measured once."""
        if recipe not in self._known:
            self._known[recipe] = self._measure(recipe)
        return self._known[recipe]

    def fitting(self) -> list[Way]:
        """Return the ways that keep the limits, for the whole budget and for parts of it.

        Raises:
            SettingError: none does; the error says the least that was found.
        """
        found: dict[Recipe, Way] = {}
        with progress("measuring what fits") as advance:
            whole = self.footprint(Recipe("int8"))
            flash = self._budget.flash or (whole.flash if whole else None)
            for level in LEVELS:
                limits = (
                    self._budget if flash is None or level == 1 else replace(self._budget, flash=int(flash * level))
                )
                ways = [way for kind in self.kinds for way in self._gentlest(kind, limits, level)]
                advance(1, f"measuring what fits {level:.0%} of the flash")
                if level == LEVELS[0] and not ways:
                    raise self._out_of_reach()
                for way in _undominated(ways):
                    found.setdefault(way.recipe, way)
        return [*found.values()]

    def _gentlest(self, kind: Recipe, limits: DeviceBudget, level: float) -> Iterator[Way]:
        """Yield the way of one kind with the most channels that fits, found by bisection: fewer channels take less."""
        shares = MACS if kind.quantization != "int16x8" else MACS[:1]  # such a model does not train
        low, high = 0, len(shares)
        while low < high:
            middle = (low + high) // 2
            footprint = self.footprint(replace(kind, macs=shares[middle]))
            if footprint is None:  # channels cannot go so far
                high = middle
                continue
            if limits.fits(footprint, self._whole_macs):
                high = middle
            else:
                low = middle + 1
        footprint = self.footprint(replace(kind, macs=shares[low])) if low < len(shares) else None
        if footprint is not None and limits.fits(footprint, self._whole_macs):
            bounded = kind.quantization == "int8x4" and limits.flash is not None
            flash = int(limits.flash or 0) if bounded else None
            yield Way(replace(kind, macs=shares[low], flash=flash), footprint, level)

    def _out_of_reach(self) -> SettingError:
        known = {recipe: each for recipe, each in self._known.items() if each is not None}
        nearest = min(known, key=lambda recipe: max(self._budget.excess(known[recipe], self._whole_macs).values()))
        excess = self._budget.excess(known[nearest], self._whole_macs)
        beyond = {name: getattr(known[nearest], name) for name, share in excess.items() if share > 0}
        needed = ", ".join(f"{name}={value:,}" for name, value in beyond.items())
        obstacle = self._in_the_way(nearest, max(beyond, key=lambda name: excess[name]))
        return SettingError(
            "The budget must be within reach.",
            received=f"{self._budget.told}; the least found is {needed}, with {nearest.way}: {obstacle}",
            hint=f"Give at least {needed}, or start from a smaller model.",
        )


def _undominated(ways: Sequence[Way]) -> list[Way]:
    """Leave out what changes a model more than another way that fits as well."""
    return [way for way in ways if not any(_gentler(other.recipe, way.recipe) for other in ways)]


def _gentler(one: Recipe, other: Recipe) -> bool:
    """Whether one recipe keeps at least as much in every respect, and more in one."""
    if one.clusters != other.clusters and other.clusters is None:
        return False
    if (one.quantization == "int16x8") != (other.quantization == "int16x8"):  # finer results, more memory and time
        return False

    def kept(recipe: Recipe) -> tuple[float, float, float, float]:
        return (
            recipe.macs or 1.0,
            1 - (recipe.sparsity or 0.0),
            8.0 if recipe.quantization != "int8x4" else 4.0,
            0.0 if recipe.clusters else 1.0,
        )

    pairs = [*zip(kept(one), kept(other), strict=True)]
    return all(mine >= theirs for mine, theirs in pairs) and any(mine > theirs for mine, theirs in pairs)
