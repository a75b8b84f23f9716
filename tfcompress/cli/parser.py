"""The arguments of all commands: help that fits the terminal, and every mistake as one error with the right spelling.

In: the declared commands. Out: a parser, whose errors are `SettingError`s.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from absl.flags import argparse_flags

from tfcompress import __version__
from tfcompress.choices import did_you_mean
from tfcompress.cli import completion
from tfcompress.cli.command import Command
from tfcompress.cli.commands import COMMANDS
from tfcompress.errors import SettingError

KINDS = {"int": "a whole number", "float": "a number"}


def make_parser(chosen: Iterable[str]) -> argparse.ArgumentParser:
    """Return the parser.

    Args:
        chosen: The commands whose arguments are asked for: some read from the library what there is to choose from.
    """
    parser = _TopParser(
        prog="tfcompress",
        description="A trained Keras model in, a proven int8 .tflite out.",
        epilog="tfcompress COMMAND --help tells more, with an example. Exit codes: docs/commands.md.",
    )
    parser.add_argument("--version", action="version", version=f"tfcompress {__version__}")
    parser.set_defaults(all_commands=parser)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for command in COMMANDS.values():
        added = commands.add_parser(
            command.name,
            help=command.purpose,
            description=_description(command),
            epilog=f"example:\n\n  {command.example}",
        )
        if command.name in chosen or completion.COMMAND.name in chosen:  # which needs those of all
            command.add(added)
            _add_common(added)
            added.usage = _usage(command, added)
    return parser


def parsers_of(chosen: Iterable[str]) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of commands by name, complete for those that are chosen."""
    for action in make_parser(chosen)._actions:
        if isinstance(action.choices, dict):
            return action.choices
    return {}


def _description(command: Command) -> str:
    purpose = command.purpose[:1].upper() + command.purpose[1:]
    return "\n\n".join(filter(None, (f"{purpose}.", command.details)))


def _usage(command: Command, parser: argparse.ArgumentParser) -> str:
    """Return what has to be given; the rest is listed below it."""
    needed = [action for action in parser._actions if action.required]
    words = [" ".join(filter(None, (*action.option_strings[-1:], str(action.metavar)))) for action in needed]
    return " ".join(["tfcompress", command.name, *words, "[OPTIONS]"])


def _add_common(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print the result as JSON")
    loudness = group.add_mutually_exclusive_group()
    loudness.add_argument("-q", "--quiet", action="store_true", help="nothing on stderr but errors")
    loudness.add_argument(
        "-v", "--verbose", action="store_true", help="on stderr each stage with its time, and all that libraries print"
    )


class _Help(argparse.HelpFormatter):
    """Fills paragraphs; a line that is indented is a command, which is broken where a shell can read it."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        parts = (
            folded(part.strip(), width) if part.startswith("  ") else textwrap.fill(part, width, break_on_hyphens=False)
            for part in text.split("\n\n")
        )
        return "\n\n".join(parts)

    def _format_usage(self, usage: Any, actions: Any, groups: Any, prefix: Any) -> str:
        if usage is None:
            return super()._format_usage(usage, actions, groups, prefix)
        return textwrap.fill(f"usage: {usage}", self._width, subsequent_indent="  ", break_on_hyphens=False) + "\n\n"


def folded(command: str, width: int) -> str:
    """Return a command in lines of a width, indented, each but the last with a backslash at its end."""
    lines: list[str] = []
    for part in re.findall(r"-\S+(?: [^-\s]\S*)?|\S+", command):  # an option stays with its value
        if lines and len(lines[-1]) + len(part) + 3 <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(f"{'    ' if lines else '  '}{part}")
    return " \\\n".join(lines)


class _Parser(argparse.ArgumentParser):
    """A parser of one command; its errors are ours, and an unknown option is told before what is missing."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=_Help, **settings)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[argparse.Namespace, list[str]]:
        self._require_known_options(args or [])
        return super().parse_known_args(args, namespace)

    def _require_known_options(self, words: Sequence[str]) -> None:
        for word in words:
            if word == "--" or (self._subparsers is not None and not word.startswith("-")):
                return  # what comes after a command is for the parser of that
            name = word.partition("=")[0]
            if name.startswith("--") and not any(one.startswith(name) for one in self._option_string_actions):
                shown = [
                    one
                    for one, action in self._option_string_actions.items()
                    if action.help is not argparse.SUPPRESS and one.startswith("--")
                ]
                meant = did_you_mean(name, shown).replace("'", "")
                raise SettingError(f"{self.prog} has no option {name}.", hint=meant or self._help_line)

    @property
    def _help_line(self) -> str:
        return f"See {self.prog} --help."

    def error(self, message: str) -> NoReturn:
        """Raise what argparse says as one of our errors."""
        if found := re.match(r"argument COMMAND: invalid choice: (.*?) \(choose", message):
            name = found[1].strip("'\"")
            raise SettingError(
                "tfcompress needs a command that there is.",
                received=repr(name),
                hint=did_you_mean(name, COMMANDS) or "tfcompress --help lists all.",
            )
        if found := re.match(r"argument (\S+): invalid (\w+) value: (.*)", message):
            raise SettingError(f"{found[1]} must be {KINDS.get(found[2], found[2])}.", received=found[3])
        if found := re.match(r"argument (\S+): expected .*", message):
            raise SettingError(f"{found[1]} takes a value.", received="none", hint=self._help_line)
        if found := re.match(r"argument (\S+): not allowed with argument (\S+)", message):
            raise SettingError(f"Give one of {found[1]} and {found[2]}.", received="both")
        if found := re.match(r"the following arguments are required: (.*)", message):
            example = COMMANDS[self.prog.split()[-1]].example if " " in self.prog else "tfcompress convert --help"
            raise SettingError(f"{self.prog} needs {found[1]}.", hint=f"Such as: {example}")
        if found := re.match(r"unrecognized arguments: (.*)", message):
            raise SettingError("There must be no more arguments than a command takes.", received=found[1])
        raise SettingError(f"{message[:1].upper()}{message[1:]}.", hint=self._help_line)


class _TopParser(_Parser, argparse_flags.ArgumentParser):
    """That of all commands, which reads absl's flags as well."""
