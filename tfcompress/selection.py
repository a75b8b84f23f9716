"""Which layers a call is about: `include` and `exclude`, strictly.

In: (path, layer) pairs and patterns. Out: the paths that are selected. A pattern that matches nothing is an
error that lists the names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from tfcompress.choices import did_you_mean
from tfcompress.errors import SelectionError

MOST_LISTED = 50
"""So many layers are listed by an error."""

Pattern: TypeAlias = str | type[object] | Callable[[Any], bool]
"""A layer's name or path, a glob on either, a layer class, or a function from a layer to bool."""

Patterns: TypeAlias = Pattern | Iterable[Pattern] | None


def matches(pattern: Pattern, path: str, layer: Any) -> bool:
    """Tell whether one pattern means one layer; the path of a parent means all the layers inside it."""
    if isinstance(pattern, type):
        return isinstance(layer, pattern)
    if not isinstance(pattern, str):
        return bool(pattern(layer))
    parents = [path]
    while "/" in parents[-1]:
        parents.append(parents[-1].rpartition("/")[0])
    return any(fnmatchcase(parent, pattern) or parent.rpartition("/")[2] == pattern for parent in parents) or (
        fnmatchcase(path.rpartition("/")[2], pattern)
    )


def select(pairs: Sequence[tuple[str, Any]], include: Patterns, exclude: Patterns) -> set[str]:
    """Return the paths that `include` selects (all, where it is None) and `exclude` does not.

    Raises:
        SelectionError: a pattern matches no layer, or nothing is left.
    """
    chosen = {path for path, _ in pairs} if include is None else found(include, pairs, "include")
    return chosen - found(exclude, pairs, "exclude")


def found(patterns: Patterns, pairs: Sequence[tuple[str, Any]], argument: str) -> set[str]:
    """Return the paths that any pattern matches.

    Args:
        patterns: One pattern or several; None for none.
        pairs: The layers with their paths.
        argument: What the user calls the patterns, for the error.

    Raises:
        SelectionError: a pattern matches no layer.
    """
    return set().union(*(_found(pattern, pairs, argument) for pattern in as_list(patterns)))


def as_list(patterns: Patterns) -> list[Pattern]:
    """Return patterns as a list: none for None, one for one."""
    if patterns is None:
        return []
    if isinstance(patterns, (str, type)) or callable(patterns):
        return [patterns]
    return list(patterns)


def _found(pattern: Pattern, pairs: Sequence[tuple[str, Any]], argument: str) -> set[str]:
    if not (isinstance(pattern, (str, type)) or callable(pattern)):
        raise SelectionError(
            f"`{argument}` takes layer names, paths, globs, layer classes and functions of a layer.",
            received=repr(pattern),
        )
    matched = {path for path, layer in pairs if matches(pattern, path, layer)}
    if isinstance(pattern, type):  # a class of containers means the layers inside them too
        matched |= {path for path, _ in pairs if any(path.startswith(parent + "/") for parent in matched)}
    if not matched:
        paths = [path for path, _ in pairs]
        meant = did_you_mean(pattern, [*paths, *(path.rpartition("/")[2] for path in paths)])
        rest = f" and {len(paths) - MOST_LISTED} more" if len(paths) > MOST_LISTED else ""
        raise SelectionError(
            f"Every pattern in `{argument}` must match a layer.",
            received=repr(pattern),
            hint=" ".join(filter(None, (meant, f"The layers are: {', '.join(paths[:MOST_LISTED])}{rest}."))),
        )
    return matched
