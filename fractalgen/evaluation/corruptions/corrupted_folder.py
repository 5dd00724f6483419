"""A folder of corrupted test images in a published layout, which other evaluations read.

``cifar-c`` has an array for each corruption, (5 n, size, size, 3) with severity 1 first, and
``labels.npy``; ``imagenet-c`` has image files, ``corruption/severity/class/file``. A file
``corruptions.json`` says what they were made from.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.errors import RunError, RunUsageError
from fractalgen.evaluation.corruptions import SEVERITIES, Suite
from fractalgen.evaluation.corruptions.generated import corrupted_parts, versions_of_suite
from fractalgen.evaluation.evaluated_model import choose_images
from fractalgen.files.atomic import atomic_file, remove_leftovers, write_atomically
from fractalgen.files.lock import LOCK_FILE, locked
from fractalgen.images.formats import FORMATS, encode
from fractalgen.registry import first_few, nearest
from fractalgen.training.datasets.folders import FolderImages

if TYPE_CHECKING:
    from fractalgen.pool import Progress
    from fractalgen.training.datasets.data_set import ImageData

__all__ = ["ALL", "LAYOUTS", "Written", "write_corruptions"]

LAYOUTS = ("cifar-c", "imagenet-c")
ALL = "all"
"""Stands for all corruptions of a suite, with the extra ones."""

_DESCRIPTION = "corruptions.json"
_WORDS = {"n": "number of images"}  # for keys in that file
_LABELS = "labels.npy"
_PUBLISHED_QUALITY = 85  # of ImageNet-C's files
_PUBLISHED = "jpeg"
_MAX_KEPT_BYTES = 1 << 30  # of clean images, so that they are decoded once and not 75 times


@dataclass(frozen=True)
class Written:
    """Corrupted test images on disk.

    Attributes
    ----------
    folder : str
        Where they are.
    layout : str
        One of `LAYOUTS`.
    corruptions : tuple of str
        Those asked for, in the suite's order.
    source : str
        The suite and its strengths.
    n : int
        Test images, each of which is there five times for each corruption.
    n_made, n_kept : int
        Corrupted images that were made, and that an earlier call left there.
    """

    folder: str
    layout: str
    corruptions: tuple[str, ...]
    source: str
    n: int
    n_made: int
    n_kept: int

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, text and numbers."""
        return {**dataclasses.asdict(self), "corruptions": list(self.corruptions)}


def write_corruptions(
    data: ImageData,
    out: Path,
    suite: Suite,
    *,
    names: Sequence[str] = (),
    layout: str | None = None,
    table: str | None = None,
    seed: int = 0,
    limit: int | None = None,
    image_format: str = _PUBLISHED,
    workers: int | None = None,
    progress: Callable[[str], contextlib.AbstractContextManager[Progress]] | None = None,
) -> Written:
    """Corrupt a data set's test images at five severities, and write them to a folder.

    Every file is whole at any moment, and the same call continues after an interruption. More
    corruptions can be added by another call.

    Parameters
    ----------
    data : ImageData
        Its test images are corrupted.
    out : Path
        A new folder, an empty one, or one that an earlier call with the same settings wrote.
    suite : Suite
        The corruptions.
    names : sequence of str
        Some of them; by default all but the extra ones; ``"all"`` stands for these too.
    layout : str, optional
        ``"cifar-c"`` or ``"imagenet-c"``; by default that of the data set's kind.
    table : str, optional
        Name of a table of strengths, by default that for the images' size.
    seed : int
        0 or more.
    limit : int, optional
        Corrupt only this many images: those that ``fractalgen evaluate`` measures with this limit
        and seed.
    image_format : str
        For image files: ``"jpeg"`` of quality 85 as in ImageNet-C, or lossless ``"png"`` or
        ``"webp"``.
    workers : int, optional
        Number of threads, by default one per CPU core.
    progress : callable, optional
        Called with the name of a corruption; returns a context that gives a function of the number
        of images made and the total.

    Returns
    -------
    Written
        What is there now.

    Raises
    ------
    RunUsageError
        If a name, the layout, the format or the table is unknown.
    RunError
        If `out` holds other files, or corruptions with other settings.
    SetError
        If another process is writing to `out`.
    OSError
        If a file cannot be written.
    """
    in_files = isinstance(data.test, FolderImages)
    layout = layout or LAYOUTS[in_files]
    suite = suite.at(data.size)
    chosen = _chosen(suite, names)
    for kind, value, known in (("layout", layout, LAYOUTS), ("format", image_format, FORMATS)):
        if value not in known:
            raise RunUsageError(f"unknown {kind} '{value}': {nearest(value, list(known))}")
    if layout == LAYOUTS[0] and image_format != _PUBLISHED:
        raise RunUsageError(f"the layout {layout} has arrays, not files; leave out --format")
    if table is not None:
        if suite.with_table is None:
            raise RunUsageError(
                f"{suite.source} has only one table of strengths; leave out --strengths"
            )
        suite = suite.with_table(table)
    indices = choose_images(len(data.test), limit, seed)
    description = {
        "data_set": data.name,
        "images": _digest(data, indices),
        "n": len(indices),
        "size": data.size,
        "source": suite.source_at(data.size),
        "version": suite.version,
        "versions": versions_of_suite(suite),
        "seed": seed,
        "layout": layout,
    }
    if layout == LAYOUTS[1]:
        description["format"] = image_format
    _claim(out, description)
    with locked(out):
        remove_leftovers(out)
        write_atomically(out / _DESCRIPTION, json.dumps(description, indent=2).encode() + b"\n")
        images = _Made(data, suite, indices, seed, workers)
        n_made = 0
        for name in chosen:
            shown = progress(name) if progress else contextlib.nullcontext(_silent)
            with shown as tell:
                if layout == LAYOUTS[0]:
                    n_made += _write_array(images, name, out / f"{name}.npy", tell)
                else:
                    n_made += _write_files(images, name, out / name, image_format, tell)
        if layout == LAYOUTS[0]:
            _write_labels(out / _LABELS, data.test.labels[indices])
    n_all = len(SEVERITIES) * len(indices) * len(chosen)
    return Written(
        str(out), layout, chosen, str(description["source"]), len(indices), n_made, n_all - n_made
    )


