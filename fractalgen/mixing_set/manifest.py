"""The manifest: a line per image, appended when its file is in place."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from fractalgen.bank.folder import MANIFEST_FILE
from fractalgen.errors import SetError
from fractalgen.files.atomic import write_atomically
from fractalgen.files.regular_file import check_no_links, read_regular, require_regular
from fractalgen.mixing_set.layout import Key
from fractalgen.mixing_set.recipe import family_order
from fractalgen.mixing_set.record import Record

__all__ = [
    "Appender",
    "Manifest",
    "canonical_order",
    "read_manifest",
    "require_sound",
    "write_manifest",
]


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was read.

    Attributes
    ----------
    records : dict from (family, index) to Record
        Of an image with several lines, the last.
    bad_lines : tuple of (int, str)
        Number and fault of each line that is no image's record.
    sound_bytes : int
        Length of the file less a torn last line, which a crash while writing leaves.
    torn : bool
        Whether there is such a line.
    """

    records: dict[Key, Record]
    bad_lines: tuple[tuple[int, str], ...] = ()
    sound_bytes: int = 0
    torn: bool = False


def read_manifest(folder: Path) -> Manifest:
    """Read a set's manifest; an empty one if there is none.

    Raises
    ------
    SetError
        If the manifest is a link, which may lead anywhere.
    OSError
        If it cannot be read.
    """
    check_no_links(folder, [MANIFEST_FILE])
    try:
        data = read_regular(folder / MANIFEST_FILE)
    except FileNotFoundError:
        return Manifest({})
    records: dict[Key, Record] = {}
    bad_lines = []
    lines = data.split(b"\n")
    tail = lines.pop()
    for number, line in enumerate(lines, 1):
        record = _record_or_fault(line)
        if isinstance(record, Record):
            records[record.key] = record
        else:
            bad_lines.append((number, record))
    return Manifest(records, tuple(bad_lines), len(data) - len(tail), bool(tail))


def _record_or_fault(line: bytes) -> Record | str:
    try:
        return Record.from_line(line.decode())
    except UnicodeDecodeError:
        return "not text"
    except ValueError as error:
        return str(error)


def require_sound(folder: Path, manifest: Manifest) -> None:
    """Raise SetError for the first line that is no image's record; a torn last is no fault."""
    if manifest.bad_lines:
        number, reason = manifest.bad_lines[0]
        raise SetError(
            f"{folder / MANIFEST_FILE}, line {number}: {reason}. "
            f"'fractalgen build-set {folder} --repair' leaves such lines out and redraws."
        )


def canonical_order(records: Mapping[Key, Record]) -> list[Record]:
    """Return the records by family, in the registry's order, and index."""
    return [records[key] for key in sorted(records, key=lambda k: (family_order(k[0]), k[1]))]


def write_manifest(folder: Path, records: Iterable[Record]) -> int:
    """Replace the manifest by these records, in one step, and return its length in bytes."""
    data = "".join(record.to_line() + "\n" for record in records).encode()
    path = folder / MANIFEST_FILE
    if not path.exists() or read_regular(path) != data:
        write_atomically(path, data, durable=True)
    return len(data)


class Appender:
    """Appends records; each line is in the operating system's hands when the call returns."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        flags |= getattr(os, "O_NONBLOCK", 0)
        self._path = folder / MANIFEST_FILE
        self._descriptor = os.open(self._path, flags, 0o666)
        self._length = manifest.sound_bytes
        try:
            require_regular(self._path, os.fstat(self._descriptor))
            os.ftruncate(self._descriptor, self._length)
        except BaseException:
            os.close(self._descriptor)
            raise

    def append(self, record: Record) -> None:
        """Write one line whole; what a full disk or a Ctrl-C leaves of it is taken back."""
        data = (record.to_line() + "\n").encode()
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except BaseException as error:
            os.ftruncate(self._descriptor, self._length)
            if isinstance(error, OSError):
                raise OSError(error.errno, error.strerror, str(self._path)) from None
            raise
        self._length += written

    def __enter__(self) -> "Appender":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)
