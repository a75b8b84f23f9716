"""A word out of a list: the one that was asked for, or an error with the one that was probably meant.

In: what the user wrote, and what there is. Out: the word, or a `SettingError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from tfcompress.errors import SettingError

OTHER_NAMES = {"fp16": "float16", "half": "float16", "fp32": "float32", "float": "float32", "w8a16": "int16x8"}
"""What other tools call a word that is too unlike ours to be recognised by its letters."""


def require_choice(value: object, known: Iterable[str], argument: str) -> str:
    """Return `value` if it is one of the words there are.

    Args:
        value: What the user passed.
        known: The words.
        argument: What the user calls it, for the error.

    Raises:
        SettingError: it is none of them; the error lists all, and names the one that is most alike.
    """
    words = [*known]
    if isinstance(value, str) and value in words:
        return value
    raise SettingError(
        f"{argument} must be one of {', '.join(map(repr, words))}.",
        received=repr(value),
        hint=did_you_mean(value, words),
    )


def did_you_mean(value: object, known: Iterable[str]) -> str:
    """Return the question whether one of the known words was meant, or "" where none is alike."""
    word = nearest(value, known) if isinstance(value, str) else None
    return "" if word is None else f"Did you mean {word!r}?"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most alike, without regard to case and punctuation; None if none is.

    Numbers in a word are its meaning: "int4" is no misspelt "int8".
    """
    words = {_plain(one): one for one in known}
    asked = _plain(word)
    if OTHER_NAMES.get(asked) in words:
        return words[OTHER_NAMES[asked]]
    same = [one for one in words if re.findall(r"\d+", one) == re.findall(r"\d+", asked)]
    found = get_close_matches(asked, same, 1) or get_close_matches(asked, words, 1, cutoff=0.8)
    return words[found[0]] if found else None


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9/]", "", word.lower())
