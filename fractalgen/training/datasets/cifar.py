"""CIFAR-10 and CIFAR-100: 60,000 photographs, 32 x 32 pixels."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError
from fractalgen.files.download import fetch
from fractalgen.pool import Progress
from fractalgen.training.datasets.image_data import ImageData
from fractalgen.training.datasets.in_memory import in_memory_data

__all__ = ["load_cifar10", "load_cifar100"]

_SIZE = 32


def load_cifar10(
    data_dir: Path, image_size: int | None = None, progress: Progress | None = None
) -> ImageData:
    """Load CIFAR-10 by torchvision, or fetch it; training images are also mirrored.

    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

    Parameters
    ----------
    data_dir : Path
        Where ``cifar-10-batches-py`` is or will be, or the archive ``cifar-10-python.tar.gz``.
    image_size : int, optional
        Pixels a side; 32 if it is left out.
    progress : callable or None
        Told of the bytes fetched.

    Raises
    ------
    RunError
        If it is not there as published, and cannot be fetched.
    """
    from torchvision.datasets import CIFAR10

    return _load("cifar10", CIFAR10, data_dir, image_size or _SIZE, progress)


def load_cifar100(
    data_dir: Path, image_size: int | None = None, progress: Progress | None = None
) -> ImageData:
    """Load CIFAR-100 with its hundred fine classes; see `load_cifar10`."""
    from torchvision.datasets import CIFAR100

    return _load("cifar100", CIFAR100, data_dir, image_size or _SIZE, progress)


def _load(name: str, kind: Any, data_dir: Path, size: int, progress: Progress | None) -> ImageData:
    parts = _read(kind, data_dir)
    if parts is None:
        _fetch_and_unpack(name, kind, data_dir, progress)
        parts = _read(kind, data_dir)
    if parts is None:
        raise RunError(
            f"{data_dir / kind.base_folder} is not {name} as published, though the archive was "
            "unpacked; remove that folder and try again"
        )
    train, test = parts
    return in_memory_data(
        name,
        train=_labelled(train),
        test=_labelled(test),
        classes=tuple(train.classes),
        size=size,
        padding=size // 8,
        mirror=True,
    )


def _read(kind: Any, data_dir: Path) -> tuple[Any, Any] | None:
    """Read both parts; None if a file is missing or is not the published one.

    The files are pickles. torchvision opens none before it has compared its MD5 with the
    published one.
    """
    with contextlib.suppress(RuntimeError):
        return kind(data_dir, train=True), kind(data_dir, train=False)
    return None


def _fetch_and_unpack(name: str, kind: Any, data_dir: Path, progress: Progress | None) -> None:
    import tarfile

    folder = data_dir / kind.base_folder
    damaged = f"{folder} is there, but not as published. " if folder.is_dir() else ""
    archive = data_dir / kind.filename
    otherwise = (
        f"{damaged}Put {kind.filename} into {data_dir}; without a network, --dataset digits "
        "works everywhere, and fashion-mnist with Debian's package dataset-fashion-mnist."
    )
    fetch(kind.url, archive, kind.tgz_md5, otherwise=otherwise, progress=progress)
    try:
        with tarfile.open(archive) as files:
            # Not known to the first releases of Python 3.10 and 3.11.
            files.extraction_filter = getattr(tarfile, "data_filter", None)
            files.extractall(data_dir)
    except (OSError, tarfile.TarError) as error:
        raise RunError(f"cannot unpack {archive}: {error}") from None


def _labelled(part: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return np.ascontiguousarray(part.data), np.array(part.targets, np.int64)
