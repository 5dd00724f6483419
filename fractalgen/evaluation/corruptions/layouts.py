"""The layouts in which corrupted test images are published, as they are written.

``cifar-c`` has an array for each corruption, (5 n, size, size, 3) with severity 1 first, and
``labels.npy``; ``imagenet-c`` has image files, ``corruption/severity/class/file``.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.errors import RunError
from fractalgen.evaluation.corruptions import SEVERITIES, Suite
from fractalgen.evaluation.corruptions.generated import corrupted_parts
from fractalgen.files.atomic import atomic_file, remove_leftovers, write_atomically
from fractalgen.images.formats import FORMATS, encode
from fractalgen.training.datasets.folders import FolderImages

if TYPE_CHECKING:
    from fractalgen.pool import Progress
    from fractalgen.training.datasets.data_set import ImageData

__all__ = [
    "CIFAR_C",
    "IMAGENET_C",
    "LAYOUTS",
    "PUBLISHED_FORMAT",
    "CorruptedImages",
    "write_array",
    "write_files",
    "write_labels",
]

LAYOUTS = CIFAR_C, IMAGENET_C = "cifar-c", "imagenet-c"
PUBLISHED_FORMAT = "jpeg"
"""That of ImageNet-C's files."""

_PUBLISHED_QUALITY = 85
_LABELS = "labels.npy"
_MAX_KEPT_BYTES = 1 << 30  # of clean images, so that they are decoded once and not 75 times


@dataclass(frozen=True)
class CorruptedImages:
    """The corrupted images of one folder."""

    data: ImageData
    suite: Suite
    indices: NDArray[np.int64]
    seed: int
    workers: int | None

    def __len__(self) -> int:
        return len(SEVERITIES) * len(self.indices)

    @functools.cached_property
    def _kept(self) -> NDArray[np.uint8] | None:
        """The clean images if they are few enough to keep them."""
        n_bytes = 3 * self.data.size**2 * len(self.indices)
        return self.data.test.for_testing(self.indices) if n_bytes <= _MAX_KEPT_BYTES else None

    def parts(
        self, name: str, severities: Sequence[int], some: NDArray[np.int64]
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the images at some indices, by severity."""

        def read(part: slice) -> NDArray[np.uint8]:
            if self._kept is not None:
                return self._kept[np.searchsorted(self.indices, some[part])]
            return self.data.test.for_testing(some[part])

        return corrupted_parts(self.suite, read, some, name, self.seed, self.workers, severities)


def write_array(images: CorruptedImages, name: str, path: Path, tell: Progress) -> int:
    """Write one corruption as an array unless it is there; return the number of images made."""
    size = images.data.size
    shape = (len(images), size, size, 3)
    header = io.BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    n_bytes = len(header.getvalue()) + math.prod(shape)
    if path.is_file() and path.stat().st_size == n_bytes:
        with path.open("rb") as file:
            if file.read(len(header.getvalue())) == header.getvalue():
                tell(len(images), len(images))
                return 0
    if path.exists():
        raise RunError(f"{path} is not what this command writes; remove it or use another folder")
    done = 0
    with atomic_file(path) as file:
        file.write(header.getvalue())
        for part in images.parts(name, SEVERITIES, images.indices):
            file.write(np.ascontiguousarray(part).data)
            done += len(part)
            tell(done, len(images))
    return done


def write_labels(folder: Path, labels: NDArray[np.int64]) -> None:
    """Write the labels that belong to the arrays in a folder, or check those there."""
    path, file = folder / _LABELS, io.BytesIO()
    np.save(file, np.tile(labels, len(SEVERITIES)))
    if path.exists() and path.read_bytes() != file.getvalue():
        raise RunError(f"{path} is not what this command writes; remove it or use another folder")
    write_atomically(path, file.getvalue())


def write_files(
    images: CorruptedImages, name: str, folder: Path, image_format: str, tell: Progress
) -> int:
    """Write one corruption as image files, without those there; return the number made."""
    places = _file_names(images, image_format)
    done = made = 0
    for severity in SEVERITIES:
        parent = folder / str(severity)
        for label in np.unique(images.data.test.labels[images.indices]):
            place = parent / images.data.classes[label]
            place.mkdir(parents=True, exist_ok=True)
            remove_leftovers(place)
        missing = np.array([not (parent / place).exists() for place in places])
        done += int(len(places) - missing.sum())
        tell(done, len(images))
        waiting = iter(np.array(places)[missing].tolist())
        for part in images.parts(name, (severity,), images.indices[missing]):
            for pixels in part:
                write_atomically(parent / next(waiting), _encoded(pixels, image_format))
            done += len(part)
            made += len(part)
            tell(done, len(images))
    return made


def _file_names(images: CorruptedImages, image_format: str) -> list[str]:
    """Return a file for each image, ``class/name``: the original's name if it has one."""
    data = images.data
    ending = "JPEG" if image_format == PUBLISHED_FORMAT else FORMATS[image_format]
    places = []
    for index in images.indices:
        stem = f"{index:06d}"
        if isinstance(data.test, FolderImages):
            stem = data.test.path(index).stem
        places.append(f"{data.classes[data.test.labels[index]]}/{stem}.{ending}")
    if len(set(places)) == len(places):
        return places
    # Files in folders below a class, or that differ in their endings alone.
    return [
        f"{place.rpartition('.')[0]}-{index:06d}.{ending}"
        for place, index in zip(places, images.indices, strict=True)
    ]


def _encoded(pixels: NDArray[np.uint8], image_format: str) -> bytes:
    if image_format != PUBLISHED_FORMAT:
        return encode(pixels, image_format)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_PUBLISHED_QUALITY, optimize=True)
    return file.getvalue()
