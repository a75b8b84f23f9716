"""Elements of HTML and SVG. Whatever is put into one is a text, so that a name out of a file can be no markup.

In: texts and other elements. Out: an `Element` of the standard library, which escapes, and the text of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, tostring

from tfcompress.printable_names import printable

Child = Element | str | None


def tag(name: str, /, *children: Child, **attributes: object) -> Element:
    """Return an element of these children, in their order; None is left out.

    Args:
        name: The tag.
        children: Texts, which are escaped and made printable, and elements.
        attributes: By name; `class_` stands for "class" and `data_label` for "data-label". None is left out.
    """
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    made = Element(name, {key: printable(value) for key, value in given.items() if value is not None})
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif child is not None and len(made):
            made[-1].tail = (made[-1].tail or "") + printable(child)
        elif child is not None:
            made.text = (made.text or "") + printable(child)
    return made


def small(text: str) -> Element | None:
    """Return a second, quieter line; None without a text."""
    return tag("span", text, class_="small") if text else None


def table(headings: Sequence[str], rows: Iterable[Sequence[Child | Sequence[Child]]], kind: str) -> Element:
    """Return a table whose rows become cards on a phone: each cell carries its heading.

    Args:
        headings: Of the columns.
        rows: Cells: a text, an element, or several of them.
        kind: The class of the table, by which the style sheet lays out its cards.
    """
    body = [
        tag(
            "tr",
            *(
                tag("td", *(cell if isinstance(cell, (list, tuple)) else [cell]), data_label=heading)
                for heading, cell in zip(headings, cells, strict=True)
            ),
        )
        for cells in rows
    ]
    head = tag("thead", tag("tr", *(tag("th", heading, scope="col") for heading in headings)))
    return tag("table", head, tag("tbody", *body), class_=kind)


def bar(share: float, kind: str = "") -> Element:
    """Return a horizontal bar that fills a share of its place, 0 to 1."""
    filled = tag("span", style=f"width:{100 * min(1.0, max(0.0, share)):.1f}%", class_=kind or None)
    return tag("span", filled, class_="bar")


def folded(summary: Child | Sequence[Child], *body: Child, open_: bool = False) -> Element:
    """Return something that is opened by a click on its summary."""
    parts = summary if isinstance(summary, (list, tuple)) else [summary]
    return tag("details", tag("summary", *parts), *body, open="" if open_ else None)


def html(element: Element) -> str:
    """Return an element as HTML."""
    return tostring(element, encoding="unicode", method="html")
