"""A pool of threads that keeps the order of its tasks, and how many threads it should have."""

import concurrent.futures
import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

__all__ = ["OrderedPool", "Progress", "Stopped", "available_memory", "default_workers"]

_BYTES_PER_PIXEL = 16  # that drawing and encoding an image takes; 14 were measured at 4096 pixels
_MAX_BYTES = 4 << 30  # that all images being drawn may take together
_GRACE_SECONDS = 1.0
_TICK_SECONDS = 0.5  # where waiting cannot be interrupted, a Ctrl-C is seen this often

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")


class Stopped(Exception):  # noqa: N818 - no error: the work was told to stop
    """Raised by a task that notices that the pool is stopping."""


Progress = Callable[[int, int | None], None]
"""Called with what is done and its total, or None where that is not known."""


def default_workers(size: int = 0) -> int:
    """Return as many workers as this process has processors.

    If they draw images, `size` pixels a side, there are fewer where memory would not suffice.
    """
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    if not size:
        return processors
    memory = min(_MAX_BYTES, available_memory() or _MAX_BYTES)
    return max(1, min(processors, memory // (_BYTES_PER_PIXEL * size**2)))


def available_memory() -> int | None:
    """Return how many bytes of memory this process may still take; None where nothing tells.

    That is what the system has available, or less if a control group, as a container's, limits
    it.
    """
    found = []
    with contextlib.suppress(OSError):
        lines = (_PROC / "meminfo").read_text().splitlines()
        found += [int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")]
    for folder, (limit_file, usage_file) in _memory_cgroups():
        with contextlib.suppress(OSError, ValueError):  # "max", or a folder that is hidden
            limit = int((folder / limit_file).read_text())
            usage = int((folder / usage_file).read_text())
            # The system takes back what files were cached for.
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            cached = int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
            found.append(max(0, limit - max(0, usage - cached)))
    return min(found, default=None)


def _memory_cgroups() -> Iterator[tuple[Path, tuple[str, str]]]:
    """Yield the folders of the control groups that may limit this process's memory."""
    try:
        lines = (_PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, files = _CGROUPS, ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            root = _CGROUPS / "memory"
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        group = root / path.strip("/")
        for folder in (group, *group.parents):
            yield folder, files
            if folder == root:
                break


class OrderedPool(Generic[T, R]):
    """A pool of threads with a short queue. The kernels and encoders release the GIL.

    Parameters
    ----------
    work : callable
        Takes a task, and an event that is set when the pool stops. Long work may check the event
        and raise `Stopped` where it has not changed anything yet.
    workers : int
        Number of threads.
    tasks_ahead : int
        How many tasks per worker may be started or done before the first result is taken.
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
        """Yield the results in the tasks' order; what a task raises is raised in its place."""
        for task in tasks:
            self._pending.append(self._executor.submit(self._run, task))
            if len(self._pending) >= self._ahead:
                yield self._first()
                self._pending.popleft()
        while self._pending:
            yield self._first()
            self._pending.popleft()

    def stop(self) -> list[R]:
        """Stop at once: cancel waiting tasks, and give running ones a second to notice.

        Returns the results that are ready. The one that was handed out last is among them, since
        the caller may have been interrupted while using it.
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
