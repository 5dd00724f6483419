"""Write files so that each is either whole or not there."""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = [
    "PART_PREFIX",
    "PART_SUFFIX",
    "new_part",
    "put_in_place",
    "remove_leftovers",
    "write_atomically",
]

PART_PREFIX = ".fractalgen-"
PART_SUFFIX = ".part"
"""A file that is being written has a hidden name, which no reader of images takes for one."""

_ABANDONED_SECONDS = 24 * 3600


@contextlib.contextmanager
def new_part(folder: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Open a hidden file of a name that no other process uses, for writing; make the folder.

    It is removed at the end unless `put_in_place` has moved it. What killed processes left a day
    ago or earlier is removed too.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder)
    unique = f"{os.getpid()}-{secrets.token_hex(8)}"
    part = folder / f"{PART_PREFIX}{unique}{PART_SUFFIX}"
    try:
        with part.open("xb") as file:
            yield part, file
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def put_in_place(part: Path, path: Path) -> None:
    """Rename a finished file, in one step.

    Windows refuses to replace a file that a process has mapped; that one is as good.
    """
    try:
        os.replace(part, path)  # noqa: PTH105
    except PermissionError:
        if not path.exists():
            raise


def _remove_abandoned(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for part in folder.glob(f"{PART_PREFIX}*{PART_SUFFIX}"):
            if time.time() - part.stat().st_mtime > _ABANDONED_SECONDS:
                part.unlink()


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file under a hidden name beside its own, then rename it.

    The folder is made if it is not there. Nothing is left behind by a failure; what a crash
    leaves is replaced the next time, and has a name that `remove_leftovers` knows.

    Parameters
    ----------
    path : Path
        Replaced if it exists; a link is replaced, not followed.
    data : bytes
        The contents.
    durable : bool
        Wait until the contents are on the disk.

    Raises
    ------
    OSError
        With `path` as its file name.
    """
    part = path.parent / f"{PART_PREFIX}{path.name}{PART_SUFFIX}"
    try:
        part.unlink(missing_ok=True)
        try:
            file = open(part, "xb")  # noqa: SIM115, PTH123 - closed below; Path.open is slower
        except FileNotFoundError:
            path.parent.mkdir(exist_ok=True)
            file = part.open("xb")
        try:
            with file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(part, path)  # noqa: PTH105
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed run was writing into this folder; does not look into folders below."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in list(os.scandir(folder)):
            ours = entry.name.startswith(PART_PREFIX) and entry.name.endswith(PART_SUFFIX)
            if ours and not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)  # noqa: PTH108
