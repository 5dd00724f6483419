"""Threads: a pool that keeps tasks in order, and a team that splits a batch."""

import concurrent.futures
import contextlib
import itertools
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

from fractalgen.arguments import whole_number

T = TypeVar("T")
R = TypeVar("R")

__all__ = [
    "OrderedPool",
    "Progress",
    "Stopped",
    "ThreadTeam",
    "available_memory",
    "check_workers",
    "default_workers",
    "image_memory",
]

_BYTES_PER_PIXEL = 16  # that drawing and encoding an image takes; 14 were measured at 4096 pixels
_MAX_BYTES = 4 << 30  # that all images being drawn may take together
_MAX_THREADS = 1024
_MIN_SHARE = 4  # images that are worth handing to another thread
_GRACE_SECONDS = 1.0
_TICK_SECONDS = 0.5  # how often to check for a Ctrl-C where waiting cannot be interrupted

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")


class Stopped(Exception):  # noqa: N818 - not an error
    """Raised by a task that notices that the pool is stopping."""


Progress = Callable[[int, int | None], None]
"""Called with the number done and the total, or None if the total is unknown."""


def default_workers(size: int = 0) -> int:
    """Return the number of CPU cores available to this process.

    If the workers draw images, `size` pixels a side, return fewer if memory is short.
    """
    if not size:
        return _processors()
    memory = min(_MAX_BYTES, available_memory() or _MAX_BYTES)
    return max(1, min(_processors(), memory // image_memory(size)))


def image_memory(size: int) -> int:
    """Return how many bytes it takes to draw and encode an image, `size` pixels a side."""
    return _BYTES_PER_PIXEL * size**2


def check_workers(workers: int | None) -> int | None:
    """Return a number of threads, or None for the default; ArgumentError if out of range."""
    return None if workers is None else whole_number("workers", workers, 1, _MAX_THREADS)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory() -> int | None:
    """Return how many bytes of memory this process can still allocate; None if unknown.

    This is the system's available memory, or less if a control group (such as a container's)
    limits it.
    """
    found = []
    with contextlib.suppress(OSError):
        lines = (_PROC / "meminfo").read_text().splitlines()
        found += [int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")]
    for folder, (limit_file, usage_file) in _memory_cgroups():
        with contextlib.suppress(OSError, ValueError):  # no limit ("max"), or no such folder
            limit = int((folder / limit_file).read_text())
            usage = int((folder / usage_file).read_text())
            # Memory that caches files can be reclaimed.
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            cached = int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
            found.append(max(0, limit - max(0, usage - cached)))
    return min(found, default=None)


def _memory_cgroups() -> Iterator[tuple[Path, tuple[str, str]]]:
    """Yield the folders of the control groups that can limit this process's memory."""
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
        Takes a task, and an event that is set when the pool stops. Long work can check the event
        and raise `Stopped` as long as it has not changed anything.
    workers : int
        Number of threads.
    tasks_ahead : int
        Maximum number of tasks per worker that are started or done but not yet yielded.
    """

    def __init__(
        self, work: Callable[[T, threading.Event], R], workers: int, tasks_ahead: int = 16
    ) -> None:
        self._work = work
        self._ahead = tasks_ahead * workers
        self._stopping = threading.Event()
        self._pending: deque[concurrent.futures.Future[R]] = deque()
        # Counted apart: a Ctrl-C may come when a task has begun and is not yet a pending one.
        self._n_running = 0
        self._changed = threading.Condition()
        self._executor = concurrent.futures.ThreadPoolExecutor(workers)

    def map(self, tasks: Iterable[T]) -> Iterator[R]:
        """Yield the results in order; raise a task's exception in place of its result."""
        for task in tasks:
            self._pending.append(self._executor.submit(self._run, task))
            if len(self._pending) >= self._ahead:
                yield self._first()
                self._pending.popleft()
        while self._pending:
            yield self._first()
            self._pending.popleft()

    def __enter__(self) -> "OrderedPool[T, R]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cancel waiting tasks; after an error, give running ones a second to notice."""
        self._stopping.set()
        self._executor.shutdown(wait=error is None, cancel_futures=True)
        if error is not None:
            with self._changed:
                self._changed.wait_for(lambda: self._n_running == 0, _GRACE_SECONDS)

    def _run(self, task: T) -> R:
        with self._changed:
            self._n_running += 1
        try:
            if self._stopping.is_set():
                raise Stopped
            return self._work(task, self._stopping)
        finally:
            with self._changed:
                self._n_running -= 1
                self._changed.notify_all()

    def _first(self) -> R:
        future = self._pending[0]
        while not future.done():
            concurrent.futures.wait([future], _TICK_SECONDS)
        return future.result()


class ThreadTeam:
    """Threads that split a range between them.

    Unlike Numba's own threads they survive a fork of the process: the child starts new ones.

    Parameters
    ----------
    threads : int, optional
        By default the CPU cores of this process, divided by the number of processes that torchrun
        started on this machine; 1 in a worker process, because its siblings work at the same time.
    """

    def __init__(self, threads: int | None = None) -> None:
        if threads is not None:
            threads = whole_number("threads", threads, 1, _MAX_THREADS)
        self._threads = threads
        self._executor: concurrent.futures.ThreadPoolExecutor | None = None
        self._process = -1

    def run(self, work: Callable[[int, int], None], n: int) -> None:
        """Call ``work(start, stop)`` for the parts of ``range(n)``, and wait for all of them."""
        n_parts = max(1, min(self._size(), n // _MIN_SHARE))
        if n_parts == 1:
            work(0, n)
            return
        edges = [n * part // n_parts for part in range(n_parts + 1)]
        executor = self._started()
        parts = itertools.pairwise(edges[1:])
        futures = [executor.submit(work, start, stop) for start, stop in parts]
        work(0, edges[1])
        for future in futures:
            future.result()

    def _size(self) -> int:
        if self._threads is not None:
            return self._threads
        if multiprocessing.parent_process() is not None:
            return 1
        siblings = os.environ.get("LOCAL_WORLD_SIZE", "1")  # as torchrun sets it
        return max(1, _processors() // max(1, int(siblings) if siblings.isdecimal() else 1))

    def _started(self) -> concurrent.futures.ThreadPoolExecutor:
        if self._executor is None or self._process != os.getpid():
            self._executor = concurrent.futures.ThreadPoolExecutor(self._size(), "fractalgen")
            self._process = os.getpid()
        return self._executor

    def __getstate__(self) -> dict[str, Any]:
        return {"threads": self._threads}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["threads"])  # type: ignore[misc]
