"""The entry point: reads the arguments, runs the command, turns errors into exit codes.

In: arguments. Out: files, the result alone on stdout, messages on stderr; an exit code of `exit_codes`.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import threading
import traceback
import warnings
from types import FrameType
from typing import Any

from tfcompress.cli.commands import COMMANDS
from tfcompress.cli.exit_codes import ExitCode, code_of
from tfcompress.cli.printing import print_result
from tfcompress.cli.process_environment import begin
from tfcompress.console import Loudness, flush_stdout, is_verbose, loudness, make_streams_safe, say, show, tell
from tfcompress.errors import TfcompressError, TfcompressWarning

MAX_SECONDS_TO_STOP = 5.0
"""What a command may take to end after Ctrl-C: code of others that drops the exception must not go on with the work."""


def main() -> None:
    """Run the command line; the entry point of the `tfcompress` command."""
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else who started us has it ignored
            signal.signal(signal.SIGINT, _interrupt)
        begin(verbose=bool({"-v", "--verbose"}.intersection(sys.argv)))
        make_streams_safe()
        from absl import app, logging  # here, as Ctrl-C may come while it is imported

        logging.set_verbosity(logging.WARNING)
        app.run(run, flags_parser=parse)
    except KeyboardInterrupt:
        _end_interrupted()


def _interrupt(number: int, frame: FrameType | None) -> None:
    timer = threading.Timer(MAX_SECONDS_TO_STOP, _end_interrupted)
    timer.daemon = True
    timer.start()
    raise KeyboardInterrupt


def _end_interrupted() -> None:
    tell("interrupted")
    os._exit(ExitCode.INTERRUPTED)  # at once, whatever other threads wait for


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the arguments; a mistake in them ends the process."""
    from tfcompress.cli.parser import make_parser

    try:
        return make_parser(argv).parse_args(argv[1:])
    except TfcompressError as error:
        tell(str(error))
        sys.exit(ExitCode.WRONG_USE)


def run(arguments: argparse.Namespace) -> None:
    """Run a command and end the process with its exit code."""
    level = Loudness.QUIET if arguments.quiet else Loudness.VERBOSE if arguments.verbose else Loudness.NORMAL

    def show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, TfcompressWarning):
            say(f"warning: {_in_own_words(arguments, message)}")
        elif is_verbose():  # those of others
            say(f"{category.__name__}: {message}")

    with loudness(level), warnings.catch_warnings():
        warnings.simplefilter("always", TfcompressWarning)
        warnings.showwarning = show_warning
        try:
            code = _code(arguments)
        except TfcompressError as error:
            if is_verbose():
                show(traceback.format_exc().rstrip())
            tell(_in_own_words(arguments, error))
            code = ExitCode.WRONG_USE
    flush_stdout()
    sys.exit(code)


def _in_own_words(arguments: argparse.Namespace, message: object) -> str:
    from tfcompress.cli.wording import in_words_of, options_of

    return in_words_of(options_of(arguments.command), str(message))


def _code(arguments: argparse.Namespace) -> ExitCode:
    try:
        result = COMMANDS[arguments.command].run(arguments)
        print_result(result, arguments.json)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, as a full disk shows only now
        return code_of(result)
    except TfcompressError:
        raise
    except BrokenPipeError:  # the reader of our output has gone: as a process that SIGPIPE ended
        return ExitCode.NO_READER
    except Exception as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            tell(f"There must be room for what is written. Received: {error}. Free some, or write it elsewhere.")
            return ExitCode.WRONG_USE
        # 1 means that a file lost too much; a fault in tfcompress must not look like it.
        show(traceback.format_exc().rstrip())
        return ExitCode.FAULT


if __name__ == "__main__":
    main()
