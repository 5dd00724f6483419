"""One build at a time in a folder, by a lock that dies with its process."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from fractalgen.errors import NotRegularError, SetError
from fractalgen.files.regular_file import check_no_links, require_regular

__all__ = ["LOCK_FILE", "locked"]

LOCK_FILE = ".fractalgen.lock"

_BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # beyond the text, which stays readable
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock.

    The system frees the lock when its process ends in whatever way; the hidden file stays, empty.
    On file systems that have no locks nothing is held.

    Raises
    ------
    SetError
        If another process holds it; the message gives its number.
    """
    check_no_links(folder, [LOCK_FILE])
    path = folder / LOCK_FILE
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None
    try:
        _require_lock_file(path, descriptor)
        try:
            _take(descriptor)
        except OSError as error:
            if error.errno in _BUSY:
                raise SetError(_refusal(folder, path)) from None
            if error.errno not in _NO_LOCKS:
                raise
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        with contextlib.suppress(OSError):  # a full disk; the number is only for the message
            os.write(descriptor, str(os.getpid()).encode())
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _require_lock_file(path: Path, descriptor: int) -> None:
    try:
        require_regular(path, os.fstat(descriptor))
    except NotRegularError as error:
        raise SetError(f"{path} cannot be a lock: {error.strerror}; remove it first") from None


def _refusal(folder: Path, path: Path) -> str:
    holder = ""
    with contextlib.suppress(OSError, ValueError):
        holder = f" (process {int(path.read_text())})"
    return f"another fractalgen{holder} is at work in {folder}; wait for it to end"
