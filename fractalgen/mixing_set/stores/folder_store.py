"""A set in files that is built: what of it is missing, and how it is added or removed."""

import contextlib
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from fractalgen.bank.folder import CLASSES_FILE, MANIFEST_FILE, SET_FILE
from fractalgen.errors import DamagedSetError, SetError
from fractalgen.files.atomic import remove_leftovers, write_atomically
from fractalgen.files.location import make_folder
from fractalgen.files.lock import locked, remove_lock
from fractalgen.files.regular_file import check_no_links
from fractalgen.images.formats import FORMATS
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.keys import Key, image_file, parse_image_file
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.class_list import write_class_list
from fractalgen.mixing_set.stores.description import Description
from fractalgen.mixing_set.stores.family_summary import FamilySummary
from fractalgen.mixing_set.stores.folder_set import FolderSet
from fractalgen.mixing_set.stores.manifest import Manifest
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.task import FolderTask
from fractalgen.registry import first_few

__all__ = ["FolderStore"]


_PER_TASK = 100  # what is drawn twice if a machine is lost


class FolderStore(FolderSet):
    """A set in files, to build. Its lock is held while it changes.

    Attributes
    ----------
    n_added : Counter of str
        Number of images added so far, by family.
    """

    is_shared: ClassVar[bool] = False

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder)
        self.n_added: Counter[str] = Counter()
        self._made_folder = False

    @property
    def is_new(self) -> bool:
        """Whether no release has drawn any of the images."""
        return self.description is None or not self.records

    def make_folder(self) -> None:
        """Create the folder if necessary; SetError if a file has its name."""
        self._made_folder = make_folder(self.folder)

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Hold the folder's lock; SetError if another process holds it."""
        return locked(self.folder)

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

    def abandon(self) -> None:
        """Remove the description of a set in which nothing was drawn, and the folder made for it.

        An engine may have stored images and failed before it named them; then the set stays.
        """
        assert self.description is not None
        folders = self.description.recipe.folders()  # `adding` has removed those without images
        if self.records or any((self.folder / name).exists() for name in folders):
            return
        for name in (SET_FILE, CLASSES_FILE, MANIFEST_FILE):
            (self.folder / name).unlink(missing_ok=True)
        self.description = None
        remove_lock(self.folder, and_folder=self._made_folder)

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

    def write(self, file: str, data: bytes) -> None:
        """Write an image's file atomically; safe to call from several threads."""
        write_atomically(self.folder / file, data)

    def tasks(
        self, planned: Description, requested: Recipe, part: Part = WHOLE
    ) -> list[FolderTask]:
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
        """Keep the manifest open for `add`; then sort it, and remove folders without images."""
        assert self.description is not None
        try:
            with self.manifest.appending():
                yield
            self.manifest.write()
        finally:
            self._remove_empty_folders(self.description.recipe.folders())

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
        self._remove_empty_folders(folders)
        for key in removed:
            del self.records[key]
        self.manifest.write()
        return len(removed)

    def _remove_empty_folders(self, folders: Iterable[str]) -> None:
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
