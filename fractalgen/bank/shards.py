"""Shards: a set's images in tar files of WebDataset's layout, each with an index.

``shard-000000.tar`` holds for each image its file, its record as ``.json``, and in a class set the
number of its class as ``.cls``. ``shard-000000.jsonl`` is the index: a line about the shard, then
the records. It is written after the tar file, so a shard without an index does not count. The index
of a shard that lacks images because drawing them failed is ``shard-000000.short.jsonl``.
"""

import contextlib
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, NamedTuple

from fractalgen.errors import SetError
from fractalgen.files.location import Location

__all__ = [
    "Member",
    "Shard",
    "complete_shards",
    "index_file",
    "read_shard",
    "shard_file",
    "write_shard",
]

_VERSION = 1
_NAME = re.compile(r"shard-(\d{6,})(\.short)?\.jsonl")


class Member(NamedTuple):
    """An image of a shard.

    Attributes
    ----------
    file : str
        Its path within the set, such as ``ifs/000012.jpg``.
    data : bytes
        Contents of the image's file.
    line : str
        Its record, as a line of the manifest without the newline.
    class_ : int or None
        The number of its class.
    """

    file: str
    data: bytes
    line: str
    class_: int | None = None


@dataclass(frozen=True)
class Shard:
    """The index of a shard.

    Attributes
    ----------
    number : int
        Counted from 0.
    n_bytes : int
        Size of the tar file.
    sha256 : str
        Hash of the tar file.
    offsets : tuple of int
        Where the images' contents begin in the tar file.
    lines : tuple of str
        The images' records, as lines of the manifest.
    short : bool
        Whether images are missing because drawing them failed.
    """

    number: int
    n_bytes: int
    sha256: str
    offsets: tuple[int, ...]
    lines: tuple[str, ...]
    short: bool = False


def shard_file(number: int) -> str:
    """Return the name of a shard's tar file."""
    return f"shard-{number:06d}.tar"


def index_file(number: int, *, short: bool = False) -> str:
    """Return the name of a shard's index."""
    return f"shard-{number:06d}{'.short' if short else ''}.jsonl"


def complete_shards(names: Iterable[str]) -> dict[int, bool]:
    """Return the numbers of the shards whose tar file and index exist, among names of files.

    The value is whether the shard is short.
    """
    present = set(names)
    found = {}
    for name in sorted(present, reverse=True):  # an index that is not short counts, if both exist
        match = _NAME.fullmatch(name)
        if match and shard_file(int(match[1])) in present:
            found[int(match[1])] = match[2] is not None
    return dict(sorted(found.items()))


def write_shard(
    location: Location,
    number: int,
    images: Iterable[Member],
    *,
    is_short: Callable[[], bool] = lambda: False,
) -> Shard:
    """Write a shard and then its index; the same images give the same bytes.

    Parameters
    ----------
    location : Location
        Where the set lies.
    number : int
        The shard's number.
    images : iterable of Member
        Written in this order; they need not fit into memory.
    is_short : callable
        Called when the images have ended, before the shard takes its place; says whether some of
        them are missing. If it raises an exception, nothing is written.
    """
    offsets, lines = [], []
    with location.writing(shard_file(number)) as file:
        hashed: Any = _Hashed(file)
        with tarfile.open(fileobj=hashed, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
            for image in images:
                stem = str(PurePosixPath(image.file).with_suffix(""))
                offsets.append(tar.offset + tarfile.BLOCKSIZE)
                lines.append(image.line)
                _add(tar, image.file, image.data)
                _add(tar, f"{stem}.json", image.line.encode())
                if image.class_ is not None:
                    _add(tar, f"{stem}.cls", str(image.class_).encode())
        short = is_short()
    shard = Shard(number, hashed.length, hashed.sha256, tuple(offsets), tuple(lines), short)
    head = {
        "version": _VERSION,
        "shard": number,
        "images": len(lines),
        "bytes": shard.n_bytes,
        "sha256": shard.sha256,
        "offsets": offsets,
    }
    with location.writing(index_file(number, short=short)) as file:
        for line in (json.dumps(head, separators=(",", ":")), *lines):
            file.write(line.encode() + b"\n")
    return shard


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # without a time, an owner, or a group
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))


class _Hashed:
    """Passes bytes on to a file, and counts and hashes them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.length = 0

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._sha256.update(data)
        self.length += len(data)
        return len(data)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


def read_shard(location: Location, number: int, *, short: bool = False) -> Shard:
    """Read a shard's index.

    Raises
    ------
    SetError
        If it is damaged.
    OSError
        If it cannot be read.
    """
    name = index_file(number, short=short)
    text = location.read(name)
    with contextlib.suppress(ValueError, KeyError, TypeError, UnicodeDecodeError):
        first, *lines = text.decode().split("\n")
        head = json.loads(first)
        offsets = tuple(head["offsets"])
        sound = head["version"] == _VERSION and head["shard"] == number
        counts = len(lines) - 1 == len(offsets) == head["images"]
        if sound and counts and not lines[-1] and all(type(one) is int for one in offsets):
            return Shard(number, head["bytes"], head["sha256"], offsets, tuple(lines[:-1]), short)
    raise SetError(
        f"{location.name}/{name} is damaged, or was written by another release; see 'fractalgen "
        f"verify {location.name}'"
    )
