"""Where things are in a set's folder, and what may not be there."""

import re
from collections.abc import Sequence

__all__ = [
    "FAMILY_NAME",
    "MAX_INDEX",
    "Key",
    "first_few",
    "image_file",
    "parse_image_file",
]


MAX_INDEX = 1_000_000
"""Indices stay below this, so that six digits sort as text as they do as numbers."""

FAMILY_NAME = re.compile(r"[a-z][a-z0-9-]*")
"""What a family's folder may be called: no such name leads out of the set."""

Key = tuple[str, int]
"""An image's family and its index."""

_IMAGE_FILE = re.compile(rf"({FAMILY_NAME.pattern})/([0-9]{{6}})\.(jpg|png|webp)")


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
