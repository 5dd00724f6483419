"""Corrupts many images part by part, in several processes where that saves time.

Threads would not do: imagecorruptions draws from a stream that all threads share.
"""

import collections
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.shifts.corruptions import SEVERITIES
from fractalgen.evaluation.shifts.library import SMALLEST, corrupted, import_opencv
from fractalgen.pool import default_workers

__all__ = ["corrupted_parts"]

_PIXELS_IN_A_PART = 1 << 18
_MOST_WORKERS = 16

# Starting a process that has imported all it needs takes about this long.
_WORTH_PROCESSES_SECONDS = 8.0


class _Part(NamedTuple):
    severity: int
    start: int
    stop: int


def corrupted_parts(
    images: NDArray[np.uint8],
    indices: Sequence[int] | NDArray[np.int64],
    name: str,
    seed: int,
    workers: int | None = None,
    worth_seconds: float = _WORTH_PROCESSES_SECONDS,
) -> Iterator[NDArray[np.uint8]]:
    """Corrupt images with all five severities, some at a time.

    Parameters
    ----------
    images, indices, name, seed
        See `fractalgen.evaluation.shifts.library.corrupted`.
    workers : int, optional
        Processes; None: as many as there are processors to use, up to 16.
    worth_seconds : float
        Processes are started if the first images say that the rest takes longer than this.

    Yields
    ------
    ndarray of uint8, shape (m, size, size, 3)
        All images at severity 1 in order, then all at severity 2, and so on.
    """
    size = max(SMALLEST, images.shape[1])
    step = max(1, _PIXELS_IN_A_PART // size**2)
    waiting = collections.deque(
        _Part(severity, start, min(start + step, len(images)))
        for severity in SEVERITIES
        for start in range(0, len(images), step)
    )
    workers = min(default_workers(), _MOST_WORKERS) if workers is None else workers
    first = True
    while waiting:
        began = time.monotonic()
        yield _corrupted_part(images, indices, name, seed, waiting.popleft())
        left = (time.monotonic() - began) * len(waiting)
        # The first part's time holds imports and compilation.
        if workers > 1 and left > worth_seconds and not first:
            yield from _by_processes(images, indices, name, seed, waiting, workers)
            workers = 1  # whatever is left now, processes could not do
        first = False


def _corrupted_part(
    images: NDArray[np.uint8],
    indices: Sequence[int] | NDArray[np.int64],
    name: str,
    seed: int,
    part: _Part,
) -> NDArray[np.uint8]:
    some = slice(part.start, part.stop)
    return corrupted(images[some], indices[some], name, part.severity, seed)


def _by_processes(
    images: NDArray[np.uint8],
    indices: Sequence[int] | NDArray[np.int64],
    name: str,
    seed: int,
    waiting: "collections.deque[_Part]",
    workers: int,
) -> Iterator[NDArray[np.uint8]]:
    """Take parts from `waiting` and yield them; leave there what was not yielded.

    Nothing is left unless processes cannot be started, as from a script whose main module does
    not guard against being imported.
    """
    # A forked copy of a process with threads, such as PyTorch's, may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    begun: collections.deque[Future[NDArray[np.uint8]]] = collections.deque()
    try:
        while waiting:
            for part in list(waiting)[len(begun) : 2 * workers]:
                some = slice(part.start, part.stop)
                arguments = (np.asarray(images[some]), list(indices[some]), name, part.severity)
                begun.append(pool.submit(corrupted, *arguments, seed))
            done = begun.popleft().result()
            waiting.popleft()
            yield done
    except BrokenProcessPool:
        return
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """Leave interruptions to the parent, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import_opencv().setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
