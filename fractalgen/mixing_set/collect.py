"""Collect a user's images into a set: from a folder, a zip archive, or the URL of one."""

import contextlib
import hashlib
import itertools
import os
import tempfile
import threading
import zipfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from fractalgen.errors import DownloadError, ImageError, NotRegularError, SetError
from fractalgen.files.download import download, without_secrets
from fractalgen.files.regular_file import open_regular, read_regular
from fractalgen.images.decoding import MAX_BYTES, read_image_file, to_rgb
from fractalgen.images.formats import FORMATS, SUFFIXES, encode
from fractalgen.mixing_set.keys import MAX_INDEX, image_file
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.record import Origin, Record
from fractalgen.mixing_set.store import Store
from fractalgen.pool import OrderedPool, Progress, default_workers

__all__ = ["MAX_ARCHIVE_BYTES", "Refusal", "Source", "collect", "open_source"]

MAX_ARCHIVE_BYTES = 8 << 30
_TASKS_AHEAD = 2  # per worker; few, because collected images can be large


class Source(Protocol):
    """A folder or archive of images."""

    url: str | None

    def names(self) -> list[str]:
        """Return the images' paths within the source, sorted, with forward slashes."""

    def read(self, name: str) -> bytes:
        """Return the contents of an image's file; raises ImageError or OSError."""


@contextlib.contextmanager
def open_source(place: str, out: Path, progress: Progress | None = None) -> Iterator[Source]:
    """Open a folder, a zip archive, or the ``https://`` or ``http://`` URL of one.

    Archives are never unpacked to disk: images are read into memory, so paths in an archive cannot
    do any harm. A downloaded archive is kept in a temporary file until the source is closed.

    Raises SetError if the source does not exist, cannot be downloaded, holds no images, or is
    inside `out`, the set that is being built.
    """
    with contextlib.ExitStack() as stack:
        source: Source
        if place.lower().startswith(("https://", "http://")):
            file = stack.enter_context(tempfile.TemporaryFile(prefix="fractalgen-"))
            try:
                name = without_secrets(place)
                download(place, file, max_bytes=MAX_ARCHIVE_BYTES, progress=progress)
            except DownloadError as error:
                raise SetError(str(error)) from None
            source = _Archive(stack.enter_context(_zip(file, name)), name)
        elif Path(place).is_dir():
            name, source = place, _Folder(Path(place), out)
        elif Path(place).exists():
            local = stack.enter_context(_open_archive(place))
            name, source = place, _Archive(stack.enter_context(_zip(local, place)), None)
        else:
            raise SetError(f"{place} does not exist")
        if not source.names():
            raise SetError(f"{name} holds no images")
        yield source


class _Folder:
    def __init__(self, root: Path, out: Path) -> None:
        self.url: str | None = None
        self._root = root.resolve()
        self._out = out.resolve()
        if self._root == self._out or self._out in self._root.parents:
            raise SetError(f"{root} is inside the set; use a folder outside of it")

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
        return read_image_file(self._root / name)


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
        if entry.flag_bits & 1:
            raise ImageError("encrypted")
        try:
            # One thread at a time reads the archive; most of the time goes into decoding.
            with self._reading, self._archive.open(entry) as file:
                data = file.read(MAX_BYTES + 1) if entry.file_size <= MAX_BYTES else None
        except OSError:
            raise
        except Exception as error:  # each kind of compression raises its own type
            raise ImageError(f"damaged in the archive ({error})") from None
        if data is None or len(data) > MAX_BYTES:  # the size in the archive may be wrong
            raise ImageError(f"larger than {MAX_BYTES >> 20} MiB")
        return data


