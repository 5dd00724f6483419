"""Some images to draw for a store, how they are stored, and why some are not."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from fractalgen.bank.shards import Member, index_file, write_shard
from fractalgen.files.atomic import write_atomically
from fractalgen.files.location import Folder, Location
from fractalgen.mixing_set.recipes.keys import Key
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.shard_plan import PlannedShard

__all__ = ["Drawn", "Failure", "FolderTask", "ShardTask", "StoredShard", "Task"]

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Drawn:
    """An image that was drawn: its record, and the contents of its file."""

    record: Record
    data: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that could not be drawn, or several that could not be stored.

    Attributes
    ----------
    file : str
        Its path within the set; for several, the first and the last.
    reason : str
        The exception's type and text.
    params : str or None
        The parameters as JSON text; None if sampling them failed, and for several images.
    n_images : int
        Number of images.
    """

    file: str
    reason: str
    params: str | None = None
    n_images: int = 1


class Task(Protocol[R_co]):
    """Some images of one family, and where they are stored. It can be pickled."""

    @property
    def family(self) -> str:
        """The family's name."""

    @property
    def location(self) -> Location:
        """Where the images are stored."""

    def planned(self) -> Sequence[Key]:
        """Return the images."""

    def keys(self) -> Sequence[Key]:
        """Return the images to draw: all of them, or none if they are stored already."""

    def store(self, images: Iterable[Drawn | Failure]) -> Iterator[R_co]:
        """Store the images as they come, in the order of the keys; yield what was stored."""


@dataclass(frozen=True)
class FolderTask:
    """Draw some images of a family into a set's folder; a `Task`."""

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


@dataclass(frozen=True)
class StoredShard:
    """What a task stored: the shard's family, its images, and the draws that they took."""

    number: int
    family: str
    n_images: int
    n_attempts: int


@dataclass(frozen=True)
class ShardTask:
    """Draw a shard; a `Task`.

    Attributes
    ----------
    location : Location
        The set's.
    shard : PlannedShard
        The images.
    replaces_short : bool
        Whether there may be an index of the shard that says that images are missing.
    """

    location: Location
    shard: PlannedShard
    replaces_short: bool = True

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
        if self.replaces_short:
            # Without its index, a short shard that is replaced counts as missing. Where nothing may
            # be removed it stays: the shard counts as short until it has the other index.
            with contextlib.suppress(PermissionError):
                self.location.remove(index_file(number, short=True))
        try:
            shard = write_shard(self.location, number, members(), is_short=is_short)
        except _StoredMeanwhileError:
            return
        yield from failures
        yield StoredShard(number, self.family, len(shard.lines), n_attempts)


class _StoredMeanwhileError(Exception):
    """Another build has stored the whole shard."""
