"""Check shards: indexes against the plan, tar files against indexes, images against records."""

import contextlib
import dataclasses
import functools
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from fractalgen.bank.folder import CLASSES_FILE
from fractalgen.bank.shards import Shard, complete_shards, index_file, read_shard
from fractalgen.errors import NotRegularError, SetError
from fractalgen.files.location import Location
from fractalgen.mixing_set.checking.findings import Findings
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.shard_plan import PlannedShard
from fractalgen.mixing_set.stores.shard_set import ShardSet
from fractalgen.pool import OrderedPool, Progress, default_workers

__all__ = ["CheckedShard", "check_shard", "check_shards", "inspect_shards"]

_CHUNK_BYTES = 4 << 20


@dataclass(frozen=True)
class CheckedShard:
    """A planned shard, and what is wrong with it.

    Attributes
    ----------
    shard : PlannedShard
        The shard.
    fault : str or None
        ``"missing"``, ``"unrecorded"`` (without an index), ``"truncated"`` or ``"altered"``.
    n_recorded : int
        Number of images in its index, sound or not; 0 if there is no index, or a damaged one.
    lacking : tuple of str
        The images that a short shard lacks.
    """

    shard: PlannedShard
    fault: str | None
    n_recorded: int = 0
    lacking: tuple[str, ...] = ()

    @property
    def n_drawn(self) -> int:
        """Number of images that can be drawn again and compared, of a shard without a fault."""
        return 0 if self.fault or self.shard.images.collected else self.n_recorded


def check_shards(
    store: ShardSet,
    workers: int | None = None,
    progress: Progress | None = None,
    *,
    contents: bool = True,
) -> Iterator[CheckedShard]:
    """Check every planned shard; yield the results in order.

    Without `contents`, only the indexes are read, and the sizes of the tar files compared.
    `progress` is called with the number of images checked and the total.
    """
    sizes = store.location.sizes()
    total = sum(shard.n for shard in store.plan)
    check = functools.partial(_checked, store, sizes, complete_shards(sizes), contents)
    with OrderedPool(check, workers or default_workers(), tasks_ahead=2) as pool:
        done = 0
        for checked in pool.map(store.plan):
            yield checked
            done += checked.shard.n
            if progress:
                progress(done, total)


def inspect_shards(store: ShardSet, checked: Iterable[CheckedShard]) -> Findings:
    """Sort the faults of shards by kind; add those of other files."""
    faults: dict[str, list[str]] = {field.name: [] for field in dataclasses.fields(Findings)}
    for one in checked:
        faults["missing"] += one.lacking
        if one.fault:
            faults[one.fault].append(one.shard.file)
    fault = store.fault_of_class_list()
    if fault:
        faults[fault].append(CLASSES_FILE)
    faults["foreign"] = store.foreign()
    return Findings(**{kind: tuple(files) for kind, files in faults.items()})


def _checked(
    store: ShardSet,
    sizes: Mapping[str, int],
    complete: Mapping[int, bool],
    contents: bool,
    shard: PlannedShard,
    _: threading.Event,
) -> CheckedShard:
    short = complete.get(shard.number)
    if short is None and shard.file in sizes:
        return CheckedShard(shard, "unrecorded")
    if short is None:
        return CheckedShard(shard, "missing", _n_recorded(store, sizes, shard))
    assert store.recipe is not None
    n_bytes = sizes[shard.file]
    return check_shard(store.location, store.recipe, shard, n_bytes, short=short, contents=contents)


def _n_recorded(store: ShardSet, sizes: Mapping[str, int], shard: PlannedShard) -> int:
    """Return the number of images in the index of a shard whose tar file is missing."""
    for short in (False, True):
        if index_file(shard.number, short=short) in sizes:
            with contextlib.suppress(OSError, SetError):
                return len(read_shard(store.location, shard.number, short=short).lines)
    return 0


