"""A few threads that share out a batch, made anew in every process that needs them."""

import itertools
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fractalgen.arguments import whole_number

__all__ = ["ThreadTeam"]

_MOST_THREADS = 1024
_LEAST_SHARE = 4  # images that are worth handing to another thread


class ThreadTeam:
    """Runs one function over parts of a range, on some threads.

    The threads are the operating system's, under kernels that release the GIL: unlike Numba's own
    they survive a fork of the process, because the child starts new ones.

    Parameters
    ----------
    threads : int, optional
        None: as many as this process may use, shared with the processes that torchrun started
        beside it; one within a worker process, whose siblings are at work at the same time.
    """

    def __init__(self, threads: int | None = None) -> None:
        if threads is not None:
            threads = whole_number("threads", threads, 1, _MOST_THREADS)
        self._threads = threads
        self._executor: ThreadPoolExecutor | None = None
        self._process = -1

    def run(self, work: Callable[[int, int], None], n: int) -> None:
        """Call ``work(start, stop)`` for parts that make up ``range(n)``, and wait for all."""
        n_parts = max(1, min(self._size(), n // _LEAST_SHARE))
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
        n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        siblings = os.environ.get("LOCAL_WORLD_SIZE", "1")  # as torchrun sets it
        return max(1, (n or 1) // max(1, int(siblings) if siblings.isdecimal() else 1))

    def _started(self) -> ThreadPoolExecutor:
        if self._executor is None or self._process != os.getpid():
            self._executor = ThreadPoolExecutor(self._size(), "fractalgen")
            self._process = os.getpid()
        return self._executor

    def __getstate__(self) -> dict[str, Any]:
        return {"threads": self._threads}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["threads"])  # type: ignore[misc]
