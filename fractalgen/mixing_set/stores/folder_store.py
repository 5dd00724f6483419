"""A set on disk: a folder with images, a manifest, and a description of the set."""

import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from fractalgen.bank.folder import CLASSES_FILE, MANIFEST_FILE, SET_FILE
from fractalgen.errors import DamagedSetError, SetError
from fractalgen.files.atomic import remove_leftovers, write_atomically
from fractalgen.files.location import Folder, Location, open_location
from fractalgen.files.lock import locked
from fractalgen.files.regular_file import check_no_links, read_regular
from fractalgen.images.decoding import read_image_file
from fractalgen.images.formats import FORMATS
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.keys import Key, image_file, parse_image_file
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.class_list import write_class_list
from fractalgen.mixing_set.stores.description import Description
from fractalgen.mixing_set.stores.family_summary import FamilySummary
from fractalgen.mixing_set.stores.manifest import Manifest
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.task import Drawn, Failure
from fractalgen.registry import first_few

__all__ = ["FolderStore", "FolderTask"]


_PER_TASK = 100  # what is drawn twice if a machine is lost


@dataclass(frozen=True)
class FolderTask:
    """Draw some images of a family into a set's folder; see `task.Task`."""

    folder: Path
    family: str
    wanted: tuple[Key, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return FolderTask, (self.folder.absolute(), self.family, self.wanted)

    @property
    def location(self) -> Location:
        """The set's folder."""
        return Folder(self.folder)

    def planned(self) -> Sequence[Key]:
        """Return the images."""
        return self.wanted

    def keys(self) -> Sequence[Key]:
        """Return the images to draw."""
        return self.wanted

    def store(self, images: Iterable[Drawn | Failure]) -> Iterator[Record | Failure]:
        """Write each file atomically, and yield its record."""
        for image in images:
            if isinstance(image, Failure):
                yield image
            else:
                write_atomically(self.folder / image.record.file, image.data)
                yield image.record


class FolderStore:
    """A set's folder. No other class knows the paths of the files in it.

    Parameters
    ----------
    folder : str or Path
        The folder; it need not exist. Nothing is read until `open` or `read`.

    Attributes
    ----------
    description : Description or None
        The contents of ``set.json``; None if it does not exist.
    manifest : Manifest
        The records of the images.
    on_disk : dict from str to int
        Size of each file in the scanned folders, by its path in the set.
    n_added : Counter of str
        Number of images added so far, by family.
    """

    is_shared: ClassVar[bool] = False

    def __init__(self, folder: str | Path) -> None:
        is_url = isinstance(folder, str) and "://" in folder
        self.folder = (open_location(folder).folder if is_url else None) or Path(folder)
        self.description: Description | None = None
        self.manifest = Manifest(self.folder / MANIFEST_FILE)
        self.on_disk: dict[str, int] = {}
        self.n_added: Counter[str] = Counter()

    @classmethod
    def open(cls, folder: str | Path) -> "FolderStore":
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
    def find(cls, image: str | Path) -> "tuple[FolderStore, Record]":
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
        return f"<FolderStore {str(self.folder)!r}: {len(self.records):,} images recorded>"

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
    def is_new(self) -> bool:
        """Whether no release has drawn any of the images."""
        return self.description is None or not self.records

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

    def make_folder(self) -> None:
        """Create the folder if necessary; SetError if a file has its name."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            places = (self.folder, *self.folder.parents)
            obstacles = (path for path in places if path.exists() and not path.is_dir())
            obstacle = next(obstacles, self.folder)
            raise SetError(f"{obstacle} is not a folder; use another one") from None

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Hold the folder's lock; SetError if another process holds it."""
        return locked(self.folder)

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

    def read_to_add(self, *, overwrite: bool) -> None:
        """Read as much of a set as the folder has, which may be nothing.

        With `overwrite`, damaged files are treated as missing.

        Raises
        ------
        SetError
            If it is damaged, or has a manifest without a description.
        """
        try:
            self.description = self.read_description()
        except DamagedSetError:
            if not overwrite:
                raise
        self.manifest = Manifest.read(self.manifest.path)
        if not overwrite:
            self.manifest.require_sound()
            if self.description is None and self.records:
                raise SetError(
                    f"{self.folder} has a {MANIFEST_FILE} but no {SET_FILE}; "
                    "use another folder, or --overwrite to start over"
                )

    def shards_of(self, recipe: Recipe, replaced: Collection[str]) -> None:
        """Return None: the set has no shards."""

    def describe(self, description: Description) -> None:
        """Write ``set.json`` if it changes; remove ``classes.jsonl`` if classes are given up."""
        if self.has_class_list and not description.recipe.has_classes:
            self.path(CLASSES_FILE).unlink(missing_ok=True)
        if description != self.description:
            write_atomically(self.folder / SET_FILE, description.as_bytes(), durable=True)
            self.description = description

    def list_classes(self) -> None:
        """Write ``classes.jsonl`` if the set has classes and the list differs."""
        if self.description and self.description.recipe.has_classes:
            write_class_list(self.folder, self.description.recipe)

    def make_ready(
        self, recipe: Recipe, requested: Recipe | None = None, replaced: Collection[str] = ()
    ) -> None:
        """Check and scan the folders, and remove the leftovers of a killed build.

        Raises
        ------
        SetError
            If a folder is none, or if a foreign file has the name of a requested image.
        """
        if requested and self.description is None and not self.records:
            self._check_unused(requested.folders())
        folders = {*recipe.folders(), *self._folders_of(replaced)}
        self.check_folders(folders)
        for name in (".", *folders):
            remove_leftovers(self.folder / name)
        self.scan(folders)
        if requested:
            self._check_nothing_foreign(requested)

    def _folders_of(self, families: Collection[str]) -> set[str]:
        """Return the folders of families; all if no description says whose they are."""
        if self.description is None:
            return {name for name, _ in self.records}
        known = [one for one in self.description.recipe.families if one.name in families]
        return {*families, *(folder for one in known for folder in one.folders())}

    def _check_unused(self, folders: Iterable[str]) -> None:
        """Raise SetError if a folder that is not a set has files where images would go."""
        for name in folders:
            path = self.folder / name
            if path.exists() and (not path.is_dir() or os.listdir(path)):  # noqa: PTH208
                raise SetError(
                    f"{path} already exists and does not belong to a set; use a new folder"
                )

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

    def _check_nothing_foreign(self, requested: Recipe) -> None:
        """Raise SetError if a foreign file has the name of a requested image.

        An unrecorded file is not foreign if the set's recipe draws it: a crash left it.
        """
        recorded = {record.file for record in self.records.values()}
        listed = self.folder / CLASSES_FILE
        if requested.has_classes and not self.has_class_list and os.path.lexists(listed):
            raise SetError(
                f"{listed} already exists but is not part of this set; move it away first"
            )
        foreign = [
            file
            for family in requested.families
            for key in family.image_keys()
            if (file := image_file(*key, FORMATS[requested.format])) in self.on_disk
            and file not in recorded
            and not self._draws(file)
        ]
        if foreign:
            verbs, them = ("exists but is", "it") if not foreign[1:] else ("exist but are", "them")
            raise SetError(
                f"{first_few(foreign)} already {verbs} not part of this set; move {them} away first"
            )

    def _draws(self, file: str) -> bool:
        """Whether a file has the name of an image that the set's recipe draws."""
        try:
            key = parse_image_file(file)
        except ValueError:
            return False
        if self.description is None:
            return False
        recipe = self.description.recipe
        family = recipe.family_of(key[0])
        if family is None or family.collected or key not in family:
            return False
        return file == image_file(*key, FORMATS[recipe.format])

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

    def write(self, file: str, data: bytes) -> None:
        """Write an image's file atomically; safe to call from several threads."""
        write_atomically(self.folder / file, data)

    def tasks(
        self, planned: Description, requested: Recipe, part: Part = WHOLE
    ) -> list["FolderTask"]:
        """Return the drawing of what a part of the requested images lacks."""
        return [
            FolderTask(self.folder, family.name, tuple(keys[start : start + _PER_TASK]))
            for family in requested.families
            if not family.collected
            for keys in [self._lacking(part.of(family.image_keys()), requested)]
            for start in range(0, len(keys), _PER_TASK)
        ]

    def _lacking(self, keys: Iterable[Key], recipe: Recipe) -> list[Key]:
        return [key for key in keys if not self.has(key, recipe)]

    @contextlib.contextmanager
    def adding(self) -> Iterator[None]:
        """Keep the manifest open for `add`, and sort it at the end."""
        with self.manifest.appending():
            yield
        self.manifest.write()

    def add(self, record: Record) -> int:
        """Record an image whose file has been written; return 1, the number of images."""
        self.manifest.append(record)
        self.on_disk[record.file] = record.n_bytes
        self.n_added[record.family] += 1
        return 1

    def parts_of(self, files: Collection[str]) -> Iterator[FamilyRecipe]:
        """Yield the families that draw some of the files."""
        folders = {file.partition("/")[0] for file in files}
        for family in self.recipe.families if self.recipe else ():
            if not family.collected and not folders.isdisjoint(family.folders()):
                yield family

    def forget(self, files: Iterable[str]) -> None:
        """Treat files as missing, and drop bad lines and records that the recipe lacks."""
        recipe = self.recipe or Recipe(families=())
        for file in files:
            self.on_disk.pop(file, None)
        for key in tuple(self.records):
            family = recipe.family_of(key[0])
            if family is None or key not in family:
                del self.records[key]
        if self.manifest.bad_lines:
            self.manifest.write()

    def remove(self, families: Collection[str]) -> int:
        """Remove only the images of some families; return how many were recorded.

        These are the recorded files, and unrecorded ones that the set's recipe draws, which a
        crash left. Without a description, they are all that are recorded.
        """
        folders = self._folders_of(families)
        check_no_links(self.folder, sorted(folders))
        removed = {key: record for key, record in self.records.items() if key[0] in folders}
        files = {record.file for record in removed.values()}
        files |= {
            file for file in self.on_disk if file.partition("/")[0] in folders and self._draws(file)
        }
        for file in files:
            (self.folder / file).unlink(missing_ok=True)
            self.on_disk.pop(file, None)
        self.remove_empty_folders(folders)
        for key in removed:
            del self.records[key]
        self.manifest.write()
        return len(removed)

    def remove_empty_folders(self, folders: Iterable[str]) -> None:
        """Remove empty folders, because ImageFolder rejects classes without images."""
        for name in folders:
            with contextlib.suppress(OSError):
                (self.folder / name).rmdir()

    def family_summaries(self, requested: Recipe, part: Part = WHOLE) -> Iterator[FamilySummary]:
        """Count the requested images by family: those that were added, and those before."""
        recipe = self.recipe or requested
        for family in requested.with_collected(self.records).families:
            keys = [*(family.image_keys() if family.collected else part.of(family.image_keys()))]
            records = [self.records[key] for key in keys if self.has(key, recipe)]
            attempts = sum(record.attempt or 0 for record in records)
            n_added = self.n_added[family.name]
            yield FamilySummary(
                family.name,
                len(keys),
                n_added,
                len(records) - n_added,
                len(records) / attempts if attempts else None,
                sum(record.n_bytes for record in records),
                family.collected,
            )
