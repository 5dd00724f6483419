"""Corrupted images made here, and kept in the layout in which CIFAR-10-C is published."""

import contextlib
import functools
import hashlib
import importlib.metadata
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.shifts.cache import cached_array
from fractalgen.evaluation.shifts.corruptions import CORRUPTIONS, SEVERITIES
from fractalgen.evaluation.shifts.library import corrupted
from fractalgen.evaluation.shifts.processes import corrupted_parts
from fractalgen.files.atomic import write_atomically
from fractalgen.files.cache_folder import default_folder
from fractalgen.pool import Progress

__all__ = ["DISTRIBUTIONS", "cache_folder", "corrupted", "corrupted_cached"]

# Changes when the same arguments and libraries would give other images.
_VERSION = 1

DISTRIBUTIONS = (
    "imagecorruptions-imaug",
    "imagecorruptions",
    "numpy",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "opencv-python",
    "opencv-python-headless",
    "pillow",
    "scikit-image",
    "scipy",
)
"""What the pixels depend on, of which those that are installed count."""


def corrupted_cached(
    data_name: str,
    images: NDArray[np.uint8],
    indices: Sequence[int] | NDArray[np.int64],
    name: str,
    seed: int,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
    labels: NDArray[np.int64] | None = None,
    workers: int | None = None,
) -> NDArray[np.uint8]:
    """Return images corrupted at severities 1 to 5, from the cache if they were made before.

    The folder of the cache is usable as a published one, with `labels` in it if they are given.
    Its name has a digest of the images, their indices, the seed and the versions of the
    libraries that the pixels depend on, so that nothing stale is ever read.

    Parameters
    ----------
    data_name : str
        Of the data set; for the folder's name.
    images, indices, name, seed
        See `corrupted`.
    cache_dir : Path, optional
        None: ``corruptions`` in the user's cache folder for fractalgen. Where it cannot be
        written, the images are made in memory.
    progress : callable, optional
        Called with the number of images made and that of all.
    labels : ndarray of int64, shape (n,), optional
        Written beside the images as ``labels.npy``.
    workers : int, optional
        Processes for images that take long; None: one for each processor, up to 16.

    Returns
    -------
    ndarray of uint8, shape (5, n, size, size, 3)
        Read-only, and on disk wherever that is possible.

    Raises
    ------
    RunError
        If there is nothing cached and imagecorruptions cannot be imported.
    ValueError
        If an argument is not as above.
    """
    if name not in CORRUPTIONS:
        raise ValueError(f"no such corruption: {name}")
    folder = cache_folder(data_name, images, indices, seed, cache_dir)
    n = len(images)

    def parts() -> Iterator[NDArray[np.uint8]]:
        done = 0
        for part in corrupted_parts(images, indices, name, seed, workers):
            done += len(part)
            if progress is not None:
                progress(done, len(SEVERITIES) * n)
            yield part

    shape = (len(SEVERITIES) * n, *images.shape[1:])
    flat = cached_array(folder / f"{name}.npy", shape, parts)
    if labels is not None and folder.is_dir():
        _keep_labels(folder / "labels.npy", labels)
    return flat.reshape(len(SEVERITIES), *images.shape)


def cache_folder(
    data_name: str,
    images: NDArray[np.uint8],
    indices: Sequence[int] | NDArray[np.int64],
    seed: int,
    cache_dir: Path | None = None,
) -> Path:
    """Return the folder in which `corrupted_cached` keeps images; it need not exist."""
    digest = hashlib.sha256(
        json.dumps([_VERSION, seed, images.shape, _library_versions()]).encode()
    )
    digest.update(np.asarray(indices, np.int64).tobytes())
    digest.update(np.ascontiguousarray(images).data)
    readable = re.sub(r"[^A-Za-z0-9_.]+", "-", data_name).strip("-.")[-40:]
    folder = default_folder() / "corruptions" if cache_dir is None else cache_dir
    return folder / f"{readable}-{images.shape[1]}px-{digest.hexdigest()[:16]}"


@functools.cache
def _library_versions() -> dict[str, str]:
    versions = {}
    for distribution in DISTRIBUTIONS:
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
