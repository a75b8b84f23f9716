"""Names out of files become text that is safe to print: in a terminal, in one line, in the order of its letters.

In: whatever a file holds as a name. Out: the same, with what steers a terminal, breaks a line or turns the order of
letters (ESC, BEL, newlines, bidirectional controls) as escapes. Names stay as they are where something is looked up.
"""

from __future__ import annotations


def printable(value: object, most: int | None = None) -> str:
    """Return a value as one line without control characters.

    Args:
        value: A name, or anything else that a message quotes.
        most: Letters at most; what is longer ends in "…". Default: all.
    """
    text = str(value) if most is None else str(value)[: most + 1]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
    return text if most is None or len(text) <= most else text[: most - 1] + "…"


def one_line(text: str) -> str:
    """Return a message in one line: its own line breaks become spaces, other control characters escapes."""
    return printable(" ".join(text.splitlines()))
