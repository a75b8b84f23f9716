"""Names out of files become text that is safe to print: in a terminal, in one line, in the order of its letters.

In: whatever a file holds as a name. Out: the same, with what steers a terminal, breaks a line or turns the order of
letters (ESC, BEL, newlines, bidirectional controls) as escapes. Names stay as they are where something is looked up.
"""

from __future__ import annotations


def printable(value: object, most: int = 200) -> str:
    """Return a value as one line without control characters.

    Args:
        value: A name, or anything else that a message quotes.
        most: Letters at most; what is longer ends in "…".
    """
    text = str(value)[: most + 1]
    text = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
    return text if len(text) <= most else text[: most - 1] + "…"


def printable_lines(text: str) -> str:
    """Return a text of several lines, each without control characters."""
    return "\n".join(printable(line, len(line)) for line in text.split("\n"))
