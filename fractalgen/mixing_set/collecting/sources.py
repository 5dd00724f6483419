"""Where a user's images come from: a folder, an archive, a list of URLs, or a URL."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Container, Iterator
from pathlib import Path
from typing import IO

from fractalgen.errors import DownloadError, ImageError, NotRegularError, SetError
from fractalgen.files.downloader import MAX_FILE_BYTES, Downloader
from fractalgen.files.regular_file import open_regular
from fractalgen.files.urls import public_url, without_secrets
from fractalgen.images.decoding import MAX_BYTES, looks_like_image, read_image_file
from fractalgen.images.formats import is_image_name
from fractalgen.mixing_set.collecting.archives import archive_kind, open_archive
from fractalgen.mixing_set.collecting.item import Item, Refusal, Source
from fractalgen.mixing_set.collecting.link_list import Link, LinkList
from fractalgen.pool import Progress

__all__ = ["is_url", "open_source"]

_MAX_LINKED_BYTES = 64 << 20
_HEAD_BYTES = 1 << 12
_PREFIX = "fractalgen-"


def is_url(place: str) -> bool:
    """Whether a source is a URL."""
    return place.lower().startswith(("https://", "http://"))


@contextlib.contextmanager
def open_source(
    place: str,
    out: Path,
    downloader: Downloader,
    progress: Progress | None = None,
    max_bytes: int | None = None,
    recorded: Container[str] = (),
) -> Iterator[Source]:
    """Open a folder, an archive (zip, tar, tar.gz, tar.bz2, tar.xz), a list, or a URL.

    Archives are never unpacked to disk: images are read into memory, so paths in an archive cannot
    do any harm. A downloaded file is kept in a temporary file until the source is closed. Its
    contents decide what it is, not its name or what the server says. The URL of an image that is
    among the `recorded` ones is not downloaded.

    Raises SetError if the source does not exist, cannot be downloaded, holds no images, or is
    inside `out`, the set that is being built.
    """
    source: Source | None
    with contextlib.ExitStack() as stack:
        if is_url(place):
            name, source = place, None
            try:
                name, limit = without_secrets(place), max_bytes or MAX_FILE_BYTES
                if public_url(place) == place and place in recorded:
                    source = _SingleImage(None, place)
                else:
                    file: IO[bytes] = stack.enter_context(tempfile.TemporaryFile(prefix=_PREFIX))
                    downloader.download(place, file, max_bytes=limit, progress=progress)
            except DownloadError as error:
                raise SetError(str(error)) from None
            source = source or _file_source(file, place, name, downloader, max_bytes)
        elif Path(place).is_dir():
            name, source = place, _Folder(Path(place), out)
        elif Path(place).exists():
            try:
                file = stack.enter_context(open_regular(place))
            except NotRegularError as error:
                raise SetError(f"{_not_a_source(place)}: {error.strerror}") from None
            name, source = place, _file_source(file, place, place, downloader, max_bytes)
        elif "://" in place:
            raise SetError(f"{place.partition('://')[0]}:// is not supported; use https://")
        else:
            raise SetError(f"{place} does not exist")
        if source.n_images == 0:
            raise SetError(f"{name} holds no images")
        yield source


def _file_source(
    file: IO[bytes], place: str, name: str, downloader: Downloader, max_bytes: int | None
) -> Source:
    url = name if is_url(place) else None
    kind = archive_kind(file)
    if kind:
        return open_archive(file, kind, name, url)
    file.seek(0)
    if looks_like_image(file.read(_HEAD_BYTES)):
        return _SingleImage(file, place)
    links = None if url else LinkList.parse(file)
    if links is None:
        raise SetError(_not_a_source(name))
    return _Links(links, downloader, max_bytes or _MAX_LINKED_BYTES)


def _not_a_source(name: str) -> str:
    kinds = "an image nor a zip or tar archive" if is_url(name) else ""
    return f"{name} is neither {kinds or 'an image, a folder, an archive, nor a list of URLs'}"


class _Folder:
    linked = False

    def __init__(self, root: Path, out: Path) -> None:
        self._root = root.resolve()
        self._out = out.resolve()
        if self._root == self._out or self._out in self._root.parents:
            raise SetError(f"{root} is inside the set; use a folder outside of it")
        self._names = self._found()
        self.n_images: int | None = len(self._names)

    def _found(self) -> list[str]:
        found = []
        for folder, subfolders, files in os.walk(self._root):
            subfolders[:] = [
                name
                for name in subfolders
                if not name.startswith(".") and Path(folder, name) != self._out
            ]
            within = Path(folder).relative_to(self._root)
            found += [(within / name).as_posix() for name in files if is_image_name(name)]
        return sorted(found)

    def items(self) -> Iterator[Item | Refusal]:
        for name in self._names:
            path = self._root / name
            yield Item(name, lambda _, path=path: read_image_file(path))  # type: ignore[misc]


class _SingleImage:
    linked = False
    n_images: int | None = 1

    def __init__(self, file: IO[bytes] | None, place: str) -> None:
        self._file = file
        self._path = public_url(place) if is_url(place) else Path(place).name
        self._remote = is_url(place) and self._path == place

    def items(self) -> Iterator[Item | Refusal]:
        yield Item(self._path, self._read, remote=self._remote)

    def _read(self, _: threading.Event) -> bytes:
        if self._file is None:
            raise ImageError("it was removed in the meantime")
        self._file.seek(0)
        return self._file.read(MAX_BYTES + 1)


class _Links:
    """Images from a list of URLs. A URL that stands in it twice is used once."""

    linked = True

    def __init__(self, links: LinkList, downloader: Downloader, max_bytes: int) -> None:
        self._links = links
        self._downloader = downloader
        self._max_bytes = min(max_bytes, MAX_BYTES)
        self.n_images: int | None = links.n_links

    def items(self) -> Iterator[Item | Refusal]:
        for link in self._links.interleaved():
            if isinstance(link, Refusal):
                yield link
                continue
            path = public_url(link.url)
            yield Item(
                path,
                lambda stopping, link=link: self._read(link, stopping),  # type: ignore[misc]
                licence=link.licence,
                author=link.author,
                sha256=link.sha256,
                digest=link.digest,
                remote=path == link.url,
            )

    def _read(self, link: Link, stopping: threading.Event) -> bytes:
        with tempfile.SpooledTemporaryFile(max_size=1 << 22) as file:
            self._downloader.download(link.url, file, max_bytes=self._max_bytes, stopping=stopping)
            file.seek(0)
            return file.read()
