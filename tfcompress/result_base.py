"""What every result can do: print itself, show itself in a notebook, become a dict, be saved.

In: a headline, and sentences and tables of texts, from each kind of result. Out: plain text, HTML, Markdown, JSON.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, Union

import numpy as np

from tfcompress import files
from tfcompress.errors import SettingError
from tfcompress.printable_names import printable
from tfcompress.tables import aligned, is_number

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color-scheme: light dark; }
body { margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #8884; text-align: left; }
"""


@dataclass(frozen=True)
class Table:
    """Texts in columns; numbers are set to the right. Rows may hold names out of files."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    title: str = ""


Part: TypeAlias = Union[str, Table, "Result"]
"""A sentence, a table, or a result inside another."""


class Result(ABC):
    """Base of all results. Its `str` is a table for terminals, its `repr` one line; notebooks show it as HTML.

    A kind of result is a dataclass, made with `repr=False`, that gives `headline` and `parts`.
    """

    @property
    @abstractmethod
    def headline(self) -> str:
        """What came out, in one line."""

    @abstractmethod
    def parts(self) -> Iterable[Part]:
        """What is told below the headline, in order: sentences, tables, results inside."""

    def __str__(self) -> str:
        lines = [printable(self.headline)]
        for part in self.parts():
            if isinstance(part, Table):
                lines += ["", printable(part.title)] if part.title else []
                lines += aligned([part.columns, *part.rows])
            else:
                lines += [printable(part)] if isinstance(part, str) else ["", str(part)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {printable(self.headline)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return f"<div><p><strong>{_html(self.headline)}</strong></p>{''.join(map(_html_part, self.parts()))}</div>"

    def to_dict(self) -> dict[str, Any]:
        """The facts, ready for `json.dump`.

        Returns:
            A dict from the name of each field and property of the class to its value; rows inside are dicts of their
            fields. Tuples and arrays are lists, NaN and infinity are None, and a `TFLiteModel` is its size, inputs,
            outputs and manifest.
        """
        members = [
            name for kind in reversed(type(self).__mro__) for name, one in vars(kind).items() if _is_property(one)
        ]
        names = dict.fromkeys([*(one.name for one in fields(self)), *members])
        return {name: plain(getattr(self, name)) for name in names if name != "headline"}

    def to_json(self) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_markdown(self) -> str:
        """Headline and tables as Markdown."""
        return "\n".join([f"# {markdown_text(self.headline)}", *_markdown_lines(self)]) + "\n"

    def to_html(self) -> str:
        """What notebooks show, as a page that needs no network."""
        title = _html(self.headline)
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title}</title><style>{STYLE}</style></head><body>{self._repr_html_()}</body></html>\n"
        )

    FORMS: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        ".html": lambda result: result.to_html(),
        ".json": lambda result: result.to_json(),
        ".md": lambda result: result.to_markdown(),
    }
    """By suffix, the text that `save` writes."""

    @classmethod
    def require_form(cls, path: str | PathLike[str]) -> str:
        """Return the suffix of a path that `save` takes; call it before long work.

        Raises:
            SettingError: another suffix.
            FileError: the path cannot be written.
        """
        path = files.require_writable(path)
        if path.suffix.lower() not in cls.FORMS:
            *others, last = cls.FORMS
            raise SettingError(f"{cls.__name__} is saved as {', '.join(others)} or {last}.", received=str(path))
        return path.suffix.lower()

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the result; the suffix chooses the form.

        Args:
            path: Ends in .html, .json or .md; its folder is made where there is none.

        Raises:
            SettingError: another suffix.
            FileError: the path cannot be written; what was there is untouched.
        """
        return files.write(path, self.FORMS[self.require_form(path)](self))


def plain(value: Any) -> Any:
    """Return a value in the types that JSON has."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if is_dataclass(value):
        value = {one.name: getattr(value, one.name) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Iterable):
        return [plain(one) for one in value]
    return str(value)


def _is_property(member: object) -> bool:
    return isinstance(member, property | cached_property)


def _html(text: str) -> str:
    return escape(printable(text))


def _html_part(part: Part) -> str:
    if isinstance(part, Result):
        return part._repr_html_()
    if isinstance(part, str):
        return f"<p>{_html(part)}</p>"
    align = ['style="text-align: right"' if right else 'style="text-align: left"' for right in _to_the_right(part)]
    head = "".join(f"<th {side}>{_html(cell)}</th>" for side, cell in zip(align, part.columns, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td {side}>{_html(cell)}</td>" for side, cell in zip(align, row, strict=True)) + "</tr>"
        for row in part.rows
    )
    title = f"<p>{_html(part.title)}</p>" if part.title else ""
    return f'{title}<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _markdown_lines(result: Result) -> list[str]:
    lines = []
    for part in result.parts():
        if isinstance(part, str):
            lines += ["", markdown_text(part)]
        elif isinstance(part, Result):
            lines += ["", f"## {markdown_text(part.headline)}", *_markdown_lines(part)]
        else:
            sides = ("---:" if right else "---" for right in _to_the_right(part))
            lines += ["", f"**{markdown_text(part.title)}**"] if part.title else []
            lines += ["", *(f"| {' | '.join(map(markdown_text, row))} |" for row in (part.columns,))]
            lines += [f"| {' | '.join(sides)} |", *(f"| {' | '.join(map(markdown_text, row))} |" for row in part.rows)]
    return lines


def markdown_text(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{letter}" if letter in "\\|[]`*" else letter for letter in text)


def _to_the_right(table: Table) -> list[bool]:
    """Tell for each column whether it holds numbers."""
    columns = zip(*table.rows, strict=True) if table.rows else [()] * len(table.columns)
    return [is_number(column) for column in columns]
