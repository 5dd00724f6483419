"""Where banks are kept, and how a file gets there whole."""

import atexit
import contextlib
import functools
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from fractalgen.mixing_set.layout import PART_PREFIX, PART_SUFFIX

__all__ = ["default_folder", "new_part", "put_in_place", "temporary_folder"]

_ABANDONED_SECONDS = 24 * 3600


def default_folder() -> Path:
    """Return the user's folder for caches, with one for fractalgen in it.

    ``$XDG_CACHE_HOME`` if it is set, else ``~/Library/Caches`` on macOS, ``%LOCALAPPDATA%`` on
    Windows, ``~/.cache`` elsewhere; the temporary folder of this process if there is no home.
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):  # noqa: PTH117 - a relative one is to be ignored
        return Path(named) / "fractalgen"
    local = os.environ.get("LOCALAPPDATA", "")
    if sys.platform == "win32" and local:
        return Path(local) / "fractalgen" / "Cache"
    try:
        home = Path.home()
    except RuntimeError:
        return temporary_folder()
    place = home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"
    return place / "fractalgen"


@functools.cache
def temporary_folder() -> Path:
    """Return a folder that goes with this process; its children use it and leave it alone."""
    folder = Path(tempfile.mkdtemp(prefix="fractalgen-"))
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


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
