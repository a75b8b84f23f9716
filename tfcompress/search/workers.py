"""Who makes candidates: this process, one after the other, or workers of Ray, several at once.

In: trials, which yield recipes and are sent candidates. Out: nothing; the trials keep what they get.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from tfcompress.console import say
from tfcompress.cpu_cores import cores
from tfcompress.errors import MissingPackageError, SettingError, TfcompressError
from tfcompress.search.judge import Candidate
from tfcompress.search.ray_task import environment, made_by_worker, portable
from tfcompress.search.recipe import Recipe
from tfcompress.search.workbench import Workbench

Trials = Iterable[Generator[Recipe, Candidate | None, None]]


class CandidateMaker(Protocol):
    """Makes candidates."""

    def run(self, trials: Trials) -> None:
        """Make what trials ask for, until all of them have ended; a new one is begun when there is room."""
        ...


class InThisProcess:
    """One candidate after the other."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def run(self, trials: Trials) -> None:
        """Make what each trial asks for."""
        for trial in trials:
            recipe = next(trial, None)
            while recipe is not None:
                recipe = answered(trial, made(self._bench, recipe))


class RayWorkers:
    """Several candidates at once, each a task of Ray; a machine that dies costs its trial and no more."""

    def __init__(self, ray: Any, bench: Workbench, count: int, threads: int) -> None:
        self._ray, self._bench, self._count = ray, bench, count
        self._task = ray.remote(num_cpus=threads, max_retries=0)(made_by_worker)
        self._parts = ray.put(portable(bench))

    def run(self, trials: Trials) -> None:
        """Keep every worker busy."""
        source, running = iter(trials), {}
        while True:
            while len(running) < self._count and (trial := next(source, None)) is not None:
                self._go_on(trial, next(trial, None), running)
            if not running:
                return
            done, _ = self._ray.wait([*running], num_returns=1)
            trial, recipe = running.pop(done[0])
            self._go_on(trial, answered(trial, self._received(done[0], recipe)), running)

    def _go_on(self, trial: Any, recipe: Recipe | None, running: dict[Any, Any]) -> None:
        while recipe is not None and (known := self._bench.store.get(recipe)) is not None:
            recipe = answered(trial, known)
        if recipe is not None:
            running[self._task.remote(self._parts, recipe)] = (trial, recipe)

    def _received(self, task: Any, recipe: Recipe) -> Candidate | None:
        try:
            facts, tflite, model = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, TfcompressError):
                return failed(recipe, error.cause)
            raise
        except self._ray.exceptions.RayError as error:  # a worker or its machine died
            return failed(recipe, error)
        return self._bench.store.receive(facts, tflite, model)


def made(bench: Workbench, recipe: Recipe) -> Candidate | None:
    """Return what a recipe comes to; None where it cannot be made, which is said."""
    try:
        return bench.candidate(recipe)
    except TfcompressError as error:
        return failed(recipe, error)


def failed(recipe: Recipe, error: Exception) -> None:
    """Say that a candidate is left out."""
    say(f"left out: {recipe}: {error}")


def answered(trial: Any, candidate: Candidate | None) -> Recipe | None:
    """Send a trial its candidate; return the next recipe that it asks for, or None at its end."""
    try:
        return trial.send(candidate)
    except StopIteration:
        return None


@contextmanager
def maker_of(workers: int | str | None, bench: Workbench) -> Iterator[CandidateMaker]:
    """Yield what makes candidates, and end it.

    Raises:
        SettingError: no number, no "auto" and no address, or Ray is not there.
        MissingPackageError: Ray is not installed.
        DataError: training data that cannot travel to another process.
    """
    if workers is None:
        yield InThisProcess(bench)
        return
    if isinstance(workers, bool) or not isinstance(workers, int | str) or (isinstance(workers, int) and workers < 1):
        raise SettingError('workers must be a number, "auto" or the address of a Ray cluster.', received=repr(workers))
    try:
        import ray
    except ImportError:
        raise MissingPackageError("Workers need Ray.", hint="Run: pip install 'tfcompress[ray]'.") from None
    here = isinstance(workers, int) or workers == "auto"
    count = workers if isinstance(workers, int) else cores()
    threads = max(1, cores() // count) if here else 1
    settings: dict[str, Any] = (
        {"num_cpus": count * threads, "include_dashboard": False} if here else {"address": workers}
    )
    settings |= {"log_to_driver": False, "logging_level": "error"}
    try:
        ray.init(**settings, runtime_env={"env_vars": environment(threads)})
    except Exception as error:  # of many kinds, for ports, memory or time
        raise SettingError(
            "Ray must start here, or be reached at its address.",
            received=f"workers={workers!r}: {(str(error).splitlines() or [type(error).__name__])[0]}",
        ) from None
    try:
        if not here:
            count = max(1, int(ray.cluster_resources().get("CPU", 1)))
        yield RayWorkers(ray, bench, count, threads)
    finally:
        ray.shutdown()
