"""CIFAR-10 and CIFAR-100: 60,000 photographs, 32 x 32 pixels."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError
from fractalgen.files.download import fetch
from fractalgen.pool import Progress
from fractalgen.training.datasets.data_set import DataSet, Defaults, ImageData
from fractalgen.training.datasets.in_memory import in_memory_data

__all__ = ["CIFAR10", "CIFAR100"]


def _load(
    data_set: DataSet, data_dir: Path, size: int, progress: Progress | None = None
) -> ImageData:
    """Load CIFAR-10, or CIFAR-100 with its hundred fine classes, with torchvision.

    `data_dir` is the parent of torchvision's folder, such as ``cifar-10-batches-py``; the archive,
    such as ``cifar-10-python.tar.gz``, is enough. Missing files are downloaded.

    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    from torchvision import datasets

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[data_set.name]
    parts = _read(kind, data_dir)
    if parts is None:
        _fetch_and_unpack(kind, data_dir, progress)
        parts = _read(kind, data_dir)
    if parts is None:
        raise RunError(
            f"{data_dir / kind.base_folder} differs from {data_set.name} as published, although "
            "the archive was unpacked; remove that folder and try again"
        )
    train, test = parts
    return in_memory_data(
        data_set,
        size,
        train=_labelled(train),
        test=_labelled(test),
        classes=tuple(train.classes),
    )


def _read(kind: Any, data_dir: Path) -> tuple[Any, Any] | None:
    """Read both parts; None if a file is missing or differs from the published one.

    The files are pickles. torchvision checks their MD5 before it opens them.
    """
    with contextlib.suppress(RuntimeError):
        return kind(data_dir, train=True), kind(data_dir, train=False)
    return None


def _fetch_and_unpack(kind: Any, data_dir: Path, progress: Progress | None) -> None:
    import tarfile

    folder = data_dir / kind.base_folder
    damaged = f"{folder} exists, but differs from the published files. " if folder.is_dir() else ""
    archive = data_dir / kind.filename
    otherwise = (
        f"{damaged}Put {kind.filename} into {data_dir}; offline, --dataset digits "
        "always works, and fashion-mnist works with Debian's package dataset-fashion-mnist."
    )
    fetch(kind.url, archive, kind.tgz_md5, otherwise=otherwise, progress=progress)
    try:
        with tarfile.open(archive) as files:
            # Not in the first releases of Python 3.10 and 3.11.
            files.extraction_filter = getattr(tarfile, "data_filter", None)
            files.extractall(data_dir)
    except (OSError, tarfile.TarError) as error:
        raise RunError(f"cannot unpack {archive}: {error}") from None


def _labelled(part: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return np.ascontiguousarray(part.data), np.array(part.targets, np.int64)


# The paper (appendix A) trains Wide ResNets for 100 epochs and other networks for 200. Its public
# code trains all for 100, with five times the weight decay. The learning rate is the code's.
_RECIPES = {
    "paper": Defaults(
        "wrn-40-4",
        epochs=200,
        epochs_of={"wrn-16-1": 100, "wrn-28-10": 100, "wrn-40-4": 100},
        batch_size=128,
        learning_rate=0.1,
        weight_decay=1e-4,
    ),
    "official": Defaults(
        "wrn-40-4", epochs=100, batch_size=128, learning_rate=0.1, weight_decay=5e-4
    ),
}
_RECIPES["fractalgen"] = dataclasses.replace(_RECIPES["official"], average=0.995)

CIFAR10 = DataSet("cifar10", _load, image_size=32, recipes=_RECIPES, crop_padding=1 / 8)
CIFAR100 = DataSet(
    "cifar100",
    _load,
    image_size=32,
    recipes={
        name: dataclasses.replace(one, method_options={"cutout": {"hole": 0.25}})
        for name, one in _RECIPES.items()
    },
    crop_padding=1 / 8,
)
