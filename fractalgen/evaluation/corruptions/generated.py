"""Generated corrupted images: made in several threads, and cached in the format of CIFAR-10-C."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import json
import math
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.corruptions import SEVERITIES, Suite
from fractalgen.evaluation.corruptions.cbar import C_BAR
from fractalgen.evaluation.corruptions.common import COMMON
from fractalgen.files.atomic import atomic_file
from fractalgen.files.cache_folder import default_folder
from fractalgen.files.regular_file import file_hash
from fractalgen.pool import OrderedPool, default_workers
from fractalgen.registry import Registry

if TYPE_CHECKING:
    from fractalgen.training.datasets.data_set import Images

__all__ = [
    "GENERATE",
    "SUITES",
    "GeneratedCorruption",
    "corrupted_parts",
    "rebatched",
    "versions_of_suite",
]

GENERATE = "generate"

SUITES: Registry[Suite] = Registry("suite of corruptions")
"""The suites, by the value of --corruptions."""

SUITES.add(GENERATE, COMMON)
SUITES.add("cbar", C_BAR)

_PIXELS_PER_PART = 1 << 18
_PARTS_AHEAD = 2
_MAX_CACHED_BYTES = 8 << 30

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
                _write(path, labels.getvalue())
        return flat

    def folder(self, images: NDArray[np.uint8]) -> Path:
        """Return the cache folder for these images; it need not exist.

        Its name contains a digest of everything that the pixels depend on, so nothing stale is
        read.
        """
        versions = versions_of_suite(self.suite)
        source = self.suite.source_at(images.shape[1])
        described = [source, self.suite.version, self.seed, images.shape, versions]
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
    images: NDArray[np.uint8]
    indices: NDArray[np.int64]
    severity: int


def corrupted_parts(
    suite: Suite,
    read: Callable[[slice], NDArray[np.uint8]],
    indices: NDArray[np.int64],
    name: str,
    seed: int,
    workers: int | None = None,
    severities: Sequence[int] = SEVERITIES,
) -> Iterator[NDArray[np.uint8]]:
    """Yield images with one corruption, all at the first severity, then all at the second, ...

    `read` returns the images in a slice of `indices`. There are `workers` threads, by default one
    per CPU core.
    """
    if not len(indices):
        return
    step = max(1, _PIXELS_PER_PART // read(slice(1)).shape[1] ** 2)

    def parts() -> Iterator[_Part]:
        for severity in severities:
            for start in range(0, len(indices), step):
                some = slice(start, start + step)
                yield _Part(read(some), indices[some], severity)

    def corrupt(part: _Part, _stopping: threading.Event) -> NDArray[np.uint8]:
        return suite.corrupt(part.images, part.indices, name, part.severity, seed)

    with OrderedPool(corrupt, workers or default_workers(), _PARTS_AHEAD) as pool:
        yield from pool.map(parts())


def versions_of_suite(suite: Suite) -> dict[str, str]:
    """Return the installed versions of the distributions on which a suite's pixels depend."""
    versions = {}
    for distribution in suite.distributions:
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
            _write(checksum, f"{file_hash(path)}\n".encode("ascii"))
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    array = np.concatenate(list(parts()))
    array.flags.writeable = False
    return array


def _write(path: Path, data: bytes) -> None:
    """Write a file of the cache, which another process may be writing, too."""
    with atomic_file(path, shared=True) as file:
        file.write(data)