def check_shard(
    location: Location,
    recipe: Recipe,
    shard: PlannedShard,
    n_bytes: int,
    *,
    short: bool,
    contents: bool = True,
    copy: IO[bytes] | None = None,
) -> CheckedShard:
    """Check a shard that has an index.

    Parameters
    ----------
    location : Location
        Where it lies.
    recipe : Recipe
        The set's.
    shard : PlannedShard
        The images that it should have.
    n_bytes : int
        Size of its tar file.
    short : bool
        Whether its index says that images are missing.
    contents : bool
        Whether to read the tar file, too.
    copy : file, optional
        Receives the tar file's contents while they are checked.
    """
    n_recorded = 0
    try:
        index = read_shard(location, shard.number, short=short)
        n_recorded = len(index.lines)
        records = [Record.from_line(line) for line in index.lines]
        lacking = _lacking(shard, recipe, records, short=short)
        if n_bytes < index.n_bytes:
            return CheckedShard(shard, "truncated", n_recorded)
        if n_bytes > index.n_bytes:
            return CheckedShard(shard, "altered", n_recorded)
        if contents:
            _check_tar(_Contents(location, shard.file, n_bytes, copy), index, records)
    except FileNotFoundError:
        return CheckedShard(shard, "missing", n_recorded)
    except (SetError, ValueError, NotRegularError):
        return CheckedShard(shard, "altered", n_recorded)
    return CheckedShard(shard, None, n_recorded, lacking)


def _lacking(
    shard: PlannedShard, recipe: Recipe, records: Sequence[Record], *, short: bool
) -> tuple[str, ...]:
    """Return the planned images without a record; ValueError if other images have one."""
    planned = dict(zip(shard.keys(), shard.files(recipe), strict=True))
    recorded = {record.key: record.file for record in records}
    expected = [key for key in planned if key in recorded] if short else list(planned)
    if [record.key for record in records] != expected:
        raise ValueError("the index has other images than planned")
    collected = shard.images.collected  # in formats of their own
    if not collected and any(planned[key] != file for key, file in recorded.items()):
        raise ValueError("the index has images of another format")
    if not all((record.origin is not None) == collected for record in records):
        raise ValueError("the index has images of another origin")
    if not all(record.fits(recipe) for record in records):
        raise ValueError("the index has images of another recipe")
    return tuple(file for key, file in planned.items() if key not in recorded)


def _check_tar(contents: "_Contents", index: Shard, records: Sequence[Record]) -> None:
    """Raise ValueError unless a tar file has exactly what its index and its records say."""
    file = io.BufferedReader(contents, _CHUNK_BYTES)
    try:
        with tarfile.open(fileobj=file, mode="r|") as tar:
            for record, line, offset in zip(records, index.lines, index.offsets, strict=True):
                image = _member(tar, record.file)
                if tar.offset - _padded(len(image)) != offset or not _is_image(image, record):
                    raise ValueError(f"{record.file} differs from its record")
                stem = PurePosixPath(record.file).with_suffix("")
                if _member(tar, f"{stem}.json") != line.encode():
                    raise ValueError(f"{stem}.json differs from the index")
                class_ = record.class_
                if class_ is not None and _member(tar, f"{stem}.cls") != str(class_).encode():
                    raise ValueError(f"{stem}.cls has another class")
            if tar.next() is not None:
                raise ValueError("the tar file has more than its images")
    except tarfile.TarError as error:
        raise ValueError(str(error)) from None
    while file.read(_CHUNK_BYTES):  # the padding
        pass
    if contents.sha256 != index.sha256:
        raise ValueError("the tar file differs from its index")


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    """Return the contents of the next member; ValueError if it has another name."""
    member = tar.next()
    tar.members.clear()  # type: ignore[attr-defined] # it would otherwise keep all that passed
    file = None if member is None or member.name != name else tar.extractfile(member)
    if file is None:
        raise ValueError(f"the tar file lacks {name}")
    return file.read()


def _padded(n: int) -> int:
    return -(-n // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _is_image(data: bytes, record: Record) -> bool:
    return len(data) == record.n_bytes and hashlib.sha256(data).hexdigest() == record.file_sha256


class _Contents(io.RawIOBase):
    """A file of a location, from front to back; hashed, and perhaps copied, on the way."""

    def __init__(self, location: Location, name: str, n_bytes: int, copy: IO[bytes] | None) -> None:
        self._location = location
        self._name = name
        self._n_bytes = n_bytes
        self._copy = copy
        self._position = 0
        self._sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        stop = min(self._position + len(buffer), self._n_bytes)
        if stop <= self._position:
            return 0
        data = self._location.read(self._name, self._position, stop)
        buffer[: len(data)] = data
        self._position += len(data)
        self._sha256.update(data)
        if self._copy:
            self._copy.write(data)
        return len(data)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()
