"""Write files so that each is either complete or absent."""

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = [
    "atomic_file",
    "hidden_name",
    "is_leftover",
    "remove_leftovers",
    "spooled_file",
    "write_atomically",
]

# While a file is being written, it has a hidden name that no reader takes for an image's.
_PREFIX = ".fractalgen-"
_SUFFIX = ".part"

_ABANDONED_SECONDS = 24 * 3600


@contextlib.contextmanager
def atomic_file(path: Path, *, durable: bool = False, shared: bool = False) -> Iterator[IO[bytes]]:
    """Open a file for writing and reading that takes its place, whole, when the block ends.

    It is written under a hidden name in the same folder, which is made if necessary. If the block
    fails, nothing is left behind. `remove_leftovers` removes files that a crash left behind.

    Parameters
    ----------
    path : Path
        Replaced if it exists; a link is replaced, not followed.
    durable : bool
        Wait until the contents are on the disk.
    shared : bool
        Several processes can write this file at once: each uses its own name, and removes
        what killed ones left there more than a day ago.

    Raises
    ------
    OSError
        If the file cannot be written, with `path` as its file name.
    """
    name = f"{path.name}-{os.getpid()}-{secrets.token_hex(8)}" if shared else path.name
    part = path.parent / hidden_name(name)
    try:
        if shared:
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):
                remove_leftovers(path.parent, _ABANDONED_SECONDS)
        else:
            part.unlink(missing_ok=True)
        try:  # a Ctrl-C may come as soon as the file exists
            try:
                file = open(part, "x+b")  # noqa: SIM115, PTH123 - closed below; Path.open is slower
            except FileNotFoundError:
                path.parent.mkdir(exist_ok=True)
                file = part.open("x+b")
            with file:
                yield file
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            _replace(part, path, shared=shared)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
    except OSError as error:
        if error.filename in (None, str(part)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a whole file; see `atomic_file`."""
    with atomic_file(path, durable=durable) as file:
        file.write(data)


@contextlib.contextmanager
def spooled_file() -> Iterator[tuple[IO[bytes], Path]]:
    """Open a new file in the folder for temporary files; it is removed when the block ends.

    Those that killed processes left there more than a day ago are removed, too.

    Raises
    ------
    OSError
        If the file cannot be made.
    """
    folder = Path(tempfile.gettempdir())
    with contextlib.suppress(OSError):
        remove_leftovers(folder, _ABANDONED_SECONDS)
    descriptor, path = tempfile.mkstemp(_SUFFIX, _PREFIX, folder)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file, Path(path)
    finally:
        with contextlib.suppress(OSError):
            Path(path).unlink()


def hidden_name(name: str) -> str:
    """Return the name that a file has while it is being written."""
    return f"{_PREFIX}{name}{_SUFFIX}"


def is_leftover(name: str) -> bool:
    """Whether a file has the hidden name of one that is being written, or that a crash left."""
    return name.startswith(_PREFIX) and name.endswith(_SUFFIX)


def remove_leftovers(folder: Path, min_age_seconds: float = 0) -> None:
    """Remove what killed processes were writing into a folder, but not into folders below it."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are enough
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        part = folder / name
        if is_leftover(name) and not _is_folder(part):
            with contextlib.suppress(FileNotFoundError):
                if not min_age_seconds or part.lstat().st_mtime < time.time() - min_age_seconds:
                    part.unlink()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _replace(part: Path, path: Path, *, shared: bool) -> None:
    try:
        os.replace(part, path)  # noqa: PTH105
    except PermissionError:
        # Windows does not replace a file that a process has mapped, and that one is as good.
        if not shared or not path.exists():
            raise
