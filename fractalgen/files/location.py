"""A place that holds files side by side: a folder, or a prefix in an object store."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from fractalgen.errors import ArgumentError, SetError
from fractalgen.files.atomic import atomic_file, is_leftover
from fractalgen.files.regular_file import open_regular
from fractalgen.registry import shown

__all__ = ["Folder", "Location", "make_folder", "open_location"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://")
_ONE_SLASH = re.compile(r"(s3|gs|abfs|memory|file):/(?=[^/])")


class Location(Protocol):
    """Holds files by name. It can be pickled, and used by several threads and processes."""

    name: str
    """The path or URL as messages show it, without secrets."""

    folder: Path | None
    """The folder of this machine; None for an object store."""

    def sizes(self) -> dict[str, int]:
        """Return the size of each file in bytes, by name; empty if the place does not exist."""

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return a file's bytes `start` to `stop`; FileNotFoundError if it does not exist."""

    def writing(self, name: str) -> contextlib.AbstractContextManager[IO[bytes]]:
        """Open a new file, which takes its place whole when the block ends, or not at all."""

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""


class Folder:
    """A folder of this machine.

    Parameters
    ----------
    folder : Path
        It is made when the first file is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder: Path | None = folder
        self.name = str(folder)
        self._path = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return Folder, (self._path.absolute(),)

    def sizes(self) -> dict[str, int]:
        """Return the size of each file in bytes, by name; empty if the folder does not exist."""
        sizes = {}
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for path in self._path.iterdir():
                with contextlib.suppress(FileNotFoundError):  # another process removed it
                    if path.is_file() and not is_leftover(path.name):
                        sizes[path.name] = path.stat().st_size
        return sizes

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return a file's bytes `start` to `stop`; FileNotFoundError if it does not exist."""
        with open_regular(self._path / name) as file:
            file.seek(start)
            return file.read() if stop is None else file.read(max(0, stop - start))

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """Open a new file, which takes its place whole when the block ends, or not at all."""
        with atomic_file(self._path / name, durable=True, shared=True) as file:
            yield file

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        (self._path / name).unlink(missing_ok=True)


def make_folder(folder: Path) -> bool:
    """Make a folder unless it is there; return whether it was made.

    Raises SetError if it, or what it should lie in, is a file.
    """
    was_there = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        places = (folder, *folder.parents)
        obstacles = (path for path in places if path.exists() and not path.is_dir())
        obstacle = next(obstacles, folder)
        raise SetError(f"{obstacle} is not a folder; use another one") from None
    return not was_there


def open_location(place: str | Path, *, writing: bool = False) -> Location:
    """Return the place with a path or URL.

    Parameters
    ----------
    place : str or Path
        A folder, which need not exist; or a URL that fsspec knows, such as ``s3://bucket/prefix``,
        which takes the extra ``scale``. A ``file://`` URL is a folder.
    writing : bool
        Files will be written: ask an object store whether that is permitted.

    Raises
    ------
    ArgumentError
        If `place` is neither, or a URL that a Path has altered.
    SetError
        If an object store cannot be used; the message says what to do.
    """
    if not isinstance(place, str | Path):
        raise ArgumentError(f"a place must be a path or a URL, not {shown(place)}")
    if isinstance(place, Path) or not _URL.match(place):
        text = Path(place).as_posix()
        if _ONE_SLASH.match(text) and not Path(place).exists():
            url = _ONE_SLASH.sub(r"\1://", text)
            raise ArgumentError(f"a URL has two slashes, which a Path loses: give it as '{url}'")
        return Folder(Path(place))
    if place.lower().startswith("file:"):
        return Folder(_local_path(place))
    from fractalgen.files.object_store import ObjectStore

    store = ObjectStore(place)
    store.check(writing=writing)
    return store


def _local_path(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise SetError(f"{url} names another machine; write three slashes: file:///FOLDER")
    return Path(url2pathname(parts.path))
