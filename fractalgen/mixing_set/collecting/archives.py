"""Read images from zip and tar archives, and refuse members that could do harm."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import os
import re
import stat
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

from fractalgen.errors import ImageError, SetError
from fractalgen.images.decoding import MAX_BYTES
from fractalgen.images.formats import is_image_name
from fractalgen.mixing_set.collecting.item import Item, Refusal, Source

__all__ = ["archive_kind", "open_archive"]

MIN_UNPACKED = 1 << 30
"""Bytes that any archive may unpack to."""

MAX_RATIO = 100
"""How many times an archive's size its members may unpack to; images hardly compress."""

_BOMB = f"the archive unpacks to more than {MAX_RATIO} times its size"
_NESTED = re.compile(r".+\.(zip|tar|t?gz|t?bz2?|t?xz|tar\.\w+|7z|rar)", re.IGNORECASE)
_CHUNK_BYTES = 1 << 16
_TAR_MAGIC = slice(257, 262)
_OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {
    "tar": lambda file: file,
    "gz": lambda file: gzip.GzipFile(fileobj=file),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
}
_MAGIC = {"gz": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ\0"}
_DAMAGE = (EOFError, tarfile.TarError, zlib.error, lzma.LZMAError, ValueError)


def archive_kind(file: IO[bytes]) -> str | None:
    """Return an archive's kind from its contents: zip, tar, gz, bz2 or xz; None if it is none."""
    file.seek(0)
    head = file.read(512)
    for kind, magic in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head[_TAR_MAGIC] == b"ustar":
        return "tar"
    # An image can have an archive behind it.
    return "zip" if head.startswith(b"PK") and zipfile.is_zipfile(file) else None


def open_archive(file: IO[bytes], kind: str, name: str, url: str | None) -> Source:
    """Open an archive; SetError if it is damaged, or, in a tar archive, has no image."""
    file.seek(0)
    if kind == "zip":
        return _Zip(file, name, url)
    return _Tar(file, kind, name, url)


def _fault(name: str, *, encrypted: bool = False) -> str | None:
    """Return why a member is refused for its name, whatever it is; None if it is not."""
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return "its path in the archive is absolute"
    if ".." in re.split(r"[/\\]", name):
        return "its path leads out of the archive"
    if _NESTED.fullmatch(name):
        return "an archive within the archive"
    return "encrypted" if encrypted and _is_image(name) else None


def _is_image(name: str) -> bool:
    return is_image_name(name.rpartition("/")[2])


class _Budget:
    """How many bytes may still be unpacked."""

    def __init__(self, file: IO[bytes]) -> None:
        self._left = max(MIN_UNPACKED, MAX_RATIO * file.seek(0, os.SEEK_END))
        file.seek(0)

    def spend(self, n_bytes: int) -> None:
        self._left -= n_bytes
        if self._left < 0:
            raise ImageError(_BOMB)


class _Zip:
    linked = False

    def __init__(self, file: IO[bytes], name: str, url: str | None) -> None:
        self._budget = _Budget(file)
        try:
            self._archive = zipfile.ZipFile(file)
        except OSError:
            raise
        except Exception as error:  # damaged and unusual archives raise exceptions of any type
            raise SetError(f"{name} is not a valid zip archive ({error})") from None
        self._url = url
        self._reading = threading.Lock()
        entries = {entry.filename: entry for entry in self._archive.infolist()}
        judged = ((name, self._judged(entries[name])) for name in sorted(entries))
        self._members = [(name, found) for name, found in judged if found is not None]
        self.n_images: int | None = len(self._members)

    def items(self) -> Iterator[Item | Refusal]:
        for name, found in self._members:
            if isinstance(found, str):
                yield Refusal(name, found)
                continue
            try:
                # Here, and not where threads read in any order. No more is unpacked of an entry.
                if found.file_size <= MAX_BYTES:
                    self._budget.spend(found.file_size)
            except ImageError as error:
                yield Refusal(name, str(error))
                continue
            read = lambda _, entry=found: self._read(entry)  # noqa: E731
            yield Item(name, read, self._url)

    def _judged(self, entry: zipfile.ZipInfo) -> zipfile.ZipInfo | str | None:
        """Return the entry of an image, why a member is refused, or None for what is neither."""
        if entry.is_dir():
            return None
        fault = _fault(entry.filename, encrypted=bool(entry.flag_bits & 1))
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if fault is None and kind not in (0, stat.S_IFREG):
            fault = "a link" if kind == stat.S_IFLNK else "not a regular file"
        return fault or (entry if _is_image(entry.filename) else None)

    def _read(self, entry: zipfile.ZipInfo) -> bytes:
        data = None
        try:
            # One thread at a time reads the archive; most of the time goes into decoding.
            with self._reading, self._archive.open(entry) as file:
                if entry.file_size <= MAX_BYTES:
                    data = file.read(MAX_BYTES + 1)
        except OSError:
            raise
        except Exception as error:  # each kind of compression raises its own type
            raise ImageError(f"damaged in the archive ({error})") from None
        if data is None or len(data) > MAX_BYTES:  # the size in the archive may be wrong
            raise ImageError(f"larger than {MAX_BYTES >> 20} MiB")
        return data


class _Tar:
    """A tar archive, read once from its beginning to its end, in its own order."""

    linked = False
    n_images: int | None = None

    def __init__(self, file: IO[bytes], kind: str, name: str, url: str | None) -> None:
        self._url = url
        unpacked = _Unpacked(_OPENERS[kind](file), _Budget(file))
        try:
            # A stream, so that a compressed archive is not unpacked again for each member.
            self._archive = tarfile.open(fileobj=unpacked, mode="r|")  # noqa: SIM115
        except (*_DAMAGE, OSError, ImageError) as error:
            raise SetError(f"{name} is not a valid tar archive ({error})") from None
        self._items = self._all()
        first = next(self._items, None)
        if first is None:
            self.n_images = 0
        else:
            self._items = itertools.chain([first], self._items)

    def items(self) -> Iterator[Item | Refusal]:
        return self._items

    def _all(self) -> Iterator[Item | Refusal]:
        name = "the rest of the archive"
        try:
            for member in self._archive:
                # The class keeps all headers.
                self._archive.members = []  # type: ignore[attr-defined]
                name = member.name
                found = self._judged(member)
                if found is not None:
                    yield found
                name = f"what follows {member.name}"
        except ImageError as error:
            yield Refusal(name, str(error))
        except (*_DAMAGE, OSError) as error:
            yield Refusal(name, f"damaged in the archive ({error})")

    def _judged(self, member: tarfile.TarInfo) -> Item | Refusal | None:
        if member.isdir():
            return None
        fault = _fault(member.name)
        if fault is None and (member.issym() or member.islnk()):
            fault = "a link"
        elif fault is None and (not member.isreg() or member.issparse()):
            fault = "not a regular file"
        elif fault is None and not _is_image(member.name):
            return None
        elif fault is None and member.size > MAX_BYTES:
            fault = f"larger than {MAX_BYTES >> 20} MiB"
        if fault:
            return Refusal(member.name, fault)
        file = self._archive.extractfile(member)
        data = file.read() if file else b""
        return Item(member.name, lambda _: data, self._url)


class _Unpacked(io.RawIOBase):
    """The unpacked contents of an archive, counted against a budget."""

    def __init__(self, file: IO[bytes], budget: _Budget) -> None:
        self._file = file
        self._budget = budget

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size if size >= 0 else _CHUNK_BYTES)
        self._budget.spend(len(data))
        return data
