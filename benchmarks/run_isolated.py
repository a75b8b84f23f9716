"""A function run in a process of its own: other tools may take the process down, and memory counts from its start."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from typing import Any


def apart(function: Callable[..., dict[str, Any]], *args: Any, seconds: float = 3600) -> dict[str, Any]:
    """Return what a function returns, or {"died": how}.

    Args:
        function: A function of a module.
        args: What it is called with.
        seconds: When it is ended.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, function, args))
    process.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            return {"died": f"no end after {seconds:.0f} s"}
        found = receiver.recv()
        process.join(60)  # it ends what it has started
        return found
    except EOFError:
        process.join()
        code = process.exitcode or 0
        return {"died": signal.Signals(-code).name if code < 0 else f"exit code {code}"}
    finally:
        process.kill()
        process.join()


def _send(sender: Any, function: Callable[..., dict[str, Any]], args: tuple[Any, ...]) -> None:
    sender.send(function(*args))
