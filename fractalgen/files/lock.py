"""One process at a time in a folder, by a lock that dies with its process."""

import contextlib
import errno
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fractalgen.errors import NotRegularError, SetError
from fractalgen.files.regular_file import check_no_links, require_regular

__all__ = ["LOCK_FILE", "locked"]

LOCK_FILE = ".fractalgen.lock"

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)

# Where the file system has no locks, later releases would leave a file that outlives a crash.
_OPTIONS: dict[str, Any] = {"timeout": 0}
if "fallback_to_soft" in inspect.signature(FileLock.__init__).parameters:
    _OPTIONS["fallback_to_soft"] = False


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock.

    The system releases it when the process ends, however it ends. On file systems without locks
    nothing is held. While the lock is held, its hidden file contains the holder's process number.

    Raises
    ------
    SetError
        If another process holds the lock, or the lock's file is a link or no file.
    """
    path = folder / LOCK_FILE
    _check_lock_file(path)
    holder = _holder(path)  # before trying: earlier releases of filelock empty the file
    lock = FileLock(path, **_OPTIONS)
    try:
        lock.acquire()
    except Timeout:
        raise SetError(
            f"another fractalgen{holder} is at work in {folder}; wait for it to end"
        ) from None
    except NotImplementedError:  # an earlier release's sign for ENOSYS
        pass
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise OSError(error.errno, error.strerror, str(folder)) from None
    try:
        with contextlib.suppress(OSError):  # a full disk; the number is only for the message
            path.write_text(str(os.getpid()))
        yield
    finally:
        with contextlib.suppress(OSError):
            os.truncate(path, 0)
        lock.release()


def _check_lock_file(path: Path) -> None:
    check_no_links(path.parent, [path.name])
    with contextlib.suppress(FileNotFoundError):
        try:
            require_regular(path, path.stat())
        except NotRegularError as error:
            raise SetError(f"{path} cannot be a lock: {error.strerror}; remove it first") from None


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return f" (process {int(path.read_text())})"
    return ""
