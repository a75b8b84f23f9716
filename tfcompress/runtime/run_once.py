"""A file is run once, on zeros and in another process, before anyone relies on it: some crash or hang the runtimes.

In: a `TFLiteModel` and a runtime. Out: what the runtime printed, or an error that names the signal and the op. What
survived is remembered by its hash; a manifest is no proof of anything, as anyone can write one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from tfcompress.errors import RunError
from tfcompress.isolation.child_process import ChildProcess, Died, NoAnswer
from tfcompress.isolation.find_crash import find_crash
from tfcompress.litert.extract_ops import keep_ops
from tfcompress.litert.op_names import describe
from tfcompress.litert.stateful_ops import has_state
from tfcompress.litert.tflite_model import OpFacts, TFLiteModel
from tfcompress.litert.write_metadata import open_batch
from tfcompress.runtime.engine import require_unpacked
from tfcompress.runtime.timeouts import sample_timeout
from tfcompress.typing import Runtime

Shapes = Mapping[str, Sequence[int | None]]

BATCH = 2
MAX_GROWTH = 2**30
"""Bytes that files may leave behind in the process before a new one takes its place."""

_child = ChildProcess("tfcompress.runtime.run_child:start", MAX_GROWTH)
"""The other process; one serves a whole program, and is ended with it."""

_survived: set[tuple[object, ...]] = set()
_made_here: set[bytes] = set()


def run_once(
    tflite: TFLiteModel,
    runtime: Runtime,
    *,
    shapes: Shapes | None = None,
    in_batches: bool = False,
    invoke: bool = True,
    seconds: float | None = None,
    child: ChildProcess | None = None,
) -> str:
    """Load a file and run it on zeros in another process; return what the runtime printed.

    Args:
        tflite: The file.
        runtime: Which kernels.
        shapes: The shape of each input by name. Default: that of the file, with 1 for open sizes.
        in_batches: Whether to run it for several samples at once as well, as this process will; what is only refused
            then is no error.
        invoke: Whether to run the file; else it is only loaded.
        seconds: How long it may take. Default: a minute, and what its multiplications need.
        child: Where to run it: a process that answers what `run_child` does. Default: one for all files.

    Raises:
        RunError: the runtime refuses the file in its own words, or finds no end.
        Died: the file killed the process.
        MissingPackageError: "tflm" without its package.
    """
    require_unpacked(tflite, runtime)
    seconds = sample_timeout(tflite) if seconds is None else seconds
    child = child or _child
    request = {
        "what": "run_once",
        "content": tflite.content,
        "runtime": runtime,
        "shapes": {name: [size or 1 for size in shape] for name, shape in (shapes or {}).items()},
        "batched": open_batch(tflite.content) if in_batches and not has_state(tflite) else None,
        "batch": BATCH,
        "invoke": invoke,
    }
    try:
        child.ask(request, seconds)
    except NoAnswer as hung:
        raise RunError(
            f"The runtime {runtime!r} must finish one sample.",
            received=f"no end after {seconds:.0f} seconds{hung}",
            hint="Your process is unharmed. The file is damaged, or far too large for these kernels.",
        ) from None
    except RunError as error:
        raise RunError(
            f"The runtime {runtime!r} must accept the file.",
            received=f"{error.received}{child.telling()}",
            hint=error.hint or "An op named there has no kernel for these types in this version.",
        ) from None
    return child.printed()


def require_survivable(tflite: TFLiteModel, runtime: Runtime, shapes: Shapes) -> None:
    """Run a file once elsewhere, alone and in a batch, unless that was done before.

    Args:
        tflite: The file.
        runtime: Which kernels.
        shapes: The shape of each input by name; the batch is that of the file.

    Raises:
        RunError: the runtime refuses the file, or the file kills or hangs the runtime.
    """
    sizes = {
        spec.name: tuple(size or 1 for size in (*spec.shape[:1], *shapes[spec.name][1:])) for spec in tflite.inputs
    }
    key = (sha256(tflite.content).digest(), runtime, tuple(sorted(sizes.items())))
    if key in _survived:
        return
    try:
        run_once(tflite, runtime, shapes=sizes, in_batches=True)
    except Died as death:
        op = killer(tflite, lambda part: run_once(part, runtime, shapes=sizes, in_batches=True))
        raise killed(runtime, death, tflite, op) from None
    _survived.add(key)


def remember_as_ours(tflite: TFLiteModel) -> None:
    """Remember a file that this process made itself, so that it may run in this process."""
    _made_here.add(sha256(tflite.content).digest())


def is_ours(tflite: TFLiteModel) -> bool:
    """Return whether this process made the file itself."""
    return sha256(tflite.content).digest() in _made_here


def killer(tflite: TFLiteModel, run: Callable[[TFLiteModel], object]) -> OpFacts | None:
    """Find the op that kills a runtime: the last one of the shortest beginning of the file that does.

    Args:
        tflite: A file that kills the runtime.
        run: Runs a part of it; raises `Died` where that kills.
    """
    ops = [op for op in tflite.ops if op.subgraph == 0]

    def survives(count: int) -> bool:
        try:
            part = TFLiteModel(keep_ops(tflite.content, None, count))
            run(part)
        except Died:
            return False
        except (RunError, ValueError, TypeError, AttributeError, IndexError, KeyError):  # too damaged to be cut
            return True
        return True

    number = find_crash(len(ops), survives)
    return None if number is None else ops[number]


def killed(runtime: Runtime, death: Died, tflite: TFLiteModel, op: OpFacts | None) -> RunError:
    """Return the error that tells of a file that kills a runtime."""
    blame = "The file is damaged, or an op in it meets values it cannot take: replace the layer that makes the op."
    return RunError(
        f"The runtime {runtime!r} must survive the file.",
        received=f"{death}" + (f"; it dies in {describe(tflite, op)}" if op else ""),
        hint="Your process is unharmed. " + ("Free memory, and try again." if death.from_outside else blame),
    )
