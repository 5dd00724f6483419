"""Where things are in a set's folder, and what may not be there."""

import re
import stat
from collections.abc import Sequence
from pathlib import Path

__all__ = [
    "FAMILY_NAME",
    "FORMATS",
    "LOCK_FILE",
    "MANIFEST_FILE",
    "MAX_INDEX",
    "MAX_SIDES",
    "PART_PREFIX",
    "PART_SUFFIX",
    "SET_FILE",
    "Key",
    "SetError",
    "check_no_links",
    "first_few",
    "image_file",
    "parse_image_file",
]

SET_FILE = "set.json"
MANIFEST_FILE = "manifest.jsonl"
LOCK_FILE = ".fractalgen.lock"
PART_PREFIX = ".fractalgen-"
PART_SUFFIX = ".part"
"""A file that is being written has a hidden name, which no reader of images takes for one."""

FORMATS = {"jpeg": "jpg", "png": "png", "webp": "webp"}
"""The images' formats and the ends of their files' names."""

MAX_SIDES = {"jpeg": 65_500, "webp": 16_383}
"""Pixels a side that a format can hold."""

MAX_INDEX = 1_000_000
"""Indices stay below this, so that six digits sort as text as they do as numbers."""

FAMILY_NAME = re.compile(r"[a-z][a-z0-9-]*")
"""What a family's folder may be called: no such name leads out of the set."""

Key = tuple[str, int]
"""An image's family and its index."""

_IMAGE_FILE = re.compile(rf"({FAMILY_NAME.pattern})/([0-9]{{6}})\.(jpg|png|webp)")


class SetError(Exception):
    """A set that cannot be built, read or checked; the message says why and what to do."""


def image_file(family: str, index: int, extension: str) -> str:
    """Return an image's path within its set, such as ``ifs/000017.jpg``."""
    return f"{family}/{index:06d}.{extension}"


def parse_image_file(file: str) -> Key:
    """Return the family and the index that an image's path within its set stands for.

    Raises
    ------
    ValueError
        If it is not such a path. No path that passes leaves the set.
    """
    match = _IMAGE_FILE.fullmatch(file)
    if match:
        return match[1], int(match[2])
    if file.startswith(("/", "\\")) or "\\" in file or ":" in file or ".." in file.split("/"):
        raise ValueError(f"the path {file!r} leaves the set")
    raise ValueError(f"{file!r} is not the path of a set's image")


def first_few(files: Sequence[str]) -> str:
    """Name the first five of the files, and say how many more there are."""
    more = f" and {len(files) - 5:,} more" if len(files) > 5 else ""
    return ", ".join(files[:5]) + more


def check_no_links(folder: Path, names: list[str]) -> None:
    """Raise SetError if one of the set's own files or folders is a link, which may lead outside.

    Parameters
    ----------
    folder : Path
        The set. It may itself be a link.
    names : list of str
        Files and folders directly inside it; those that do not exist are fine.
    """
    for name in names:
        path = folder / name
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(mode):
            raise SetError(f"{path} is a link that may lead out of the set; remove it first")
