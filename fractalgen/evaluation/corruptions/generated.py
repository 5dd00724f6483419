"""Generated corrupted images: made in several processes, and cached in the format of CIFAR-10-C.

Threads would not work, because imagecorruptions uses a random stream that all threads share.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import hashlib
import importlib.metadata
import io
import json
import math
import multiprocessing
import multiprocessing.connection
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.corruptions import SEVERITIES, Suite
from fractalgen.evaluation.corruptions.cbar import C_BAR
from fractalgen.evaluation.corruptions.imagenet_c import IMAGENET_C
from fractalgen.files.atomic import atomic_file, write_atomically
from fractalgen.files.cache_folder import default_folder
from fractalgen.files.regular_file import file_hash
from fractalgen.pool import default_workers
from fractalgen.registry import Registry

if TYPE_CHECKING:
    from fractalgen.training.datasets.data_set import Images

__all__ = [
    "GENERATE",
    "SUITES",
    "GeneratedCorruption",
    "corrupted_parts",
    "rebatched",
]

GENERATE = "generate"

SUITES: Registry[Suite] = Registry("suite of corruptions")
"""The suites, by the value of --corruptions."""

SUITES.add(GENERATE, IMAGENET_C)
SUITES.add("cbar", C_BAR)

_PIXELS_PER_PART = 1 << 18
_MIN_SIZE = 32  # smaller images take as long as these
_MAX_WORKERS = 16
_MAX_CACHED_BYTES = 8 << 30

# Starting a process that imports everything takes about this long.
_WORTH_PROCESSES_SECONDS = 8.0

# The cache must not fill the disk.
_MIN_FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class GeneratedCorruption:
    """Test images with one corruption of a suite, cached unless the suite takes over 8 GiB.

    Attributes
    ----------
    data_name : str
        The data set's name, for the cache's folder.
    images : Images
        All test images; those at `indices` are corrupted.
    progress : callable
        Called with the name of the step, the number of images made, and the total.
    cache_dir : Path or None
        None for ``corruptions`` in fractalgen's cache folder.
    """

    suite: Suite
    name: str
    data_name: str
    images: Images
    indices: NDArray[np.int64]
    seed: int
    progress: Callable[[str, int, int | None], None]
    cache_dir: Path | None = None

    def __len__(self) -> int:
        return len(SEVERITIES) * len(self.indices)

    def batches(self, batch_size: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Yield images and labels; see `Corruption`."""
        n_bytes = self.images.for_testing(self.indices[:1]).nbytes
        if n_bytes * len(self) * len(self.suite.names) > _MAX_CACHED_BYTES:
            batches = rebatched(corrupted_parts(self.suite, self._read, *self._what), batch_size)
        else:
            flat = self.cached()
            starts = range(0, len(flat), batch_size)
            batches = (np.asarray(flat[start : start + batch_size]) for start in starts)
        labels = np.tile(self.images.labels[self.indices], len(SEVERITIES))
        done = 0
        for batch in batches:
            yield batch, labels[done : done + len(batch)]
            done += len(batch)

    def cached(self) -> NDArray[np.uint8]:
        """Return all images, read-only, from the cache if possible.

        The cache folder has the format of a published one.
        """
        images = self._read(slice(None))
        folder = self.folder(images)

        def parts() -> Iterator[NDArray[np.uint8]]:
            done = 0
            for part in corrupted_parts(self.suite, images.__getitem__, *self._what):
                done += len(part)
                self.progress(f"making {self.name.replace('_', ' ')}", done, len(self))
                yield part

        flat = _cached_array(folder / f"{self.name}.npy", (len(self), *images.shape[1:]), parts)
        labels = io.BytesIO()
        np.save(labels, np.tile(self.images.labels[self.indices], len(SEVERITIES)))
        path = folder / "labels.npy"
        with contextlib.suppress(OSError):
            if not path.is_file() or path.read_bytes() != labels.getvalue():
                write_atomically(path, labels.getvalue())
        return flat

    def folder(self, images: NDArray[np.uint8]) -> Path:
        """Return the cache folder for these images; it need not exist.

        Its name contains a digest of everything that the pixels depend on, so nothing stale is
        read.
        """
        versions = _versions(self.suite.distributions)
        described = [self.suite.source, self.suite.version, self.seed, images.shape, versions]
        digest = hashlib.sha256(json.dumps(described).encode())
        digest.update(np.asarray(self.indices, np.int64).tobytes())
        digest.update(np.ascontiguousarray(images).data)
        readable = re.sub(r"[^A-Za-z0-9_.]+", "-", self.data_name).strip("-.")[-40:]
        parent = self.cache_dir or default_folder() / "corruptions"
        return parent / f"{readable}-{images.shape[1]}px-{digest.hexdigest()[:16]}"

    @property
    def _what(self) -> tuple[NDArray[np.int64], str, int]:
        return self.indices, self.name, self.seed

    def _read(self, some: slice) -> NDArray[np.uint8]:
        return self.images.for_testing(self.indices[some])


