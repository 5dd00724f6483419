"""Fashion-MNIST: 70,000 grey images of clothes, 28 x 28 pixels."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError
from fractalgen.files.download import fetch
from fractalgen.pool import Progress
from fractalgen.training.datasets.idx_files import read_idx
from fractalgen.training.datasets.image_data import ImageData
from fractalgen.training.datasets.in_memory import in_memory_data

__all__ = ["load_fashion_mnist"]

_SIZE = 28
_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_PARTS = ("train", "t10k")
_FILES = tuple(f"{part}-{kind}-ubyte" for part in _PARTS for kind in ("images-idx3", "labels-idx1"))
_DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def load_fashion_mnist(
    data_dir: Path, image_size: int | None = None, progress: Progress | None = None
) -> ImageData:
    """Load Fashion-MNIST from files as they are published, or fetch them.

    They are looked for in ``FashionMNIST/raw`` in `data_dir`, where torchvision keeps them, in
    `data_dir` itself, and where Debian's package dataset-fashion-mnist puts them; each may be
    packed by gzip or not. Training images are also mirrored.

    Source: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for
    benchmarking machine learning algorithms", 2017.

    Parameters
    ----------
    data_dir : Path
        Fetched files go to ``FashionMNIST/raw`` in it.
    image_size : int, optional
        Pixels a side; 28 if it is left out.
    progress : callable or None
        Told of the bytes fetched, of each file anew.

    Raises
    ------
    RunError
        If files are damaged or don't go together, or can be neither found nor fetched.
    """
    files = _found(data_dir) or _fetched(data_dir / "FashionMNIST" / "raw", progress)
    train, test = (
        _labelled(files[f"{part}-images-idx3-ubyte"], files[f"{part}-labels-idx1-ubyte"])
        for part in _PARTS
    )
    size = image_size or _SIZE
    return in_memory_data(
        "fashion-mnist",
        train=train,
        test=test,
        classes=_CLASSES,
        size=size,
        padding=size // 8,
        mirror=True,
    )


def _found(data_dir: Path) -> dict[str, Path] | None:
    """Return the four files' paths, of the first place that has them all."""
    for folder in (data_dir / "FashionMNIST" / "raw", data_dir, _DEBIAN):
        files = {
            name: path
            for name in _FILES
            for path in (folder / f"{name}.gz", folder / name)
            if path.is_file()
        }
        if len(files) == len(_FILES):
            return files
    return None


def _fetched(folder: Path, progress: Progress | None) -> dict[str, Path]:
    from torchvision.datasets import FashionMNIST

    otherwise = (
        f"Put the data set's four .gz files into {folder}, or install Debian's package "
        "dataset-fashion-mnist; --dataset digits needs no files."
    )
    for name, md5 in FashionMNIST.resources:
        url = FashionMNIST.mirrors[0] + name
        fetch(url, folder / name, md5, otherwise=otherwise, progress=progress)
    return {name: folder / f"{name}.gz" for name in _FILES}


def _labelled(images: Path, labels: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    pixels, classes = read_idx(images, (_SIZE, _SIZE)), read_idx(labels, ())
    if len(pixels) != len(classes):
        raise RunError(
            f"{images} has {len(pixels):,} images and {labels} has {len(classes):,} labels; "
            "get both anew from one place"
        )
    if not len(pixels):
        raise RunError(f"{images} holds no images")
    if classes.max() >= len(_CLASSES):
        raise RunError(f"{labels} has the label {classes.max()}; the classes are 0 to 9")
    return pixels[..., None], classes.astype(np.int64)
