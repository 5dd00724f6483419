"""Compare a set's files with its manifest and its recipe."""

import dataclasses
import functools
import hashlib
import os
import threading
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from fractalgen.bank.folder import MANIFEST_FILE, SET_FILE
from fractalgen.files.regular_file import read_regular
from fractalgen.images.formats import FORMATS
from fractalgen.mixing_set.layout import image_file
from fractalgen.mixing_set.manifest import Manifest
from fractalgen.mixing_set.preparation import files_on_disk
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.record import Record
from fractalgen.pool import OrderedPool, Progress

__all__ = ["Findings", "inspect"]


@dataclass(frozen=True)
class Findings:
    """What is wrong with a set's images, as paths within the set.

    Attributes
    ----------
    missing : tuple of str
        Files that the recipe asks for and that are not there.
    unrecorded : tuple of str
        Files that are there without a line in the manifest, as a crash may leave them.
    truncated : tuple of str
        Files shorter than was recorded.
    altered : tuple of str
        Files with other contents than were recorded, or recorded for another recipe, or that
        cannot be read.
    foreign : tuple of str
        Files and folders that do not belong to the set.
    """

    missing: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()
    truncated: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    @property
    def broken(self) -> tuple[str, ...]:
        """The images that a repair has to make anew."""
        return (*self.missing, *self.unrecorded, *self.truncated, *self.altered)

    def as_json(self) -> dict[str, list[str]]:
        """Return lists of paths by kind of fault."""
        return {name: list(paths) for name, paths in dataclasses.asdict(self).items()}


def inspect(
    folder: Path,
    recipe: Recipe,
    manifest: Manifest,
    workers: int,
    progress: Progress | None = None,
) -> Findings:
    """Check every image's file against its recorded hash, with `workers` threads."""
    on_disk = files_on_disk(folder, [family.name for family in recipe.families])
    missing: list[str] = []
    unrecorded: list[str] = []
    expected = dict(_expected(recipe, manifest, on_disk))
    for file, record in expected.items():
        if record is None:
            (unrecorded if file in on_disk else missing).append(file)
    records = [record for record in expected.values() if record is not None]
    faults: dict[str, list[str]] = {"missing": missing, "truncated": [], "altered": []}

    with OrderedPool(functools.partial(_fault, folder, recipe), workers) as pool:
        for number, (record, fault) in enumerate(zip(records, pool.map(records), strict=True), 1):
            if fault:
                faults[fault].append(record.file)
            if progress:
                progress(number, len(records))
    return Findings(
        unrecorded=tuple(unrecorded),
        foreign=tuple(sorted(_foreign(folder, recipe, set(expected)))),
        **{name: tuple(files) for name, files in faults.items()},
    )


def _expected(
    recipe: Recipe, manifest: Manifest, on_disk: Container[str]
) -> Iterator[tuple[str, Record | None]]:
    """Yield the file and the record of each image that the set should have."""
    for family in recipe.families:
        indices = set(family.indices())
        if family.collected:  # while they are collected, the manifest is ahead of the recipe
            indices |= {index for name, index in manifest.records if name == family.name}
        for index in sorted(indices):
            record = manifest.records.get((family.name, index))
            if record is not None:
                yield record.file, record
                continue
            # Of a collected image the record alone told the format.
            kinds = FORMATS.values() if family.collected else ()
            files = [image_file(family.name, index, kind) for kind in kinds]
            usual = image_file(family.name, index, FORMATS[recipe.format])
            yield next((file for file in files if file in on_disk), usual), None


def _fault(folder: Path, recipe: Recipe, record: Record, _: threading.Event) -> str | None:
    path = folder / record.file
    try:
        length = path.lstat().st_size
        data = b"" if path.is_symlink() else read_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError:  # a folder, a pipe, or a file that may not be read
        return "altered"
    if length < record.n_bytes and not path.is_symlink():
        return "truncated"
    same = record.fits(recipe) and hashlib.sha256(data).hexdigest() == record.file_sha256
    return None if same else "altered"


def _foreign(folder: Path, recipe: Recipe, expected: set[str]) -> Iterator[str]:
    """Yield what no reader of the set expects. Hidden files are nobody's business, folders are."""
    families = {family.name for family in recipe.families}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name in families:
                    yield from _foreign_in(folder / entry.name, entry.name, expected)
                else:
                    yield entry.name + "/"
            elif entry.name not in (SET_FILE, MANIFEST_FILE) and not entry.name.startswith("."):
                yield entry.name


def _foreign_in(folder: Path, family: str, expected: set[str]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            file = f"{family}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield file + "/"
            elif file not in expected and not entry.name.startswith("."):
                yield file