def _is_image(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122


@contextlib.contextmanager
def _open_archive(place: str) -> Iterator[IO[bytes]]:
    try:
        file = open_regular(place)
    except NotRegularError as error:
        raise SetError(f"{place} is neither a folder nor a zip archive: {error.strerror}") from None
    with file:
        if not zipfile.is_zipfile(file):
            raise SetError(f"{place} is neither a folder nor a zip archive")
        yield file


def _zip(file: IO[bytes], place: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except OSError:
        raise
    except Exception as error:  # damaged and unusual archives raise exceptions of any type
        raise SetError(f"{place} is not a valid zip archive ({error})") from None


@dataclass(frozen=True)
class Refusal:
    """A user's image that cannot be used, and the reason."""

    path: str
    reason: str


@dataclass(frozen=True)
class _Candidate:
    """An image that was read; `data` is None if the set has it already."""

    path: str
    sha256: str
    data: bytes | None = None
    extension: str = ""
    width: int = 0
    height: int = 0
    pixel_sha256: str = ""


def collect(
    store: Store,
    source: Source,
    family: str,
    recipe: Recipe,
    workers: int | None = None,
    *,
    lost_only: bool = False,
) -> Generator[Record | Refusal | None, None, None]:
    """Copy or convert images into a family's folder.

    An image is identified by its path in the source and its hash. Images that the set has keep
    their indices. The others, in the order of their paths, first take indices whose records are
    lost and then, unless `lost_only`, new ones. So an interrupted collection can be resumed.

    Yields, for each image of the source, the record of the image that was written, a refusal, or
    None if the set has the image already or does not need it. Raises SetError if a foreign file
    has the name of a new image, or if there are too many images.
    """
    mine = {key[1]: record for key, record in store.records.items() if key[0] == family}
    index_of = {(r.origin.path, r.origin.sha256): i for i, r in mine.items() if r.origin}
    kept = {index for index in mine if store.has((family, index), recipe)}
    wanted = recipe.family(family)
    lost = sorted(set(wanted.indices() if wanted else ()) - set(mine))
    new = () if lost_only else range(max((*mine, *lost), default=-1) + 1, MAX_INDEX)
    free = itertools.chain(lost, new)

    def read(path: str, _: threading.Event) -> _Candidate | Refusal:
        try:
            data = source.read(path)
            sha256 = hashlib.sha256(data).hexdigest()
            if index_of.get((path, sha256)) in kept:
                return _Candidate(path, sha256)
            return _converted(path, sha256, data, recipe.format)
        except ImageError as error:
            return Refusal(path, str(error))
        except OSError as error:
            return Refusal(path, error.strerror or str(error))

    with OrderedPool(read, workers or default_workers(), _TASKS_AHEAD) as pool:
        for found in pool.map(source.names()):
            if isinstance(found, Refusal):
                yield found
                continue
            if found.data is None:
                yield None
                continue
            index = index_of.get((found.path, found.sha256))
            if index is None:
                index = next(free, None)
                if index is None and lost_only:
                    yield None
                    continue
                if index is None:
                    raise SetError(f"{family} would have more than {MAX_INDEX:,} images")
                if index not in lost:
                    path = store.path(image_file(family, index, found.extension))
                    _check_not_foreign(path, found.data)
            file = image_file(family, index, found.extension)
            store.write(file, found.data)
            yield Record(
                file,
                found.width,
                found.height,
                len(found.data),
                found.pixel_sha256,
                hashlib.sha256(found.data).hexdigest(),
                origin=Origin(found.path, found.sha256, source.url),
            )


def _check_not_foreign(path: Path, data: bytes) -> None:
    """Refuse to overwrite a file, unless a crash left this very file unrecorded."""
    if path.is_file() and read_regular(path) != data:
        raise SetError(f"{path} already exists but is not part of this set; move it away first")


def _converted(path: str, sha256: str, data: bytes, format: str) -> _Candidate:  # noqa: A002
    """Check an image by decoding it, and encode it again unless it can be copied unchanged."""
    rgb, extension = to_rgb(data)
    if extension is None:
        try:
            data = encode(rgb, format)
        except (OSError, ValueError) as error:
            raise ImageError(f"it cannot be written as {format} ({error})") from None
        extension = FORMATS[format]
    height, width = rgb.shape[:2]
    pixel_sha256 = hashlib.sha256(rgb.data).hexdigest()
    return _Candidate(path, sha256, data, extension, width, height, pixel_sha256)
