"""A set in shards: tar files with indexes, and a description, in a folder or an object store."""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from fractalgen.bank.folder import CLASSES_FILE, SET_FILE, ImageFile
from fractalgen.bank.sharded import Packed, ShardReader
from fractalgen.bank.shards import (
    complete_shards,
    index_file,
    read_shard,
    shard_file,
)
from fractalgen.errors import ImageError, SetError
from fractalgen.files.location import Location, open_location
from fractalgen.mixing_set.recipes.keys import parse_image_file
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.class_list import is_class_list
from fractalgen.mixing_set.stores.description import Description
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.shard_plan import PlannedShard, ShardPlan

__all__ = ["ShardSet"]

S = TypeVar("S", bound="ShardSet")

_MAX_ENTRIES = 32_000  # of indexes kept in memory, so that neighbouring images are found at once


class ShardSet:
    """A set in shards, to read. No other class but `ShardStore` knows the names of its files.

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
    def open(cls: type[S], place: str | Path) -> S:
        """Read a set's description; SetError if there is no set in shards."""
        store = cls(open_location(place))
        store.read()
        if store.description is None:
            raise SetError(f"{store.location.name} is not a set in shards: it has no {SET_FILE}")
        if store.description.shards is None:
            raise SetError(f"{store.location.name} is a set in folders, not in shards")
        return store

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.location.name!r}: {len(self.plan):,} shards planned>"

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

    def read(self) -> None:
        """Read ``set.json``, which need not exist; raises what `Description.parse` does."""
        self.description = None
        with contextlib.suppress(FileNotFoundError):
            data = self.location.read(SET_FILE)
            self.description = Description.parse(data, self.location.name)

    def stored(self) -> dict[int, bool]:
        """Return the numbers of the shards that are there, and whether each is short."""
        return complete_shards(self.location.sizes())

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
            if short or (short is not None and shard.images.collected):
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

    def readers(self, files: Iterable[str]) -> Iterator[Callable[[], bytes]]:
        """Yield what reads each image, in order; ImageError if that is not possible.

        Images that follow closely on each other are read at once, so that whoever goes through
        files that are sorted reads each shard from front to back.
        """
        reader = ShardReader(self.location, self.location.sizes())
        with contextlib.closing(reader.parts(map(self._packed, files), _MAX_ENTRIES)) as parts:
            for part in parts:
                yield from (read for _, read in part)

    def _packed(self, file: str) -> Packed:
        record, number, offset = self._found(file)
        image = ImageFile(record.file, record.file_sha256)
        return Packed(image, number, offset, offset + record.n_bytes)

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
            name = self.location.name
            reason = f"an index is damaged: {error}; see 'fractalgen verify {name}'"
            raise SetError(f"{name}: {reason}") from None

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
