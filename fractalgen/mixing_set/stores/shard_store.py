"""A set in shards: tar files with indexes, and a description, in a folder or an object store."""

import contextlib
import hashlib
import random
import tarfile
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fractalgen.bank.folder import CLASSES_FILE, MANIFEST_FILE, SET_FILE
from fractalgen.bank.shards import (
    Member,
    complete_shards,
    index_file,
    read_shard,
    shard_file,
    write_shard,
)
from fractalgen.errors import DamagedSetError, ImageError, SetError
from fractalgen.files.atomic import remove_leftovers
from fractalgen.files.location import Location, open_location
from fractalgen.files.lock import locked
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.keys import Key, parse_image_file
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.class_list import class_list, is_class_list
from fractalgen.mixing_set.stores.description import Description
from fractalgen.mixing_set.stores.family_summary import FamilySummary
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.shard_plan import DEFAULT_SHARD_SIZE, PlannedShard, ShardPlan
from fractalgen.mixing_set.stores.task import Drawn, Failure

__all__ = ["ShardStore", "ShardTask", "StoredShard"]

# Takes nothing from the caller's random stream, which may be the same in two builds.
_CHANCE = random.SystemRandom()
_MAX_ENTRIES = 32_000  # of indexes kept in memory, so that neighbouring images are found at once


@dataclass(frozen=True)
class StoredShard:
    """What a task stored: the shard's family, its images, its size, and the draws that it took."""

    number: int
    family: str
    n_images: int
    n_bytes: int
    n_attempts: int


@dataclass(frozen=True)
class ShardTask:
    """Draw a shard; see `task.Task`."""

    location: Location
    shard: PlannedShard

    @property
    def family(self) -> str:
        """The family's name."""
        return self.shard.family

    def planned(self) -> Sequence[Key]:
        """Return the images."""
        return self.shard.keys()

    def keys(self) -> Sequence[Key]:
        """Return the images to draw; none if another build has stored the shard meanwhile."""
        return () if self._is_stored() else self.shard.keys()

    def _is_stored(self) -> bool:
        try:
            self.location.read(index_file(self.shard.number), 0, 1)
        except FileNotFoundError:
            return False
        return True

    def store(self, images: Iterable[Drawn | Failure]) -> Iterator[StoredShard | Failure]:
        """Write the shard and its index; yield the images that failed, and the shard."""
        failures: list[Failure] = []
        n_attempts = 0

        def members() -> Iterator[Member]:
            nonlocal n_attempts
            for image in images:
                if isinstance(image, Failure):
                    failures.append(image)
                else:
                    record = image.record
                    n_attempts += record.attempt or 0
                    yield Member(record.file, image.data, record.to_line(), record.class_)

        def is_short() -> bool:
            if self._is_stored():
                raise _StoredMeanwhileError
            return bool(failures)

        number = self.shard.number
        # Without its index, a short shard that is replaced counts as missing.
        self.location.remove(index_file(number, short=True))
        try:
            shard = write_shard(self.location, number, members(), is_short=is_short)
        except _StoredMeanwhileError:
            return
        yield from failures
        yield StoredShard(number, self.family, len(shard.lines), shard.n_bytes, n_attempts)


class _StoredMeanwhileError(Exception):
    """Another build has stored the whole shard."""


