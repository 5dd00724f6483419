"""The images of a set in shards, found by the indexes and read by ranges of the tar files."""

import bisect
import json
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from fractalgen.bank.folder import ImageFile
from fractalgen.bank.shards import complete_shards, read_shard, shard_file
from fractalgen.errors import BankError, ImageError, SetError
from fractalgen.files.location import Location
from fractalgen.images.decoding import MAX_BYTES, check_hash
from fractalgen.pool import OrderedPool

__all__ = ["ImagesInShards", "Packed", "ShardList", "ShardReader"]

_RANGE_BYTES = 2 << 20
_GAP_BYTES = 256 << 10  # at 100 Mbit/s they take 21 ms, about as long as another request
_FETCHERS = 4
_FETCHES_AHEAD = 2  # per fetcher


class Packed(NamedTuple):
    """An image in a shard: its contents are the bytes `start` to `stop` of the tar file."""

    image: ImageFile
    shard: int
    start: int
    stop: int


class ShardList:
    """The shards in a place.

    Raises
    ------
    BankError
        If there are none, or the place cannot be read.
    """

    def __init__(self, location: Location) -> None:
        try:
            self.sizes = location.sizes()
        except OSError as error:
            raise BankError(f"{location.name} cannot be read: {error.strerror or error}") from None
        self.location = location
        # An index whose tar file is missing counts, so that its images are missed.
        tars = {name.split(".")[0] + ".tar" for name in self.sizes if name.endswith(".jsonl")}
        self._is_short = complete_shards([*self.sizes, *tars])
        if not self._is_short:
            raise BankError(_no_shards(location))

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the shards."""
        return tuple(self._is_short)

    def images_of(self, number: int) -> list[Packed]:
        """Read the index of a shard, and return its images in the order of the tar file.

        BankError if the index cannot be read.
        """
        try:
            shard = read_shard(self.location, number, short=self._is_short[number])
            return [
                _packed(json.loads(line), number, start)
                for start, line in zip(shard.offsets, shard.lines, strict=True)
            ]
        except SetError as error:
            raise BankError(str(error)) from None
        except OSError as error:
            reason = f"the index of {shard_file(number)} cannot be read: {error.strerror or error}"
        except (ValueError, KeyError, TypeError, RecursionError):
            reason = f"the index of {shard_file(number)} is damaged"
        raise BankError(f"{reason}; see 'fractalgen verify {self.location.name}'")


def _no_shards(location: Location) -> str:
    name, folder = location.name, location.folder
    if folder is None:
        return f"{name} holds no shards; 'fractalgen build-set {name}' draws a set there"
    if not folder.exists():
        return (
            f"{name} does not exist; 'fractalgen build-set {name} --shards' draws a set to stream"
        )
    return (
        f"{name} holds no shards, and only these can be streamed; 'fractalgen export {name} OUT "
        "--layout webdataset' makes shards of a set in folders"
    )


def _packed(record: Mapping[str, object], number: int, start: int) -> Packed:
    name, sha256, n_bytes = record["file"], record["file_sha256"], record["bytes"]
    if not isinstance(name, str) or not isinstance(sha256, str) or type(n_bytes) is not int:
        raise TypeError("no record")
    return Packed(ImageFile(name, sha256), number, start, start + n_bytes)


class ShardReader:
    """Reads images out of tar files by ranges.

    Parameters
    ----------
    location : Location
        Where the shards lie.
    sizes : mapping from str to int
        The size of each file there.
    """

    def __init__(self, location: Location, sizes: Mapping[str, int]) -> None:
        self._location = location
        self._sizes = sizes

    def parts(
        self, packed: Iterable[Packed], n: int
    ) -> Generator[Sequence[tuple[Packed, Callable[[], bytes]]], None, None]:
        """Yield images in their order, up to `n` at a time, with what reads them.

        Those that follow closely on each other in a shard are read at once, and the next ones
        meanwhile, by a few threads.
        What reads an image raises ImageError if it cannot be read or does not have its hash.
        """
        with OrderedPool(self._fetched, _FETCHERS, _FETCHES_AHEAD) as pool:
            yield from pool.map(self._ranges(packed, n))

    def read(self, each: Packed) -> bytes:
        """Read an image; ImageError if it cannot be read or does not have its hash."""
        ((_, read),) = self._fetched([each], threading.Event())
        return read()

    def _ranges(self, packed: Iterable[Packed], n: int) -> Iterator[list[Packed]]:
        """Yield images that follow closely on each other."""
        some: list[Packed] = []
        for each in packed:
            if some:
                first, last = some[0], some[-1]
                follows = each.shard == first.shard and 0 <= each.start - last.stop <= _GAP_BYTES
                sound = not self._problem(first) and not self._problem(each)
                short = each.stop - first.start <= _RANGE_BYTES and len(some) < n
                if not (follows and sound and short):
                    yield some
                    some = []
            some.append(each)
        if some:
            yield some

    def _fetched(
        self, some: Sequence[Packed], stopping: threading.Event
    ) -> Sequence[tuple[Packed, Callable[[], bytes]]]:
        """Read a range of a tar file, and return what cuts the images out of it."""
        first, last = some[0], some[-1]
        problem, data = self._problem(first), b""
        if not problem:
            name = shard_file(first.shard)
            try:
                data = self._location.read(name, first.start, last.stop)
            except OSError as error:
                problem = f"{name}: {error.strerror or error}"
                if self._location.folder is None and not isinstance(error, FileNotFoundError):
                    # Each of the other shards would be tried for as long.
                    raise BankError(f"{self._location.name} cannot be read: {problem}") from None

        def cut(each: Packed) -> bytes:
            if problem:
                raise ImageError(problem)
            found = data[each.start - first.start : each.stop - first.start]
            check_hash(found, each.image.sha256)
            return found

        return [(each, partial(cut, each)) for each in some]

    def _problem(self, each: Packed) -> str:
        """Say why an image cannot be where the index says; empty if it can."""
        name = shard_file(each.shard)
        if name not in self._sizes:
            return f"{name} is missing"
        if not 0 <= each.start <= each.stop <= self._sizes[name]:
            return f"{name} is shorter than its index says"
        if each.stop - each.start > MAX_BYTES:
            return f"larger than {MAX_BYTES >> 20} MiB"
        return ""


class ImagesInShards:
    """Images of a sharded set.

    Parameters
    ----------
    shards : ShardList
        Where they lie.
    packed : iterable of Packed
        The images, in any order.
    """

    def __init__(self, shards: ShardList, packed: Iterable[Packed]) -> None:
        self.name = shards.location.name
        self._reader = ShardReader(shards.location, shards.sizes)
        self._packed = sorted(packed)
        self.images: Sequence[ImageFile] = [each.image for each in self._packed]
        for one, other in zip(self._packed, self._packed[1:], strict=False):
            if one.image.name == other.image.name:
                raise BankError(
                    f"{self.name} holds {one.image.name} twice, in {shard_file(one.shard)} and "
                    f"{shard_file(other.shard)}; remove one of these shards with its index"
                )

    @classmethod
    def of(cls, location: Location) -> "ImagesInShards":
        """Read all indexes in a place; BankError if there are none, or one is damaged."""
        shards = ShardList(location)
        found = cls(shards, (each for n in shards.numbers for each in shards.images_of(n)))
        if not found.images:
            raise BankError(f"the shards in {location.name} hold no images")
        return found

    def read(self, image: ImageFile) -> bytes:
        """Read an image's file; ImageError if it cannot be read or does not have its hash."""
        return self._reader.read(self._packed[bisect.bisect_left(self.images, image)])

    def parts(self, n: int) -> Generator[Sequence[tuple[int, Callable[[], bytes]]], None, None]:
        """Yield all images once, up to `n` at a time, reading each shard from front to back.

        The next ones are read meanwhile, by a few threads.
        """
        order = sorted(range(len(self._packed)), key=lambda row: self._packed[row][1:])
        rows = iter(order)
        for part in self._reader.parts((self._packed[row] for row in order), n):
            yield [(row, read) for (_, read), row in zip(part, rows, strict=False)]
