"""A set in files: a folder with images, a manifest, and a description of the set."""

import functools
import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from fractalgen.bank.folder import MANIFEST_FILE, SET_FILE
from fractalgen.errors import SetError
from fractalgen.files.location import open_location
from fractalgen.files.regular_file import check_no_links, read_regular
from fractalgen.images.decoding import read_image_file
from fractalgen.mixing_set.recipes.keys import Key, parse_image_file
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.description import Description
from fractalgen.mixing_set.stores.manifest import Manifest
from fractalgen.mixing_set.stores.record import Record

__all__ = ["FolderSet"]

S = TypeVar("S", bound="FolderSet")


class FolderSet:
    """A set in files, to read. No other class but `FolderStore` knows the paths in it.

    Parameters
    ----------
    folder : str or Path
        The folder; it need not exist. Nothing is read until `open`.

    Attributes
    ----------
    description : Description or None
        The contents of ``set.json``; None if it does not exist.
    manifest : Manifest
        The records of the images.
    on_disk : dict from str to int
        Size of each file in the scanned folders, by its path in the set.
    """

    def __init__(self, folder: str | Path) -> None:
        is_url = isinstance(folder, str) and "://" in folder
        self.folder = (open_location(folder).folder if is_url else None) or Path(folder)
        self.description: Description | None = None
        self.manifest = Manifest(self.folder / MANIFEST_FILE)
        self.on_disk: dict[str, int] = {}

    @classmethod
    def open(cls: type[S], folder: str | Path) -> S:
        """Read a set's description and manifest; SetError if the folder is not a set."""
        store = cls(folder)
        folder = store.folder
        if not folder.is_dir():
            if folder.exists():
                raise SetError(f"{folder} is not a folder")
            raise SetError(f"{folder} does not exist; 'fractalgen build-set {folder}' draws a set")
        store.description = store.read_description()
        if store.description is None:
            raise SetError(f"{folder} is not a mixing set: it has no {SET_FILE}")
        store.manifest = Manifest.read(store.manifest.path)
        return store

    @classmethod
    def find(cls: type[S], image: str | Path) -> tuple[S, Record]:
        """Find an image's set and record; the file itself may be missing.

        Raises
        ------
        SetError
            If no set or no record is found.
        """
        image = Path(image).absolute()
        store = cls(image.parent.parent)
        file = f"{image.parent.name}/{image.name}"
        path = store.manifest.path
        if not path.exists():
            raise SetError(f"{image} is not an image of a set: {store.folder} has no {path.name}")
        try:
            key = parse_image_file(file)
        except ValueError as error:
            raise SetError(f"{image} is not an image of a set: {error}") from None
        store.manifest = Manifest.read(path)
        record = store.records.get(key)
        if record is None or record.file != file:
            raise SetError(f"{path} has no record of {file}")
        return store, record

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {str(self.folder)!r}: {len(self.records):,} images recorded>"
        )

    @property
    def name(self) -> str:
        """The folder, as messages show it."""
        return str(self.folder)

    @property
    def records(self) -> dict[Key, Record]:
        """The manifest's records, by folder and index."""
        return self.manifest.records

    @property
    def recipe(self) -> Recipe | None:
        """The images that the set should have, with all recorded collected images."""
        if self.description is None:
            return None
        return self.description.recipe.with_collected(self.records)

    @property
    def has_class_list(self) -> bool:
        """Whether ``classes.jsonl`` belongs to the set, because the set has classes."""
        return self.description is not None and self.description.recipe.has_classes

    def path(self, file: str) -> Path:
        """Return the path of a file in the set."""
        return self.folder / file

    def files(self) -> Iterator[str]:
        """Yield the recorded images whose files exist, in order, as paths within the set."""
        for record in self.manifest.in_order():
            if self.path(record.file).is_file():
                yield record.file

    def records_in_order(self) -> Iterator[Record]:
        """Yield the records in the manifest's order."""
        yield from self.manifest.in_order()

    def read_image(self, file: str) -> bytes:
        """Return an image's file; ImageError if it cannot be read."""
        return read_image_file(self.path(file))

    def readers(self, files: Iterable[str]) -> Iterator[Callable[[], bytes]]:
        """Yield what reads each image, in order; ImageError if that is not possible."""
        for file in files:
            yield functools.partial(self.read_image, file)

    def read_checked(self, record: Record, recipe: Recipe) -> tuple[bytes, str | None]:
        """Return a recorded image's file, and its fault as `Findings` calls it, if it has one."""
        path = self.path(record.file)
        try:
            length = path.lstat().st_size
            data = b"" if path.is_symlink() else read_regular(path)
        except (FileNotFoundError, NotADirectoryError):
            return b"", "missing"
        except OSError:  # a folder, a pipe, or a file that may not be read
            return b"", "altered"
        if length < record.n_bytes and not path.is_symlink():
            return data, "truncated"
        same = record.fits(recipe) and hashlib.sha256(data).hexdigest() == record.file_sha256
        return data, None if same else "altered"

    def read_description(self) -> Description | None:
        """Read ``set.json``; None if it does not exist.

        Raises
        ------
        DamagedSetError
            If it cannot be read.
        SetError
            If it is a link, or was written by a later release.
        """
        check_no_links(self.folder, [SET_FILE])
        try:
            data = read_regular(self.folder / SET_FILE)
        except FileNotFoundError:
            return None
        return Description.parse(data, str(self.folder))

    def has(self, key: Key, recipe: Recipe) -> bool:
        """Whether an image of a recipe is recorded, and its file has the recorded size."""
        record = self.records.get(key)
        return (
            record is not None
            and self.on_disk.get(record.file) == record.n_bytes
            and record.fits(recipe)
        )

    def missing(self, recipe: Recipe) -> Iterator[Key]:
        """Yield the key of every missing image that a recipe draws."""
        for family in recipe.families:
            if not family.collected:
                for key in family.image_keys():
                    if not self.has(key, recipe):
                        yield key

    def n_missing(self, recipe: Recipe) -> int:
        """Return the number of missing images that a recipe draws."""
        return sum(1 for _ in self.missing(recipe))

    def check_folders(self, folders: Collection[str]) -> None:
        """Raise SetError if a folder of images is a file, or a link, which may lead anywhere."""
        check_no_links(self.folder, sorted(folders))
        for name in folders:
            path = self.folder / name
            if path.exists() and not path.is_dir():
                raise SetError(f"{path} is not a folder; move it away first")

    def scan(self, folders: Iterable[str]) -> None:
        """Find the regular files in folders of images."""
        self.on_disk = {}
        for name in folders:
            try:
                entries = os.scandir(self.folder / name)
            except (FileNotFoundError, NotADirectoryError):
                continue
            with entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        size = entry.stat(follow_symlinks=False).st_size
                        self.on_disk[f"{name}/{entry.name}"] = size
