"""A set in shards: tar files with indexes, and a description, in a folder or an object store."""

import contextlib
import hashlib
import random
import tarfile
import threading
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fractalgen.bank.folder import CLASSES_FILE, SET_FILE
from fractalgen.bank.shards import (
    Member,
    complete_shards,
    index_file,
    read_shard,
    shard_file,
    write_shard,
)
from fractalgen.errors import ImageError, SetError
from fractalgen.files.atomic import remove_leftovers
from fractalgen.files.location import Location, open_location
from fractalgen.files.lock import locked
from fractalgen.mixing_set.recipes.keys import Key, parse_image_file
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.class_list import class_list, is_class_list
from fractalgen.mixing_set.stores.description import Description
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.shard_plan import PlannedShard, ShardPlan
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

    Attributes
    ----------
    description : Description or None
        The contents of ``set.json``; None if it does not exist.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        self.description: Description | None = None
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

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Hold the folder's lock; an object store has none, and two builds do no harm there."""
        folder = self.location.folder
        if folder is None:
            return contextlib.nullcontext()
        folder.mkdir(parents=True, exist_ok=True)
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

    def describe(self, description: Description) -> None:
        """Write ``set.json`` and ``classes.jsonl`` if they change."""
        if description == self.description:
            return
        if description.recipe.has_classes:
            self.describe_classes(description.recipe)
        with self.location.writing(SET_FILE) as file:
            file.write(description.as_bytes())
        self.description = description

    def describe_classes(self, recipe: Recipe) -> None:
        """Write ``classes.jsonl``."""
        with self.location.writing(CLASSES_FILE) as file:
            file.write(class_list(recipe))

    def stored(self) -> dict[int, bool]:
        """Return the numbers of the shards that are there, and whether each is short."""
        return complete_shards(self.location.sizes())

    def tasks(self, families: Container[str], part: Part = WHOLE) -> list[ShardTask]:
        """Return the drawing of the shards that are missing or short, of some families.

        Where there is no lock, the order is random: two builds that go through the shards in the
        same order would both draw all of them, and these draw each other's last few alone.
        """
        stored = self.stored()
        tasks = [
            ShardTask(self.location, shard)
            for shard in part.of(self.plan)
            if shard.family in families and stored.get(shard.number, True)
        ]
        if self.location.folder is None:
            _CHANCE.shuffle(tasks)
        return tasks

    def remove_truncated(self) -> None:
        """Remove shards whose tar files don't have a whole number of records.

        Others that are damaged are left to `verify`, which reads them.
        """
        sizes = self.location.sizes()
        stored = complete_shards(sizes)
        self.remove(n for n in stored if sizes[shard_file(n)] % tarfile.RECORDSIZE)

    def n_missing(self) -> int:
        """Return the number of images in planned shards that are not there."""
        stored = self.stored()
        return sum(shard.n for shard in self.plan if shard.number not in stored)

    def remove_all(self) -> None:
        """Remove every shard and index, indexes first."""
        names = [name for name in self.location.sizes() if name.startswith("shard-")]
        for name in sorted(names, key=lambda name: name.endswith(".tar")):
            self.location.remove(name)

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove shards, each with its index first."""
        for number in numbers:
            for short in (False, True):
                self.location.remove(index_file(number, short=short))
            self.location.remove(shard_file(number))

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
