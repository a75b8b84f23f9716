"""`tfcompress completion`: what a shell needs to complete commands, options and file names."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from tfcompress.cli.command import Command, Printable

PATHS = {"FOLDER": "DIRECTORY"} | dict.fromkeys(("FILE", "MODEL", "TFLITE", "FLOAT", "BEFORE", "AFTER"), "FILE")
"""What is completed as a path, by the word that stands for it in the help."""


@dataclass(frozen=True)
class Script:
    """The script of a shell."""

    shell: str
    text: str

    def to_dict(self) -> dict[str, str]:
        """Return the shell and its script."""
        return {"shell": self.shell, "script": self.text}

    def __str__(self) -> str:
        return self.text


def add(parser: argparse.ArgumentParser) -> None:
    """Name the argument; the script is made of the parser of all commands."""
    parser.add_argument("shell", metavar="SHELL", help="bash, zsh, fish or tcsh")


def run(arguments: argparse.Namespace) -> Printable:
    """Make the script."""
    import shtab

    from tfcompress.choices import require_choice

    shell = require_choice(arguments.shell, shtab.SUPPORTED_SHELLS, "SHELL")
    (commands,) = (action.choices for action in arguments.all_commands._actions if isinstance(action.choices, dict))
    for command in commands.values():
        for action in command._actions:
            if action.metavar in PATHS:
                action.complete = getattr(shtab, PATHS[action.metavar])
    return Script(shell, shtab.complete(arguments.all_commands, shell=shell))


COMMAND = Command(
    name="completion",
    purpose="print the script with which a shell completes commands, options and file names",
    example="tfcompress completion bash",
    add=add,
    run=run,
    details="Write it where your shell looks for it. bash: ~/.local/share/bash-completion/completions/tfcompress; zsh: "
    "_tfcompress in a folder of $fpath; fish: ~/.config/fish/completions/tfcompress.fish.",
)
