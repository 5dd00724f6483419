"""Where an image lies in its set: a folder, which is a family or a class, and a number in it."""

import re

__all__ = [
    "FOLDER_NAME",
    "MAX_INDEX",
    "Key",
    "class_folder",
    "class_number",
    "image_file",
    "parse_image_file",
]

MAX_INDEX = 1_000_000
"""Indices stay below this, so file names with six digits sort like numbers."""

FOLDER_NAME = re.compile(r"[a-z][a-z0-9-]*")
"""Valid names of a family's folder; none of them leads out of the set."""

Key = tuple[str, int]
"""An image's folder and its number there: a family and an index, or a class and an instance."""

_IMAGE_FILE = re.compile(rf"({FOLDER_NAME.pattern})/([0-9]{{6}})\.(jpg|png|webp)")
_CLASS_FOLDER = re.compile(r"class-([0-9]{6})")


def class_folder(number: int) -> str:
    """Return the name of a class's folder, such as ``class-000123``."""
    return f"class-{number:06d}"


def class_number(folder: str) -> int | None:
    """Return the number of the class that a folder holds; None for the folder of a family."""
    match = _CLASS_FOLDER.fullmatch(folder)
    return int(match[1]) if match else None


def image_file(folder: str, index: int, extension: str) -> str:
    """Return an image's path within its set, such as ``ifs/000017.jpg``."""
    return f"{folder}/{index:06d}.{extension}"


def parse_image_file(file: str) -> Key:
    """Return the folder and the number in an image's path within its set.

    Raises
    ------
    ValueError
        If it is not such a path. Paths that lead out of the set are refused.
    """
    match = _IMAGE_FILE.fullmatch(file)
    if match:
        return match[1], int(match[2])
    if file.startswith(("/", "\\")) or "\\" in file or ":" in file or ".." in file.split("/"):
        raise ValueError(f"the path {file!r} leads out of the set")
    raise ValueError(f"{file!r} is not the path of an image in a set")
