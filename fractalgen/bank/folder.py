"""List the images in a folder, and compute a key that changes when one of them does."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fractalgen.errors import BankError
from fractalgen.images.formats import SUFFIXES

__all__ = ["CLASSES_FILE", "MANIFEST_FILE", "SET_FILE", "ImageFile", "content_key", "list_images"]

SET_FILE = "set.json"
MANIFEST_FILE = "manifest.jsonl"
CLASSES_FILE = "classes.jsonl"
_MAX_FOLDERS = 200_000
_HASH_FIELD = b'"file_sha256":"'
_NAME_FIELD = b'{"file":"'


class ImageFile(NamedTuple):
    """A file whose name has an image suffix.

    Attributes
    ----------
    name : str
        Path within the folder, with forward slashes.
    sha256 : str or None
        Hash of the file in a fractalgen set's manifest.
    n_bytes, modified : int
        Size, and modification time in nanoseconds, of a file that no manifest records. 0 for
        others, because querying the file system is slow for many files.
    """

    name: str
    sha256: str | None
    n_bytes: int = 0
    modified: int = 0


def list_images(folder: Path) -> list[ImageFile]:
    """Return the images in a folder and below it, sorted by name on every file system.

    Hidden files and folders, and files without an image suffix, are ignored. Links are followed,
    but not back into a folder that is being read.

    Raises
    ------
    BankError
        If the folder does not exist, cannot be read, holds no images, or has too many folders in
        it.
    """
    try:
        if not folder.is_dir():
            if folder.exists():
                raise BankError(f"{folder} is not a folder; use a folder of images")
            raise BankError(
                f"{folder} does not exist; use a folder of images, or draw a mixing set: "
                f"'fractalgen build-set {folder}'"
            )
        found = _found(folder, _recorded_hashes(folder))
    except OSError as error:
        place = error.filename or folder
        raise BankError(f"{place} cannot be read: {error.strerror or error}") from None
    if not found:
        raise BankError(
            f"{folder} holds no images: no file in it or below it has a name that ends in "
            f"{', '.join(sorted(SUFFIXES))}"
        )
    return sorted(found)


def _found(folder: Path, recorded: dict[str, str]) -> list[ImageFile]:
    """Return a folder's images, in any order.

    The number of folders is limited, because links between folders can multiply the paths.
    """
    found = []
    folders: list[tuple[str, str, tuple[tuple[int, int], ...]]] = [
        (os.fspath(folder), "", (_identity(folder),))
    ]
    n_folders = 0
    while folders:
        path, prefix, above = folders.pop()
        n_folders += 1
        if n_folders > _MAX_FOLDERS:
            raise BankError(
                f"{folder} has more than {_MAX_FOLDERS:,} folders in it; choose one that is closer "
                "to the images, or remove links that lead from folder to folder"
            )
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                name = prefix + entry.name
                if _is_folder(entry):
                    identity = _identity(entry.path)
                    if identity not in above:
                        folders.append((entry.path, name + "/", (*above, identity)))
                elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:  # noqa: PTH122 - faster
                    sha256 = recorded.get(name)
                    found.append(ImageFile(name, sha256) if sha256 else _image(entry, name))
    return found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False


def _image(entry: os.DirEntry[str], name: str) -> ImageFile:
    try:
        status = entry.stat()
    except OSError:  # listed anyway, so reading it reports the error
        return ImageFile(name, None)
    return ImageFile(name, None, status.st_size, status.st_mtime_ns)


def _identity(folder: Path | str) -> tuple[int, int]:
    status = os.stat(folder)  # noqa: PTH116 - of both kinds of path
    return status.st_dev, status.st_ino


def content_key(images: Sequence[ImageFile]) -> str:
    """Return 32 hexadecimal digits that identify the images.

    They depend on each image's name and recorded hash, or else on its size and modification time.
    So a copied set keeps its key, and adding, renaming, removing or redrawing an image changes it.
    """
    lines = [
        f"{name}\0{sha256 or f'{n_bytes} {modified}'}\0"
        for name, sha256, n_bytes, modified in images
    ]
    text = "".join(lines).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _recorded_hashes(folder: Path) -> dict[str, str]:
    """Return the hashes of a fractalgen set's files by name; an empty dict for other folders.

    Parsing whole records would make opening a bank too slow. Incomplete or unusual lines are
    skipped, and their images identified by modification time.
    """
    hashes: dict[bytes, bytes] = {}
    if not (folder / SET_FILE).is_file() or not (folder / MANIFEST_FILE).is_file():
        return {}  # it does not exist, or is a pipe, which would block
    try:
        with (folder / MANIFEST_FILE).open("rb") as lines:
            for line in lines:
                start = line.find(_HASH_FIELD) + len(_HASH_FIELD)
                whole = line.startswith(_NAME_FIELD) and line.endswith(b"\n")
                if whole and start >= len(_HASH_FIELD):
                    name = line[len(_NAME_FIELD) : line.find(b'"', len(_NAME_FIELD))]
                    hashes[name] = line[start : start + 64]
    except OSError:
        return {}
    return {_text(name): _text(sha256) for name, sha256 in hashes.items()}


def _text(data: bytes) -> str:
    return data.decode("ascii", "replace")
