"""What a search found: the best file, the front of those that nothing beats, and what decided.

In: candidates. Out: a `Compression`, which prints itself and saves itself as a page, JSON or Markdown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.result_base import Part, Result, Table, plain
from tfcompress.search import recipe as recipes
from tfcompress.search.device_budget import DeviceBudget
from tfcompress.search.front_page import front_page
from tfcompress.search.judge import Candidate
from tfcompress.search.recipe import Recipe


@dataclass(frozen=True, repr=False)
class Best:
    """The file that was chosen, the model that it comes from, and how both are made."""

    candidate: Candidate
    model: Any = field(repr=False)
    """A Keras model: quantization-aware where it was trained so, else in float."""
    python: str = field(default="", repr=False)
    """Lines of Python that make the file."""

    @property
    def tflite(self) -> TFLiteModel:
        """The file."""
        return self.candidate.tflite

    @property
    def recipe(self) -> Recipe:
        """How it is made; `print(best.python)` for lines of Python."""
        return self.candidate.recipe

    def to_dict(self) -> dict[str, Any]:
        """Return the facts."""
        return {"recipe": self.recipe.to_dict(), **facts(self.candidate), "python": self.python}


@dataclass(frozen=True, repr=False)
class Compression(Result):
    """The best file under a budget, with everything that was tried on the way."""

    best: Best
    front: tuple[Candidate, ...]
    """The candidates of which none is better in accuracy, flash, arena and MACs at once; the largest first."""
    why: str
    """Which limit decided."""
    budget: DeviceBudget
    tried: tuple[Candidate, ...]
    """Every file that was made, in order."""
    epochs: int
    """Of all training, over all candidates."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """Versions, threads, and checksums of model and data."""
    met: bool = True
    """Whether the best file keeps every limit."""
    lines: Mapping[Recipe, str] = field(default_factory=dict)
    """Lines of Python that make the file of a recipe."""

    @property
    def passed(self) -> bool:
        """Whether the best file keeps every limit."""
        return self.met

    @property
    def headline(self) -> str:
        """The best file, and how it is made."""
        best = self.best.candidate
        told = f"{best.accuracy:.2%} of {best.float_accuracy:.2%} at {best.footprint.flash:,} bytes: {best.recipe}"
        return told if self.met else f"NOT met: {told}"

    def parts(self) -> Iterator[Part]:
        """The front, and why it is so."""
        yield self.why
        best = self.best.candidate
        if best.test_accuracy is not None:
            yield f"On the test data: {best.test_accuracy:.2%}, against float{_interval(best.test_interval)}"
        columns = ("accuracy", "against float", "flash", "arena", "MACs", "time", "recipe")
        yield Table(columns, [_row(each, each.recipe == self.best.recipe) for each in self.front], "The front")
        yield f"{len(self.tried)} files were made, with {self.epochs} epochs of training."

    def to_dict(self) -> dict[str, Any]:
        """Return the facts, without models."""
        found = super().to_dict()
        return {
            **found,
            "best": self.best.to_dict(),
            "front": [{"recipe": each.recipe.to_dict(), **facts(each)} for each in self.front],
            "tried": [{"recipe": each.recipe.to_dict(), **facts(each)} for each in self.tried],
        }

    def to_html(self) -> str:
        """A page with the front as a picture, in which each point opens its recipe."""
        return front_page(self.headline, self.why, self.front, self.tried, self.best.candidate, self.budget, self.lines)

    FORMS: ClassVar[Mapping[str, Callable[[Any], str]]] = {**Result.FORMS, ".html": lambda result: result.to_html()}

    def save_recipe(self, path: str | PathLike[str]) -> Path:
        """Write the recipe of the best file, for `compress(model, train, recipe=path, …)`.

        Raises:
            FileError: the path cannot be written.
        """
        return recipes.save(path, self.best.recipe, self.origin)


def facts(candidate: Candidate) -> dict[str, Any]:
    """Return what was measured of a candidate."""
    return {
        "accuracy": candidate.accuracy,
        "accuracy_interval": plain(candidate.accuracy_interval),
        "float_accuracy": candidate.float_accuracy,
        "test_accuracy": candidate.test_accuracy,
        "test_interval": plain(candidate.test_interval),
        "flash": candidate.footprint.flash,
        "arena": candidate.footprint.arena,
        "macs": candidate.footprint.macs,
        "latency": candidate.footprint.latency,
    }


def front_of(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return the candidates that no other one beats, the largest file first."""
    kept = [one for one in candidates if not any(_beats(other, one) for other in candidates)]
    unique = {(_figures(one)): one for one in reversed(kept)}
    return tuple(sorted(unique.values(), key=lambda each: -each.footprint.flash))


def _figures(candidate: Candidate) -> tuple[float, ...]:
    """Return what a front is about, the larger the better."""
    takes = candidate.footprint
    return (candidate.accuracy, -takes.flash, -(takes.arena or 0), -takes.macs, -(takes.latency or 0))


def _beats(one: Candidate, other: Candidate) -> bool:
    pairs = [*zip(_figures(one), _figures(other), strict=True)]
    return all(mine >= theirs for mine, theirs in pairs) and any(mine > theirs for mine, theirs in pairs)


def _row(candidate: Candidate, chosen: bool) -> tuple[str, ...]:
    takes = candidate.footprint
    return (
        f"{candidate.accuracy:.2%}",
        f"{-100 * candidate.drop:+.2f}{_interval(candidate.accuracy_interval)}",
        f"{takes.flash:,}",
        "–" if takes.arena is None else f"{takes.arena:,}",
        f"{takes.macs:,}",
        "–" if takes.latency is None else f"{takes.latency:.2f}",
        f"{candidate.recipe}{' ← best' if chosen else ''}",
    )


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" ({100 * interval[0]:+.2f} to {100 * interval[1]:+.2f})"
