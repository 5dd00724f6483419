"""Corrupted images made here: in several processes, and cached as CIFAR-10-C is published.

Threads would not do: imagecorruptions draws from a stream that all threads share.
"""

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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.corruptions import SEVERITIES, Suite
from fractalgen.evaluation.corruptions.imagenet_c import IMAGENET_C
from fractalgen.files.atomic import atomic_file, write_atomically
from fractalgen.files.cache_folder import default_folder
from fractalgen.files.regular_file import file_hash
from fractalgen.pool import Progress, default_workers
from fractalgen.registry import Registry
from fractalgen.training.datasets.data_set import Images

__all__ = [
    "GENERATE",
    "SUITES",
    "GeneratedCorruption",
    "cache_folder",
    "corrupted_cached",
    "corrupted_parts",
    "rebatched",
]

GENERATE = "generate"

SUITES: Registry[Suite] = Registry("suite of corruptions")
"""The suites that are made here, by the value of --corruptions."""

SUITES.add(GENERATE, IMAGENET_C)

_PIXELS_PER_PART = 1 << 18
_MIN_SIZE = 32  # smaller images take as long as these
_MAX_WORKERS = 16
_MAX_CACHED_BYTES = 8 << 30

# Starting a process that imports everything takes about this long.
_WORTH_PROCESSES_SECONDS = 8.0

# A cache must not be what fills a disk.
_MIN_FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class GeneratedCorruption:
    """Test images with one corruption of a suite, cached unless the suite takes over 8 GiB.

    `images` are all of the test images, and those of `indices` are corrupted. `progress` is called
    with what is being made, the number of images made, and the total.
    """

    suite: Suite
    name: str
    data_name: str
    images: Images
    indices: NDArray[np.int64]
    seed: int
    progress: Callable[[str, int, int | None], None]

    def __len__(self) -> int:
        return len(SEVERITIES) * len(self.indices)

    def batches(self, batch_size: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Yield images and labels, all at severity 1, then all at severity 2, and so on."""
        labels = self.images.labels[self.indices]
        n_bytes = self.images.for_testing(self.indices[:1]).nbytes
        if n_bytes * len(self) * len(self.suite.names) > _MAX_CACHED_BYTES:
            batches = rebatched(
                corrupted_parts(
                    self.suite,
                    lambda some: self.images.for_testing(self.indices[some]),
                    self.indices,
                    self.name,
                    self.seed,
                ),
                batch_size,
            )
        else:
            images = self.images.for_testing(self.indices)
            made = functools.partial(self.progress, f"making {self.name.replace('_', ' ')}")
            given = (self.suite, self.data_name, images, self.indices, self.name, self.seed)
            flat = corrupted_cached(*given, progress=made, labels=labels).reshape(
                -1, *images.shape[1:]
            )
            starts = range(0, len(flat), batch_size)
            batches = (np.asarray(flat[start : start + batch_size]) for start in starts)
        all_labels = np.tile(labels, len(SEVERITIES))
        done = 0
        for batch in batches:
            yield batch, all_labels[done : done + len(batch)]
            done += len(batch)


def rebatched(batches: Iterable[NDArray[np.uint8]], batch_size: int) -> Iterator[NDArray[np.uint8]]:
    """Cut batches of any size into batches of one size, keeping the order of the images."""
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

    `read` returns the images in a slice of `indices`. If the first images say that the rest takes
    longer than `worth_seconds`, `workers` processes are started, by default one for each processor.
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
        # The first part's time holds imports and compilation.
        if workers > 1 and left > worth_seconds and not first:
            yield from _by_processes(suite, read, indices, name, seed, waiting, workers)
            workers = 1  # processes could not do whatever is left now
        first = False


def _by_processes(
    suite: Suite,
    read: Callable[[slice], NDArray[np.uint8]],
    indices: NDArray[np.int64],
    name: str,
    seed: int,
    waiting: "collections.deque[_Part]",
    workers: int,
) -> Iterator[NDArray[np.uint8]]:
    """Take parts from `waiting` and yield them; leave there what was not yielded.

    Something is left only if processes cannot be started, as from a script whose main module does
    not guard against being imported.
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
    """Leave interruptions to the parent, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    suite.start_worker()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def corrupted_cached(
    suite: Suite,
    data_name: str,
    images: NDArray[np.uint8],
    indices: NDArray[np.int64],
    name: str,
    seed: int,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
    labels: NDArray[np.int64] | None = None,
    workers: int | None = None,
) -> NDArray[np.uint8]:
    """Return images corrupted at severities 1 to 5, uint8 of shape (5, n, size, size, 3).

    They are read from the cache if they were made before. The cache's folder, by default
    ``corruptions`` in the user's cache folder for fractalgen, can be read as a published one, and
    gets `labels` if they are given. The array is read-only, and on disk if possible.
    """
    folder = cache_folder(suite, data_name, images, indices, seed, cache_dir)

    def parts() -> Iterator[NDArray[np.uint8]]:
        done = 0
        for part in corrupted_parts(suite, images.__getitem__, indices, name, seed, workers):
            done += len(part)
            if progress is not None:
                progress(done, len(SEVERITIES) * len(images))
            yield part

    shape = (len(SEVERITIES) * len(images), *images.shape[1:])
    flat = _cached_array(folder / f"{name}.npy", shape, parts)
    if labels is not None and folder.is_dir():
        _keep_labels(folder / "labels.npy", labels)
    return flat.reshape(len(SEVERITIES), *images.shape)


def cache_folder(
    suite: Suite,
    data_name: str,
    images: NDArray[np.uint8],
    indices: NDArray[np.int64],
    seed: int,
    cache_dir: Path | None = None,
) -> Path:
    """Return the folder in which `corrupted_cached` keeps images; it need not exist.

    Its name has a digest of everything that the pixels depend on, so nothing stale is read.
    """
    described = [suite.source, suite.version, seed, images.shape, _versions(suite.distributions)]
    digest = hashlib.sha256(json.dumps(described).encode())
    digest.update(np.asarray(indices, np.int64).tobytes())
    digest.update(np.ascontiguousarray(images).data)
    readable = re.sub(r"[^A-Za-z0-9_.]+", "-", data_name).strip("-.")[-40:]
    folder = default_folder() / "corruptions" if cache_dir is None else cache_dir
    return folder / f"{readable}-{images.shape[1]}px-{digest.hexdigest()[:16]}"


@functools.cache
def _versions(distributions: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for distribution in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[distribution] = importlib.metadata.version(distribution)
    return versions


def _keep_labels(path: Path, labels: NDArray[np.int64]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.tile(np.asarray(labels, np.int64), len(SEVERITIES)))
    data = buffer.getvalue()
    with contextlib.suppress(OSError):
        if not path.is_file() or path.read_bytes() != data:
            write_atomically(path, data)


def _cached_array(
    path: Path, shape: tuple[int, ...], parts: Callable[[], Iterator[NDArray[np.uint8]]]
) -> NDArray[np.uint8]:
    """Return the uint8 array in an ``.npy`` file, and make the file if it is missing or damaged.

    Without its SHA-256, in a hidden file beside it, it counts as damaged. `parts` yields the array
    bit by bit along its first axis. The array is read-only; it is in memory if the file cannot be
    written or would leave less than 1 GiB of the disk free.
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
