"""A set in shards: tar files with indexes, and a description, in a folder or an object store."""

import contextlib
import random
from collections.abc import Container, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fractalgen.bank.folder import CLASSES_FILE, SET_FILE
from fractalgen.bank.shards import (
    Member,
    Shard,
    complete_shards,
    index_file,
    read_shard,
    shard_file,
    write_shard,
)
from fractalgen.errors import SetError
from fractalgen.files.location import Location, open_location
from fractalgen.files.lock import locked
from fractalgen.mixing_set.class_list import class_list
from fractalgen.mixing_set.description import Description
from fractalgen.mixing_set.engine import Drawn, Failure
from fractalgen.mixing_set.keys import Key
from fractalgen.mixing_set.part import WHOLE, Part
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.record import Record
from fractalgen.mixing_set.shard_plan import PlannedShard, ShardPlan

__all__ = ["ShardStore", "ShardTask", "StoredShard"]


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
    """Draw a shard; see `fractalgen.mixing_set.engine.Task`."""

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

        number = self.shard.number
        # Without its index, a short shard that is replaced counts as missing.
        self.location.remove(index_file(number, short=True))
        shard = write_shard(self.location, number, members(), is_short=lambda: bool(failures))
        yield from failures
        yield StoredShard(number, self.family, len(shard.lines), shard.n_bytes, n_attempts)


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

    @classmethod
    def open(cls, place: str | Path) -> "ShardStore":
        """Read a set's description; SetError if there is no set in shards."""
        store = cls(open_location(place))
        store.read()
        if store.description is None or store.description.shards is None:
            raise SetError(f"{store.location.name} is not a set in shards: it has no {SET_FILE}")
        return store

    def __repr__(self) -> str:
        return f"<ShardStore {self.location.name!r}: {len(self.plan):,} shards planned>"

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
        return locked(folder)

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
            with self.location.writing(CLASSES_FILE) as file:
                file.write(class_list(description.recipe))
        with self.location.writing(SET_FILE) as file:
            file.write(description.as_bytes())
        self.description = description

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
            random.shuffle(tasks)
        return tasks

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

    def shards(self) -> Iterator[Shard]:
        """Yield the index of each shard that is there, in order; raises as `read_shard` does."""
        for number, short in self.stored().items():
            yield read_shard(self.location, number, short=short)

    def images(self) -> Generator[tuple[Record, bytes], None, None]:
        """Yield each image's record and file, shard by shard."""
        for shard in self.shards():
            data = self.location.read(shard_file(shard.number))
            for offset, line in zip(shard.offsets, shard.lines, strict=True):
                record = Record.from_line(line)
                yield record, data[offset : offset + record.n_bytes]
