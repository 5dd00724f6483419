"""Fashion-MNIST: 70,000 grey images of clothes, 28 x 28 pixels."""

import dataclasses
import gzip
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError
from fractalgen.files.download import fetch
from fractalgen.pool import Progress
from fractalgen.training.datasets.data_set import DataSet, Defaults, ImageData
from fractalgen.training.datasets.in_memory import in_memory_data

__all__ = ["FASHION_MNIST"]

_PARTS = ("train", "t10k")
_FILES = tuple(f"{part}-{kind}-ubyte" for part in _PARTS for kind in ("images-idx3", "labels-idx1"))
_DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def _load(
    data_set: DataSet, data_dir: Path, size: int, progress: Progress | None = None
) -> ImageData:
    """Load Fashion-MNIST from the published files, or download them.

    The files can be in ``FashionMNIST/raw`` in `data_dir` (torchvision's folder), in `data_dir`
    itself, or in the folder of Debian's package dataset-fashion-mnist, gzipped or not. Downloads go
    to ``FashionMNIST/raw``.

    Source: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for
    benchmarking machine learning algorithms", 2017.
    """
    from torchvision.datasets import FashionMNIST

    classes = tuple(FashionMNIST.classes)
    files = _found(data_dir) or _fetched(data_dir / "FashionMNIST" / "raw", progress)
    train, test = (
        _labelled(
            files[f"{part}-images-idx3-ubyte"], files[f"{part}-labels-idx1-ubyte"], len(classes)
        )
        for part in _PARTS
    )
    return in_memory_data(data_set, size, train=train, test=test, classes=classes)


def _found(data_dir: Path) -> dict[str, Path] | None:
    """Return the paths of the four files in the first folder that has all of them."""
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


def _labelled(
    images: Path, labels: Path, n_classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read images and their labels; RunError if they are damaged or do not match."""
    pixels, classes = _read(images, (28, 28)), _read(labels, ())
    if len(pixels) != len(classes):
        raise RunError(
            f"{images} has {len(pixels):,} images and {labels} has {len(classes):,} labels; "
            "download both again from the same source"
        )
    if classes.max() >= n_classes:
        raise RunError(
            f"{labels} has the label {classes.max()}; the classes are 0 to {n_classes - 1}"
        )
    return pixels[..., None], classes.astype(np.int64)


def _read(path: Path, item_shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read an idx file, gzipped or not, with torchvision, which reads only plain files."""
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor

    again = f"; remove {path.name} and download it again"
    with tempfile.TemporaryDirectory(prefix="fractalgen-") as folder:
        plain = path
        try:
            with path.open("rb") as file:
                is_packed = file.read(2) == b"\x1f\x8b"
            if is_packed:
                plain = Path(folder, "plain")
                with gzip.open(path) as packed, plain.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
            values: Any = read_sn3_pascalvincent_tensor(str(plain)).numpy()
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise RunError(f"{path} is truncated or damaged{again}") from None
        except OSError as error:
            raise RunError(f"cannot read {path}: {error.strerror or error}") from None
        # torchvision raises exceptions of many types for a file that does not match its header.
        except (AssertionError, KeyError, RuntimeError, ValueError):
            values = None
    if values is None or values.dtype != np.uint8 or values.shape[1:] != item_shape:
        kind = " x ".join(map(str, item_shape)) + " images" if item_shape else "labels"
        raise RunError(f"{path} is not an idx file of {kind}, or is damaged{again}")
    pixels: NDArray[np.uint8] = values
    return pixels


# The IPMix paper does not train on these; see digits.
_DEFAULTS = Defaults("resnet-8", epochs=8, batch_size=128, learning_rate=0.1, weight_decay=5e-4)
# More steps; fewer epochs, because smaller batches take longer.
_OURS = dataclasses.replace(_DEFAULTS, batch_size=32, epochs=7, average=0.998)

FASHION_MNIST = DataSet(
    name="fashion-mnist",
    load=_load,
    image_size=28,
    recipes={"paper": _DEFAULTS, "official": _DEFAULTS, "fractalgen": _OURS},
    crop_padding=1 / 8,
)
