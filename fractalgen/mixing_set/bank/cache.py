"""How a file gets into a cache folder whole."""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from fractalgen.mixing_set.layout import PART_PREFIX, PART_SUFFIX

__all__ = ["new_part", "put_in_place"]

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
