"""The entry point: reads the arguments, runs the command, turns errors into exit codes.

In: arguments. Out: files, tables on stdout, messages on stderr; exit 0 for success, 1 for a failed comparison or check,
2 for an error of the user, 3 for one of ours, 4 for a comparison of too few samples to tell, 130 after Ctrl-C, 141
where nobody reads stdout any more.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import threading
import traceback
from types import FrameType

from tfcompress import __version__
from tfcompress.cli import check, compare, convert, export_c, inspect, preflight, quantize, report
from tfcompress.cli.process_environment import begin_quietly
from tfcompress.console import flush_stdout, make_streams_safe, say, show

INTERRUPTED = 128 + 2
MAX_SECONDS_TO_STOP = 5.0
"""What a command may take to end after Ctrl-C: code of others that drops the exception must not go on with the work."""

COMMANDS = {
    "preflight": preflight,
    "convert": convert,
    "quantize": quantize,
    "inspect": inspect,
    "check": check,
    "compare": compare,
    "report": report,
    "export-c": export_c,
}
"""The commands in flow order; each one imports what it needs when it runs, so that `--help` is quick."""


def main() -> None:
    """Run the command line; the entry point of the `tfcompress` command."""
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else who started us has it ignored
            signal.signal(signal.SIGINT, _interrupt)
        begin_quietly()
        make_streams_safe()
        from absl import app, logging  # here, as Ctrl-C may come while it is imported

        logging.set_verbosity(logging.WARNING)
        app.run(_run, flags_parser=_parse)
    except KeyboardInterrupt:
        _end_interrupted()


def _interrupt(number: int, frame: FrameType | None) -> None:
    timer = threading.Timer(MAX_SECONDS_TO_STOP, _end_interrupted)
    timer.daemon = True
    timer.start()
    raise KeyboardInterrupt


def _end_interrupted() -> None:
    say("interrupted")
    os._exit(INTERRUPTED)  # at once, whatever other threads wait for


def _parse(argv: list[str]) -> argparse.Namespace:
    from absl.flags import argparse_flags

    parser = argparse_flags.ArgumentParser(
        prog="tfcompress", description="A trained Keras model in, a proven int8 .tflite out."
    )
    parser.add_argument("--version", action="version", version=f"tfcompress {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        parser_of_it = commands.add_parser(name, help=command.HELP)
        if name in argv:  # some read from the library what there is to choose from
            command.add(parser_of_it)
    return parser.parse_args(argv[1:])


def _run(arguments: argparse.Namespace) -> None:
    from tfcompress.errors import TfcompressError

    try:
        code = COMMANDS[arguments.command].run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, as a full disk shows only now
    except TfcompressError as error:
        say(str(error))
        code = 2
    except BrokenPipeError:  # the reader of our output has gone: as a process that SIGPIPE ended
        code = 141
    except Exception as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            say(f"There must be room for what is written. Received: {error}. Free some, or write it elsewhere.")
            code = 2
        else:
            # 1 means that a file lost too much; a fault in tfcompress must not look like it.
            show(traceback.format_exc().rstrip())
            code = 3
    flush_stdout()
    sys.exit(code)


if __name__ == "__main__":
    main()
