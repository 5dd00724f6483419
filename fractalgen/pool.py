"""Work done by several threads and handed back in the order in which it was asked for."""

import concurrent.futures
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

__all__ = ["OrderedPool", "Progress", "Stopped", "default_workers"]

_BYTES_PER_PIXEL = 64  # that an image being drawn takes at most, samples and fields included
_GRACE_SECONDS = 1.0
_TICK_SECONDS = 0.5  # where waiting cannot be interrupted, a Ctrl-C is seen this often


class Stopped(Exception):  # noqa: N818 - no error: the work was told to stop
    """Raised inside a task that sees that the pool is stopping."""


Progress = Callable[[int, int | None], None]
"""Called with what is done and its total, or None where that is not known."""


def default_workers(size: int = 0) -> int:
    """Return as many workers as this process has processors.

    Where they draw images, `size` pixels a side, they are so few that 4 GiB are enough.
    """
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return max(1, min(processors, (4 << 30) // max(1, _BYTES_PER_PIXEL * size**2)))


class OrderedPool(Generic[T, R]):
    """A pool of threads with a short queue. The kernels and encoders release the GIL.

    Parameters
    ----------
    work : callable
        Takes a task and the event that is set when the pool stops. Long work may look at it, and
        raise `Stopped` where it has not yet changed anything.
    workers : int
        Number of threads.
    tasks_ahead : int
        Per worker, how many tasks may be begun or done before the first result is taken.
    """

    def __init__(
        self, work: Callable[[T, threading.Event], R], workers: int, tasks_ahead: int = 16
    ) -> None:
        self._work = work
        self._ahead = tasks_ahead * workers
        self._stopping = threading.Event()
        self._pending: deque[concurrent.futures.Future[R]] = deque()
        self._executor = concurrent.futures.ThreadPoolExecutor(workers)

    def map(self, tasks: Iterable[T]) -> Iterator[R]:
        """Yield the tasks' results in the tasks' order; raise what a task raises in its place."""
        for task in tasks:
            self._pending.append(self._executor.submit(self._run, task))
            if len(self._pending) >= self._ahead:
                yield self._first()
                self._pending.popleft()
        while self._pending:
            yield self._first()
            self._pending.popleft()

    def stop(self) -> list[R]:
        """Stop at once: cancel what waits, and give what runs one second to notice.

        Returns
        -------
        list
            Results that are ready, the one that was handed out last among them: whoever asks for
            this may have been interrupted while using it.
        """
        self._stopping.set()
        running = [future for future in self._pending if not future.cancel()]
        done = concurrent.futures.wait(running, _GRACE_SECONDS).done
        return [future.result() for future in running if future in done and not future.exception()]

    def __enter__(self) -> "OrderedPool[T, R]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._executor.shutdown(wait=error is None, cancel_futures=True)

    def _run(self, task: T) -> R:
        if self._stopping.is_set():
            raise Stopped
        return self._work(task, self._stopping)

    def _first(self) -> R:
        future = self._pending[0]
        while not future.done():
            concurrent.futures.wait([future], _TICK_SECONDS)
        return future.result()