def rebatched(batches: Iterable[NDArray[np.uint8]], batch_size: int) -> Iterator[NDArray[np.uint8]]:
    """Regroup batches of any size into batches of one size, keeping the order of the images."""
    waiting: list[NDArray[np.uint8]] = []
    n_waiting = 0
    for batch in batches:
        waiting.append(batch)
        n_waiting += len(batch)
        if n_waiting >= batch_size:
            whole = np.concatenate(waiting)
            n_ready = n_waiting - n_waiting % batch_size
            for start in range(0, n_ready, batch_size):
                yield whole[start : start + batch_size]
            waiting, n_waiting = [whole[n_ready:]], n_waiting - n_ready
    if n_waiting:
        yield np.concatenate(waiting)


class _Part(NamedTuple):
    severity: int
    some: slice


def corrupted_parts(
    suite: Suite,
    read: Callable[[slice], NDArray[np.uint8]],
    indices: NDArray[np.int64],
    name: str,
    seed: int,
    workers: int | None = None,
    worth_seconds: float = _WORTH_PROCESSES_SECONDS,
) -> Iterator[NDArray[np.uint8]]:
    """Yield images with one corruption, all at severity 1, then all at severity 2, ...

    `read` returns the images in a slice of `indices`. If the first images suggest that the rest
    takes longer than `worth_seconds`, `workers` processes are started, by default one per CPU core.
    """
    size = max(_MIN_SIZE, read(slice(1)).shape[1])
    step = max(1, _PIXELS_PER_PART // size**2)
    waiting = collections.deque(
        _Part(severity, slice(start, start + step))
        for severity in SEVERITIES
        for start in range(0, len(indices), step)
    )
    workers = min(default_workers(), _MAX_WORKERS) if workers is None else workers
    first = True
    while waiting:
        began = time.monotonic()
        part = waiting.popleft()
        yield suite.corrupt(read(part.some), indices[part.some], name, part.severity, seed)
        left = (time.monotonic() - began) * len(waiting)
        # The time of the first part includes imports and compilation.
        if workers > 1 and left > worth_seconds and not first:
            yield from _by_processes(suite, read, indices, name, seed, waiting, workers)
            workers = 1  # the rest cannot be done in processes either
        first = False


def _by_processes(
    suite: Suite,
    read: Callable[[slice], NDArray[np.uint8]],
    indices: NDArray[np.int64],
    name: str,
    seed: int,
    waiting: collections.deque[_Part],
    workers: int,
) -> Iterator[NDArray[np.uint8]]:
    """Take parts from `waiting` and yield their results; parts that were not yielded stay there.

    Parts stay only if processes cannot be started, such as from a script without a
    ``__name__ == "__main__"`` guard.
    """
    # A forked copy of a process with threads, such as PyTorch's, may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(suite,)
    )
    begun: collections.deque[Future[NDArray[np.uint8]]] = collections.deque()
    try:
        while waiting:
            for severity, some in list(waiting)[len(begun) : 2 * workers]:
                arguments = (np.asarray(read(some)), indices[some], name, severity, seed)
                begun.append(pool.submit(suite.corrupt, *arguments))
            done = begun.popleft().result()
            waiting.popleft()
            yield done
    except BrokenProcessPool:
        return
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(suite: Suite) -> None:
    """Leave interruptions to the parent, and exit when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    suite.start_worker()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


@functools.cache
def _versions(distributions: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for distribution in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[distribution] = importlib.metadata.version(distribution)
    return versions


def _cached_array(
    path: Path, shape: tuple[int, ...], parts: Callable[[], Iterator[NDArray[np.uint8]]]
) -> NDArray[np.uint8]:
    """Return the uint8 array in an ``.npy`` file, and make the file if it is missing or damaged.

    A file is damaged if it does not match the SHA-256 in the hidden file next to it. `parts` yields
    the array in pieces along its first axis. The array is read-only; it is in memory if the file
    cannot be written or would leave less than 1 GiB of free disk space.
    """
    checksum = path.with_name(f".{path.name}.sha256")
    with contextlib.suppress(OSError, ValueError):
        if checksum.read_text("ascii").strip() == file_hash(path):
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            if array.dtype == np.uint8 and array.shape == shape:
                return np.asarray(array)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free > math.prod(shape) + _MIN_FREE_BYTES:
            with atomic_file(path, shared=True) as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                for part in parts():
                    file.write(np.ascontiguousarray(part).data)
            write_atomically(checksum, f"{file_hash(path)}\n".encode("ascii"))
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    array = np.concatenate(list(parts()))
    array.flags.writeable = False
    return array
