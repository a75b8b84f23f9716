"""For the docs site: the home page is the README, and files of the repository that are no pages are shown by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from griffe import Extension, Object

DOCS = Path(__file__).parent
ROOT = DOCS.parent
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:]+)\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the text of a page with links that the site has."""
    if page.file.src_uri == "index.md":
        markdown = (ROOT / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")
    return LINK.sub(_by_name, markdown)


def _by_name(link: re.Match[str]) -> str:
    """A file outside of docs/ is no page; one that is nowhere stays a link, which the strict build refuses."""
    text, target = link.groups()
    is_page = not target.startswith("../") and (DOCS / target).exists()
    return f"`{text.strip('`')}`" if not is_page and (ROOT / target.removeprefix("../")).exists() else link[0]


class SingularExample(Extension):
    """Our docstrings say "Example:", which the reader of Google style takes for a note and not for code."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
