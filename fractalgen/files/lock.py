"""One process at a time in a folder, or at a file, by a lock that dies with its process."""

import contextlib
import errno
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fractalgen.errors import NotRegularError, SetError
from fractalgen.files.regular_file import check_no_links, require_regular

__all__ = ["LOCK_FILE", "held", "lock_for", "locked", "remove_lock"]

LOCK_FILE = ".fractalgen.lock"

_PATIENCE_SECONDS = 5.0
_POLL_SECONDS = 0.1
_SHORT_POLL_SECONDS = 0.02  # for locks that others hold for moments

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)

# Where the file system has no locks, later releases would leave a file that outlives a crash.
_OPTIONS: dict[str, Any] = {}
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
    if not _acquire(lock, folder, 0):
        raise SetError(f"another fractalgen{holder} is using {folder}; wait until it ends")
    try:
        with contextlib.suppress(OSError):  # a full disk; the number is only for the message
            path.write_text(str(os.getpid()))
        yield
    finally:
        with contextlib.suppress(OSError):
            os.truncate(path, 0)
        lock.release()


def remove_lock(folder: Path, *, and_folder: bool) -> None:
    """Remove the file of a lock that is held, and perhaps its folder if nothing else is in it."""
    with contextlib.suppress(OSError):
        (folder / LOCK_FILE).unlink()
        if and_folder:
            folder.rmdir()


@contextlib.contextmanager
def lock_for(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Wait until no other process holds the lock of a file, and hold it.

    The file need not exist. The lock is a hidden file beside it, which is removed at the end; that
    of a killed process stays, and is used again. On file systems without locks nothing is held.

    Parameters
    ----------
    path : Path
        The file that only one process should write.
    waiting : callable
        Called once if this takes more than a few seconds.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.lock")
    _check_lock_file(hidden)
    lock = FileLock(hidden, **_OPTIONS)
    if not _acquire(lock, path.parent, _PATIENCE_SECONDS):
        waiting()
        _acquire(lock, path.parent, -1)
    try:
        yield
    finally:
        # Who waits for the removed file and who makes a new one may go on at once, so both
        # should look whether there is still something to do.
        with contextlib.suppress(OSError):
            hidden.unlink()
        lock.release()


@contextlib.contextmanager
def held(path: Path, seconds: float = -1) -> Iterator[None]:
    """Wait for a lock, and hold it. Its file, `path`, stays.

    On file systems without locks nothing is held.

    Parameters
    ----------
    path : Path
        The lock's file.
    seconds : float
        How long to wait; without a limit if negative.

    Raises
    ------
    TimeoutError
        If another process holds the lock for longer.
    OSError
        If the folder cannot be written to.
    """
    lock = FileLock(path, **_OPTIONS)
    if not _acquire(lock, path.parent, seconds, _SHORT_POLL_SECONDS):
        raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock", str(path))
    try:
        yield
    finally:
        lock.release()


def _acquire(
    lock: FileLock, folder: Path, seconds: float, poll_seconds: float = _POLL_SECONDS
) -> bool:
    """Take a lock within some seconds, or without a limit if negative; return whether it is ours.

    Where there are no locks, act as if it were.
    """
    try:
        lock.acquire(timeout=seconds, poll_interval=poll_seconds)
    except Timeout:
        return False
    except NotImplementedError:  # an earlier release's sign for ENOSYS
        pass
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise OSError(error.errno, error.strerror, str(folder)) from None
    return True


def _check_lock_file(path: Path) -> None:
    check_no_links(path.parent, [path.name])
    with contextlib.suppress(FileNotFoundError):
        try:
            require_regular(path, path.stat())
        except NotRegularError as error:
            raise SetError(
                f"{path} cannot be used as a lock: {error.strerror}; remove it first"
            ) from None


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return f" (process {int(path.read_text())})"
    return ""
