"""A place that holds files side by side: a folder, or a prefix in an object store."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from fractalgen.files.atomic import atomic_file, is_leftover, remove_leftovers
from fractalgen.files.regular_file import open_regular

__all__ = ["Folder", "Location", "open_location"]


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
        try:
            entries = [path for path in self._path.iterdir() if path.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return {path.name: path.stat().st_size for path in entries if not is_leftover(path.name)}

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return a file's bytes `start` to `stop`; FileNotFoundError if it does not exist."""
        with open_regular(self._path / name) as file:
            file.seek(start)
            return file.read() if stop is None else file.read(stop - start)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """Open a new file, which takes its place whole when the block ends, or not at all."""
        with atomic_file(self._path / name, durable=True, shared=True) as file:
            yield file

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        (self._path / name).unlink(missing_ok=True)

    def remove_leftovers(self) -> None:
        """Remove what killed processes were writing."""
        remove_leftovers(self._path)


def open_location(place: str | Path) -> Location:
    """Return the place with a path."""
    return Folder(Path(place))