class ShardStore:
    """A set in shards. No other class knows the names of the files in it.

    Parameters
    ----------
    location : Location
        Where the set lies. Nothing is read until `read`.
    shard_size : int or None
        Number of images per shard of a new set; None for 1,000.

    Attributes
    ----------
    description : Description or None
        The contents of ``set.json``; None if it does not exist.
    """

    is_shared: ClassVar[bool] = True

    def __init__(self, location: Location, shard_size: int | None = None) -> None:
        self.location = location
        self.description: Description | None = None
        self._shard_size = shard_size
        self._added: list[StoredShard] = []
        self._indexes: dict[int, dict[str, tuple[int, str]]] = {}  # read last
        self._reading = threading.Lock()

    @classmethod
    def open(cls, place: str | Path) -> "ShardStore":
        """Read a set's description; SetError if there is no set in shards."""
        store = cls(open_location(place))
        store.read()
        if store.description is None:
            raise SetError(f"{store.location.name} is not a set in shards: it has no {SET_FILE}")
        if store.description.shards is None:
            raise SetError(f"{store.location.name} is a set in folders, not in shards")
        return store

    def __repr__(self) -> str:
        return f"<ShardStore {self.location.name!r}: {len(self.plan):,} shards planned>"

    @property
    def name(self) -> str:
        """The folder or URL, as messages show it."""
        return self.location.name

    @property
    def folder(self) -> Path | None:
        """The folder of this machine in which the shards lie; None for an object store."""
        return self.location.folder

    @property
    def recipe(self) -> Recipe | None:
        """The images that the set should have."""
        return self.description.recipe if self.description else None

    @property
    def plan(self) -> ShardPlan:
        """Which images each shard holds."""
        assert self.description is not None
        assert self.description.shards is not None
        return self.description.shards

    @property
    def is_new(self) -> bool:
        """Whether no release has drawn any of the images, nor is another build about to."""
        return self.description is None

    def make_folder(self) -> None:
        """Create the folder if there is to be one."""
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Hold the folder's lock; an object store has none, and two builds do no harm there."""
        folder = self.location.folder
        if folder is None:
            return contextlib.nullcontext()
        return self._locked_and_clean(folder)

    @contextlib.contextmanager
    def _locked_and_clean(self, folder: Path) -> Iterator[None]:
        with locked(folder):
            remove_leftovers(folder)
            yield

    def read(self) -> None:
        """Read ``set.json``, which need not exist; raises what `Description.parse` does."""
        self.description = None
        with contextlib.suppress(FileNotFoundError):
            data = self.location.read(SET_FILE)
            self.description = Description.parse(data, self.location.name)

    def read_to_add(self, *, overwrite: bool) -> None:
        """Read ``set.json``, which need not exist.

        With `overwrite`, it counts as missing if it is damaged.

        Raises
        ------
        SetError
            If it is damaged, if another kind of set is there, or if there are shards without it.
        """
        try:
            self.read()
        except DamagedSetError:
            if not overwrite:
                raise
        if self.description is None:
            self._check_undescribed(overwrite=overwrite)
        elif self.description.shards is None:
            raise SetError(f"{self.name} is a set in folders, not in shards; use another folder")
        elif self._shard_size not in (None, self.plan.size):
            raise SetError(
                f"{self.name} has {self.plan.size:,} images per shard, not {self._shard_size:,}; "
                "leave out --shard-size, or use another folder"
            )

    def _check_undescribed(self, *, overwrite: bool) -> None:
        names = self.location.sizes()
        if MANIFEST_FILE in names:
            raise SetError(
                f"{self.name} has a {MANIFEST_FILE}, so it is not a set in shards; use another "
                "folder"
            )
        if not overwrite and any(name.startswith("shard-") for name in names):
            raise SetError(
                f"{self.name} has shards but no {SET_FILE}; use another folder, or --overwrite to "
                "start over"
            )

    def shards_of(self, recipe: Recipe, replaced: Collection[str]) -> ShardPlan:
        """Plan the shards of a recipe: those that are planned already, and new ones."""
        new = ShardPlan(self._shard_size or DEFAULT_SHARD_SIZE)
        plan = self.plan if self.description else new
        return plan.without(replaced).extended(recipe)

    def describe(self, description: Description) -> None:
        """Write ``set.json`` and ``classes.jsonl`` if they change."""
        if description == self.description:
            return
        if description.recipe.has_classes:
            self._write_classes(description.recipe)
        with self.location.writing(SET_FILE) as file:
            file.write(description.as_bytes())
        self.description = description

    def list_classes(self) -> None:
        """Write ``classes.jsonl`` if the set has classes and the list is missing or altered."""
        if self.recipe and self.fault_of_class_list():
            self._write_classes(self.recipe)

    def _write_classes(self, recipe: Recipe) -> None:
        with self.location.writing(CLASSES_FILE) as file:
            file.write(class_list(recipe))

    def stored(self) -> dict[int, bool]:
        """Return the numbers of the shards that are there, and whether each is short."""
        return complete_shards(self.location.sizes())

    def tasks(self, planned: Description, requested: Recipe, part: Part = WHOLE) -> list[ShardTask]:
        """Return the drawing of the requested families' shards that are missing or short.

        Where there is no lock, the order is random: two builds that go through the shards in the
        same order would both draw all of them, and these draw each other's last few alone.
        """
        stored = self.stored()
        tasks = [
            ShardTask(self.location, shard)
            for shard in part.of(planned.shards or ())
            if requested.family(shard.family) and stored.get(shard.number, True)
        ]
        if self.location.folder is None:
            _CHANCE.shuffle(tasks)
        return tasks

    @contextlib.contextmanager
    def adding(self) -> Iterator[None]:
        """Do nothing: a shard is recorded by its index."""
        yield

    def add(self, stored: StoredShard) -> int:
        """Note a shard that a task stored; return the number of its images."""
        self._added.append(stored)
        return stored.n_images

    def make_ready(
        self, recipe: Recipe, requested: Recipe | None = None, replaced: Collection[str] = ()
    ) -> None:
        """Remove shards whose tar files don't have a whole number of records.

        Others that are damaged are left to `verify`, which reads them.
        """
        sizes = self.location.sizes()
        stored = complete_shards(sizes)
        self._remove_shards(n for n in stored if sizes[shard_file(n)] % tarfile.RECORDSIZE)

    def n_missing(self, recipe: Recipe) -> int:
        """Return the number of images in planned shards of a recipe's families not there."""
        stored = self.stored()
        missing = (shard for shard in self.plan if shard.number not in stored)
        return sum(shard.n for shard in missing if recipe.family(shard.family))

    def remove_all(self) -> None:
        """Remove every shard and index, indexes first."""
        names = [name for name in self.location.sizes() if name.startswith("shard-")]
        for name in sorted(names, key=lambda name: name.endswith(".tar")):
            self.location.remove(name)

    def remove(self, families: Collection[str]) -> int:
        """Remove the shards of families; return their number of images.

        Without a description, every shard is removed, and none is counted.
        """
        if self.description is None:
            self.remove_all()
            return 0
        stored, names = self.stored(), self.location.sizes()
        gone = [shard for shard in self.plan if shard.family in families]
        # A tar file without an index, which a killed build left, goes too.
        self._remove_shards(shard.number for shard in gone if shard.file in names)
        return sum(shard.n for shard in gone if shard.number in stored)

    def remove_empty_folders(self, folders: Iterable[str]) -> None:
        """Do nothing: images have no folders."""

    def parts_of(self, files: Collection[str]) -> Iterator[FamilyRecipe]:
        """Yield the images of the shards that are or have some of the files."""
        for shard in self.plan:
            if shard.file in files:
                yield shard.images
        for file in files:
            with contextlib.suppress(ValueError):
                found = self.plan.find(parse_image_file(file))
                if found:
                    yield found.images

    def forget(self, files: Collection[str]) -> None:
        """Remove those of the files that are shards."""
        self._remove_shards(shard.number for shard in self.plan if shard.file in files)

    def _remove_shards(self, numbers: Iterable[int]) -> None:
        """Remove shards, each with its index first."""
        for number in numbers:
            for short in (False, True):
                self.location.remove(index_file(number, short=short))
            self.location.remove(shard_file(number))

    def family_summaries(self, requested: Recipe, part: Part = WHOLE) -> Iterator[FamilySummary]:
        """Count the images in planned shards by family: those that were added, and those before."""
        sizes = self.location.sizes()
        complete = {number for number, short in complete_shards(sizes).items() if not short}
        kept = complete - {shard.number for shard in self._added}  # or drawn by another build
        planned = [shard for shard in part.of(self.plan) if requested.family(shard.family)]
        for name in dict.fromkeys(shard.family for shard in planned):
            own = [shard for shard in planned if shard.family == name]
            added = [shard for shard in self._added if shard.family == name]
            n_added = sum(shard.n_images for shard in added)
            n_attempts = sum(shard.n_attempts for shard in added)
            yield FamilySummary(
                name,
                sum(shard.n for shard in own),
                n_added,
                sum(shard.n for shard in own if shard.number in kept),
                n_added / n_attempts if n_attempts else None,
                sum(sizes.get(shard.file, 0) for shard in own),
                collected=False,
            )

    def fault_of_class_list(self) -> str | None:
        """Return what is wrong with the list of classes, "missing" or "altered", if anything."""
        assert self.recipe is not None
        if not self.recipe.has_classes:
            return None
        try:
            data = self.location.read(CLASSES_FILE)
        except FileNotFoundError:
            return "missing"
        return None if is_class_list(data, self.recipe) else "altered"

    def foreign(self) -> list[str]:
        """Return the visible files and folders that do not belong to the set, sorted."""
        assert self.recipe is not None
        own = {SET_FILE} | ({CLASSES_FILE} if self.recipe.has_classes else set())
        for shard in self.plan:
            own |= {shard.file, *(index_file(shard.number, short=short) for short in (False, True))}
        names = [name for name in self.location.sizes() if name not in own]
        found = [name for name in names if not name.startswith(".")]
        folders = self.folder.iterdir() if self.folder else ()
        return sorted([*found, *(f"{path.name}/" for path in folders if path.is_dir())])

    def files(self) -> Iterator[str]:
        """Yield the images that are there, in the plan's order, as paths within the set."""
        assert self.recipe is not None
        stored = self.stored()
        for shard in self.plan:
            short = stored.get(shard.number)
            if short:
                yield from self._index(shard.number)
            elif short is not None:
                yield from shard.files(self.recipe)

    def records_in_order(self) -> Iterator[Record]:
        """Yield the records of the images that are there, in the plan's order."""
        stored = self.stored()
        for shard in self.plan:
            if shard.number in stored:
                index = read_shard(self.location, shard.number, short=stored[shard.number])
                yield from map(self._record, index.lines)

    def records_at(self, shard: PlannedShard, places: Iterable[int]) -> list[Record]:
        """Return the records at some places of a shard's index."""
        lines = [line for _, line in self._index(shard.number).values()]
        return [self._record(lines[place]) for place in places]

    def record(self, file: str) -> Record:
        """Return an image's record; SetError if the set lacks the image."""
        return self._found(file)[0]

    def read_image(self, file: str) -> bytes:
        """Return an image's file, read from its shard; ImageError if that is not possible."""
        try:
            record, number, offset = self._found(file)
            data = self.location.read(shard_file(number), offset, offset + record.n_bytes)
        except SetError as error:
            raise ImageError(str(error)) from None
        except OSError as error:
            raise ImageError(error.strerror or str(error)) from None
        if hashlib.sha256(data).hexdigest() != record.file_sha256:
            raise ImageError("it differs from its shard's index; run 'fractalgen verify'")
        return data

    def _found(self, file: str) -> tuple[Record, int, int]:
        """Return an image's record, the number of its shard, and where it begins there."""
        with contextlib.suppress(ValueError, FileNotFoundError):
            shard = self.plan.find(parse_image_file(file))
            if shard:
                entry = self._index(shard.number).get(file)
                if entry:
                    return self._record(entry[1]), shard.number, entry[0]
        raise SetError(f"{self.location.name} has no image {file}")

    def _record(self, line: str) -> Record:
        try:
            return Record.from_line(line)
        except ValueError as error:
            raise SetError(f"{self.location.name}: an index is damaged: {error}") from None

    def _index(self, number: int) -> dict[str, tuple[int, str]]:
        """Return where each image of a shard begins, and its record, by its file."""
        with self._reading:
            if number in self._indexes:
                return self._indexes[number]
        try:
            shard = read_shard(self.location, number)
        except FileNotFoundError:
            shard = read_shard(self.location, number, short=True)
        entries = zip(shard.offsets, shard.lines, strict=True)
        index = {self._record(entry[1]).file: entry for entry in entries}
        with self._reading:
            self._indexes[number] = index
            while len(self._indexes) > 1 and sum(map(len, self._indexes.values())) > _MAX_ENTRIES:
                del self._indexes[next(iter(self._indexes))]
        return index
