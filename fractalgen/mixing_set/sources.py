"""Where the user's own images come from: a folder, a zip archive, or one on the web."""

import contextlib
import os
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlsplit, urlunsplit

from fractalgen.errors import ImageError, NotRegularError, SetError
from fractalgen.files.regular_file import open_regular
from fractalgen.images.decoding import MAX_BYTES
from fractalgen.images.formats import SUFFIXES
from fractalgen.pool import Progress

__all__ = ["MAX_ARCHIVE_BYTES", "Source", "open_source"]

MAX_ARCHIVE_BYTES = 8 << 30
_CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 30


class Source(Protocol):
    """A place that holds images."""

    url: str | None

    def names(self) -> list[str]:
        """Return the images' paths within the source, sorted, with forward slashes."""

    def read(self, name: str) -> bytes:
        """Return an image's file; ImageError or OSError if that is not possible."""


@contextlib.contextmanager
def open_source(place: str, out: Path, progress: Progress | None = None) -> Iterator[Source]:
    """Open a folder, a zip archive, or an ``https://`` or ``http://`` address of one.

    Nothing is unpacked: an image in an archive is read into memory, so that no path in an
    archive can lead anywhere. An archive from the web is kept in a temporary file meanwhile.

    Parameters
    ----------
    place : str
        The folder, archive or address.
    out : Path
        The set that is being built, whose own images are no source.
    progress : callable or None
        Told of the bytes fetched.

    Raises
    ------
    SetError
        If there is no such place, it cannot be fetched, or it holds no images.
    """
    if place.lower().startswith(("https://", "http://")):
        shown = _without_secrets(place)
        with tempfile.TemporaryFile(prefix="fractalgen-") as file:
            _fetch(place, shown, file, progress)
            with _zip(file, shown) as archive:
                yield _not_empty(_Archive(archive, shown), shown)
    elif Path(place).is_dir():
        yield _not_empty(_Folder(Path(place), out), place)
    elif Path(place).exists():
        with _local_archive(place) as local, _zip(local, place) as archive:
            yield _not_empty(_Archive(archive, None), place)
    else:
        raise SetError(f"{place} does not exist")


@contextlib.contextmanager
def _local_archive(place: str) -> Iterator[IO[bytes]]:
    try:
        file = open_regular(place)
    except NotRegularError as error:
        raise SetError(f"{place} is neither a folder nor a zip archive: {error.strerror}") from None
    with file:
        if not zipfile.is_zipfile(file):
            raise SetError(f"{place} is neither a folder nor a zip archive")
        yield file


class _Folder:
    def __init__(self, root: Path, out: Path) -> None:
        self.url: str | None = None
        self._root = root.resolve()
        self._out = out.resolve()
        if self._root == self._out or self._out in self._root.parents:
            raise SetError(f"{root} lies in the set itself; give a folder outside of it")

    def names(self) -> list[str]:
        found = []
        for folder, subfolders, files in os.walk(self._root):
            subfolders[:] = [
                name
                for name in subfolders
                if not name.startswith(".") and Path(folder, name) != self._out
            ]
            within = Path(folder).relative_to(self._root)
            found += [(within / name).as_posix() for name in files if _is_image(name)]
        return sorted(found)

    def read(self, name: str) -> bytes:
        path = self._root / name
        try:
            with open_regular(path) as file:
                data = file.read(MAX_BYTES + 1)
        except NotRegularError as error:
            raise ImageError(str(error.strerror)) from None
        if len(data) > MAX_BYTES:
            raise ImageError(f"larger than {MAX_BYTES >> 20} MiB")
        return data


class _Archive:
    def __init__(self, archive: zipfile.ZipFile, url: str | None) -> None:
        self.url = url
        self._archive = archive
        self._reading = threading.Lock()

    def names(self) -> list[str]:
        entries = {entry.filename for entry in self._archive.infolist() if not entry.is_dir()}
        return sorted(name for name in entries if _is_image(name.rpartition("/")[2]))

    def read(self, name: str) -> bytes:
        entry = self._archive.getinfo(name)
        if entry.file_size > MAX_BYTES:
            raise ImageError(f"larger than {MAX_BYTES >> 20} MiB")
        if entry.flag_bits & 1:
            raise ImageError("encrypted")
        try:
            # Archives are read by one thread at a time; decoding is what takes long.
            with self._reading, self._archive.open(entry) as file:
                data = file.read(MAX_BYTES + 1)
        except OSError:
            raise
        except Exception as error:  # each kind of compression has its own
            raise ImageError(f"damaged in the archive ({error})") from None
        if len(data) > MAX_BYTES:
            raise ImageError(f"larger than {MAX_BYTES >> 20} MiB")
        return data


def _is_image(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122


def _not_empty(source: Source, place: str) -> Source:
    if not source.names():
        raise SetError(f"{place} holds no images")
    return source


def _zip(file: IO[bytes], place: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except OSError:
        raise
    except Exception as error:  # of a damaged or unusual archive, as many kinds as there are
        raise SetError(f"{place} is not a sound zip archive ({error})") from None


def _fetch(url: str, shown: str, file: IO[bytes], progress: Progress | None) -> None:
    """Write what is at an address into a file, within MAX_ARCHIVE_BYTES."""
    import requests

    try:
        with requests.get(url, stream=True, timeout=_TIMEOUT_SECONDS) as response:
            response.raise_for_status()
            told = response.headers.get("Content-Length", "")
            # A compressed transfer's length is not the length of what comes out of it.
            plain = "Content-Encoding" not in response.headers
            total = int(told) if told.isdigit() and plain else None
            fetched = 0
            for chunk in response.iter_content(_CHUNK_BYTES):
                fetched += len(chunk)
                if fetched > MAX_ARCHIVE_BYTES:
                    raise SetError(f"{shown} is larger than {MAX_ARCHIVE_BYTES >> 30} GiB")
                file.write(chunk)
                if progress:
                    progress(fetched, total)
    except (requests.RequestException, ValueError) as error:
        raise SetError(f"cannot fetch {shown}: {_reason(error)}") from None
    if total is not None and fetched != total:
        raise SetError(f"cannot fetch {shown}: it broke off after {fetched:,} of {total:,} bytes")


def _without_secrets(url: str) -> str:
    """Leave out a name and password, and the query, which may hold a key."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise SetError(f"not a sound address ({error})") from None
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _reason(error: Exception) -> str:
    """Return an HTTP status in words, or the kind of failure; the rest is for programmers."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    kind = type(error).__name__
    words = {
        "InvalidURL": "it is no address",
        "ConnectionError": "no connection",
        "ConnectTimeout": "no answer",
        "ReadTimeout": "the server stopped answering",
        "SSLError": "the server's certificate is not valid",
        "ChunkedEncodingError": "the transfer broke off",
    }
    return words.get(kind, kind)
