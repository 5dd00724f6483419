"""Read files that end: a pipe would be waited for, and a device never ends."""

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

from fractalgen.errors import NotRegularError, SetError

__all__ = ["check_no_links", "file_hash", "open_regular", "read_regular", "require_regular"]

_CHUNK_BYTES = 1 << 20

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
# Don't wait for a pipe's writer, and don't let a terminal take this process over.
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
)


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading, buffered; links are followed.

    Raises
    ------
    NotRegularError
        If it is a folder, a pipe, a socket or a device.
    OSError
        If it cannot be opened. The `filename` of both is `path`.
    """
    require_regular(path, os.stat(path))  # noqa: PTH116 - opening a device may do something to it
    descriptor = os.open(path, _FLAGS)
    try:
        require_regular(path, os.fstat(descriptor))  # it may be another by now
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """Return a file's contents; raises what `open_regular` does."""
    with open_regular(path) as file:
        return file.read()


def file_hash(path: str | os.PathLike[str], algorithm: str = "sha256") -> str:
    """Return the hexadecimal hash of a file's contents, by one of `hashlib`'s algorithms."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def require_regular(path: str | os.PathLike[str], status: os.stat_result) -> None:
    """Raise NotRegularError unless a path's status is that of a regular file."""
    mode = status.st_mode
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise NotRegularError(number, f"it is {kind}, not a file", os.fspath(path))


def check_no_links(folder: Path, names: list[str]) -> None:
    """Raise SetError if one of a folder's own files or folders is a link, which may lead outside.

    The folder may itself be a link. Names that do not exist are fine.
    """
    for name in names:
        path = folder / name
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(mode):
            raise SetError(f"{path} is a link that may lead out of the set; remove it first")
