"""A folder of corrupted test images in a published layout, which other evaluations read.

A file ``corruptions.json`` says what they were made from.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError, RunUsageError
from fractalgen.evaluation.corruptions import DESCRIPTION, SEVERITIES, Suite
from fractalgen.evaluation.corruptions.generated import versions_of_suite
from fractalgen.evaluation.corruptions.layouts import (
    CIFAR_C,
    IMAGENET_C,
    LAYOUTS,
    PUBLISHED_FORMAT,
    CorruptedImages,
    write_array,
    write_files,
    write_labels,
)
from fractalgen.evaluation.evaluated_model import choose_images
from fractalgen.files.atomic import remove_leftovers, write_atomically
from fractalgen.files.lock import LOCK_FILE, locked
from fractalgen.images.formats import FORMATS
from fractalgen.registry import first_few, nearest
from fractalgen.training.datasets.folders import FolderImages

if TYPE_CHECKING:
    from fractalgen.pool import Progress
    from fractalgen.training.datasets.data_set import ImageData

__all__ = ["ALL", "Written", "write_corruptions"]

ALL = "all"
"""Stands for all corruptions of a suite, with the extra ones."""

_WORDS = {"n": "number of images"}  # for keys in that file


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
    image_format: str = PUBLISHED_FORMAT,
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
    layout = layout or (IMAGENET_C if in_files else CIFAR_C)
    suite = suite.at(data.size)
    chosen = _chosen(suite, names)
    for kind, value, known in (("layout", layout, LAYOUTS), ("format", image_format, FORMATS)):
        if value not in known:
            raise RunUsageError(f"unknown {kind} '{value}': {nearest(value, list(known))}")
    if layout == CIFAR_C and image_format != PUBLISHED_FORMAT:
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
    if layout == IMAGENET_C:
        description["format"] = image_format
    _claim(out, description)
    with locked(out):
        remove_leftovers(out)
        write_atomically(out / DESCRIPTION, json.dumps(description, indent=2).encode() + b"\n")
        images = CorruptedImages(data, suite, indices, seed, workers)
        n_made = 0
        for name in chosen:
            shown = progress(name) if progress else contextlib.nullcontext(_silent)
            with shown as tell:
                if layout == CIFAR_C:
                    n_made += write_array(images, name, out / f"{name}.npy", tell)
                else:
                    n_made += write_files(images, name, out / name, image_format, tell)
        if layout == CIFAR_C:
            write_labels(out, data.test.labels[indices])
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
    path = out / DESCRIPTION
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


def _silent(_done: int, _total: int | None) -> None:
    """Show nothing."""
