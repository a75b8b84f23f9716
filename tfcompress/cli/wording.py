"""Messages of the library in the words of a command: `--samples FILE` where the library says `samples=x_train[:500]`.

In: a message, the options of a command. Out: the message.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping

from tfcompress.cli.commands import COMMANDS
from tfcompress.cli.parser import parsers_of

OTHER_NAMES = {"limits": "limit", "metrics": "metric", "runtimes": "runtime", "image": "mean", "folder": "output"}
"""Arguments of the library by names that no option has, and the option that stands for them."""

FUNCTIONS = {name.replace("-", "_"): f"tfcompress {name}" for name in COMMANDS} | {"images": "--samples FOLDER"}

VALUE = r"""(?:'[^']*'|"[^"]*"|\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|\w+(?:\.\w+)*(?:\[[^\]]*\])?)"""
LEADING, FOLLOWING = r"\b(?:with|by|in|and)", r" (?:must|for|goes|takes|becomes|and)\b|[.,;]"
"""What stands around the name of an argument, but not around the same word of a sentence."""
CALL = re.compile(r"(?:\b[\w.]+\.)?\b\w+\((?:[^()]|\([^()]*\))*\)|\btfcompress\.\w+")


def in_words_of(options: Mapping[str, argparse.Action], message: str) -> str:
    """Return a message with options instead of Python's arguments, and commands instead of calls.

    Args:
        options: What `options_of` returns.
        message: What the library says.
    """
    parts, end = [], 0
    for call in CALL.finditer(message):
        parts += [_with_options(options, message[end : call.start()]), _as_command(call[0])]
        end = call.end()
    return "".join([*parts, _with_options(options, message[end:])])


def options_of(command: str) -> dict[str, argparse.Action]:
    """Return the options of a command by the name of the argument in the library, and those of `convert`.

    What a file has to be converted with is the way out of errors of other commands.
    """
    options: dict[str, argparse.Action] = {}
    for parser in (parsers_of([command, "convert"])[name] for name in ("convert", command)):
        options |= {action.dest: action for action in parser._actions if action.option_strings}
    return options | {name: options[other] for name, other in OTHER_NAMES.items() if other in options}


def _with_options(options: Mapping[str, argparse.Action], text: str) -> str:
    names = "|".join(options)
    text = re.sub(rf"`?\b({names})=({VALUE})?`?", lambda found: _given(options[found[1]], found[2]), text)

    def option(found: re.Match[str]) -> str:
        return f"{found[1]}{_longest(options[found[2]])}"

    text = re.sub(rf"(^|[.;:] |{LEADING} )({names})\b(?={FOLLOWING})", option, text)
    text = re.sub(rf"()`({names})`", option, text)
    compound = "|".join(name for name in options if "_" in name)  # no words of a sentence
    return re.sub(rf"()(?<![\w-])({compound})\b", option, text) if compound else text


def _longest(action: argparse.Action) -> str:
    return max(action.option_strings, key=len)


def _given(action: argparse.Action, value: str | None) -> str:
    """Return an option with a value as a shell takes it."""
    option = _longest(action)
    if value is None:
        return option
    if value == "None":
        return f"no {option}"
    words = re.findall(r"""'([^']*)'|"([^"]*)\"""", value)
    if words and "…" not in value:
        return " ".join(f"{option} {single or double}" for single, double in words)
    return f"{option} {action.metavar or action.dest.upper()}"


def _as_command(call: str) -> str:
    """Return the command for a call of the library; other code stays as it is."""
    function, _, arguments = call.removesuffix(")").partition("(")
    name = function.removeprefix("tfcompress.")
    if name not in FUNCTIONS or ("." in function and not function.startswith("tfcompress.")):
        return call
    words = [FUNCTIONS[name]]
    for key, value in re.findall(rf"(?:(\w+)=)?({VALUE}|…)", arguments):
        literal = value.strip("'\"") if value[:1] in "'\"" else "…"
        if key:
            words.append(f"--{key.replace('_', '-')} {literal}")
        elif literal != "…":
            words.append(f"--quantization {literal}")
    return f"`{' '.join(words)}`"