def _chosen(suite: Suite, names: Sequence[str]) -> tuple[str, ...]:
    known = (*suite.names, *suite.extra)
    for name in names:
        if name not in (*known, ALL):
            hint = nearest(name, [*known, ALL])
            raise RunUsageError(f"unknown corruption '{name}': {hint}")
    if ALL in names:
        return known
    return tuple(name for name in known if name in names) if names else suite.names


def _digest(data: ImageData, indices: NDArray[np.int64]) -> str:
    """Tell data sets apart: by the labels, some of the images, and the names of files."""
    digest = hashlib.sha256(indices.tobytes())
    digest.update(np.asarray(data.test.labels, np.int64).tobytes())
    digest.update(data.test.for_testing(indices[:: max(1, len(indices) // 16)]).tobytes())
    if isinstance(data.test, FolderImages):
        for index in indices:
            digest.update(data.test.path(index).name.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def _claim(out: Path, description: dict[str, Any]) -> None:
    """Refuse a folder with other files, or with corruptions that were made otherwise."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise RunError(f"{out} is not a folder, or is below a file; use another one") from None
    path = out / _DESCRIPTION
    if not path.exists():
        found = sorted(each.name for each in out.iterdir() if each.name != LOCK_FILE)
        if found:
            raise RunError(
                f"{out} holds files that are not this command's: {first_few(found)}; use a new or "
                "an empty folder"
            )
        return
    try:
        kept = json.loads(path.read_bytes())
    except ValueError:
        kept = None
    if not isinstance(kept, dict):
        raise RunError(f"{path} is damaged; use another folder")
    differing = [key for key in {**description, **kept} if kept.get(key) != description.get(key)]
    if differing == ["images"]:
        raise RunError(f"{out} was written from other test images; use another folder")
    if differing:
        changes = ", ".join(
            f"{_WORDS.get(key, key)} {kept.get(key)} instead of {description.get(key)}"
            for key in differing
            if key != "images"  # their digest, which says nothing to a reader
        )
        raise RunError(f"{out} was written with other settings: {changes}; use another folder")


@dataclass(frozen=True)
class _Made:
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


def _write_array(images: _Made, name: str, path: Path, tell: Progress) -> int:
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


def _write_labels(path: Path, labels: NDArray[np.int64]) -> None:
    file = io.BytesIO()
    np.save(file, np.tile(labels, len(SEVERITIES)))
    if path.exists() and path.read_bytes() != file.getvalue():
        raise RunError(f"{path} is not what this command writes; remove it or use another folder")
    write_atomically(path, file.getvalue())


def _write_files(images: _Made, name: str, folder: Path, image_format: str, tell: Progress) -> int:
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


def _file_names(images: _Made, image_format: str) -> list[str]:
    """Return a file for each image, ``class/name``: the original's name if it has one."""
    data = images.data
    ending = "JPEG" if image_format == _PUBLISHED else FORMATS[image_format]
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
    if image_format != _PUBLISHED:
        return encode(pixels, image_format)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_PUBLISHED_QUALITY, optimize=True)
    return file.getvalue()


def _silent(_done: int, _total: int | None) -> None:
    """Show nothing."""
