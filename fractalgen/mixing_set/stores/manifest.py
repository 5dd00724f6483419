"""The manifest: one record per image, appended as a line once the image's file is written."""

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from fractalgen.errors import SetError
from fractalgen.files.atomic import atomic_file
from fractalgen.files.regular_file import check_no_links, open_regular, require_regular
from fractalgen.mixing_set.recipes.family import family_order
from fractalgen.mixing_set.recipes.keys import Key
from fractalgen.mixing_set.stores.record import Record

__all__ = ["Manifest"]


class Manifest:
    """A set's manifest.

    Parameters
    ----------
    path : Path
        The file.

    Attributes
    ----------
    records : dict from (folder, index) to Record
        Its records.
    bad_lines : tuple of (int, str)
        Number of each line that is not a record, and the reason.
    torn : bool
        Whether the last line is incomplete, as after a crash while writing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: dict[Key, Record] = {}
        self.bad_lines: tuple[tuple[int, str], ...] = ()
        self.torn = False
        self._length = 0  # of the file without an incomplete last line
        self._descriptor: int | None = None

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a manifest; if an image has several lines, the last one counts.

        Raises
        ------
        SetError
            If the manifest is a link, which may lead anywhere.
        OSError
            If it cannot be read.
        """
        manifest = cls(path)
        check_no_links(path.parent, [path.name])
        try:
            file = open_regular(path)
        except FileNotFoundError:
            return manifest
        bad_lines = []
        with file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    manifest.torn = True
                    break
                manifest._length += len(line)
                record = _record_or_fault(line[:-1])
                if isinstance(record, Record):
                    manifest.records[record.key] = record
                else:
                    bad_lines.append((number, record))
        manifest.bad_lines = tuple(bad_lines)
        return manifest

    def require_sound(self) -> None:
        """Raise SetError for the first line that is not a record; ignore an incomplete last one."""
        if self.bad_lines:
            number, reason = self.bad_lines[0]
            raise SetError(
                f"{self.path}, line {number}: {reason}. 'fractalgen build-set "
                f"{self.path.parent} --repair' drops such lines and redraws their images."
            )

    def in_order(self) -> list[Record]:
        """Return the records by folder, families in the registry's order, and index."""
        keys = sorted(self.records, key=lambda key: (family_order(key[0]), key[1]))
        return [self.records[key] for key in keys]

    def write(self) -> None:
        """Replace the file atomically by the sorted records."""
        records = self.in_order()
        if not self._has_lines(records):
            with atomic_file(self.path, durable=True) as file:
                for record in records:
                    file.write(_line(record))
        self.bad_lines, self.torn, self._length = (), False, self.path.stat().st_size

    def _has_lines(self, records: Iterable[Record]) -> bool:
        """Whether the file has these records, in this order, and nothing else."""
        try:
            with open_regular(self.path) as file:
                lines = itertools.zip_longest(file, map(_line, records))
                return all(mine == theirs for mine, theirs in lines)
        except FileNotFoundError:
            return False

    @contextlib.contextmanager
    def appending(self) -> Iterator[None]:
        """Cut off an incomplete last line, and keep the file open for `append`."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        flags |= getattr(os, "O_NONBLOCK", 0)
        self._descriptor = os.open(self.path, flags, 0o666)
        try:
            require_regular(self.path, os.fstat(self._descriptor))
            os.ftruncate(self._descriptor, self._length)
            yield
        finally:
            os.close(self._descriptor)
            self._descriptor = None

    def append(self, record: Record) -> None:
        """Append a record, unbuffered, so a crash of this process does not lose it.

        If a full disk or a Ctrl-C interrupts the write, the partial line is removed.
        """
        assert self._descriptor is not None
        data = _line(record)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except BaseException as error:
            os.ftruncate(self._descriptor, self._length)
            if isinstance(error, OSError):
                raise OSError(error.errno, error.strerror, str(self.path)) from None
            raise
        self._length += written
        self.records[record.key] = record


def _line(record: Record) -> bytes:
    return (record.to_line() + "\n").encode()


def _record_or_fault(line: bytes) -> Record | str:
    try:
        return Record.from_line(line.decode())
    except UnicodeDecodeError:
        return "not text"
    except ValueError as error:
        return str(error)
