"""Batches go to several engines at once, and their results come back in order.

In: what makes an engine, and batches. Out: results, one a batch. Holds a few batches at a time, however many there are.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

E = TypeVar("E")
B = TypeVar("B")
R = TypeVar("R")


class Pool(Generic[E]):
    """Some engines, each made when it is first needed.

    Args:
        make: Makes an engine.
        most: How many there may be.
        first: One that is there already.
    """

    def __init__(self, make: Callable[[], E], most: int, first: E | None = None) -> None:
        self._make, self.most = make, most
        # The last one that came back goes out first, and None stands for one that is not made yet.
        self._idle: queue.LifoQueue[E | None] = queue.LifoQueue()
        for engine in [*[None] * (most - 1), first]:
            self._idle.put(engine)
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="tfcompress-runner")

    def map(self, work: Callable[[E, B], R], batches: Iterable[B]) -> Iterator[R]:
        """Yield what `work` makes of each batch, in the order of the batches."""
        waiting: deque[Future[R]] = deque()
        try:
            for batch in batches:
                waiting.append(self._threads.submit(self._one, work, batch))
                if len(waiting) > self.most:  # one more than can run, so that no engine waits for data
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _one(self, work: Callable[[E, B], R], batch: B) -> R:
        engine = self._idle.get()
        try:
            engine = engine or self._make()
            return work(engine, batch)
        finally:
            self._idle.put(engine)
