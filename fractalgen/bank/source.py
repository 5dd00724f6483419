"""Where a bank's images come from: any folder of images, or a set in shards."""

import os
import re
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from fractalgen.bank.folder import ImageFile, list_images
from fractalgen.bank.sharded import ImagesInShards, ShardList
from fractalgen.errors import ArgumentError, FractalgenError
from fractalgen.files.location import open_location
from fractalgen.images.decoding import read_image_file
from fractalgen.registry import shown

__all__ = [
    "ImagesInFolder",
    "Place",
    "Reading",
    "Source",
    "as_place",
    "holds_shards",
    "is_there",
    "open_source",
    "recorded_place",
]

Place: TypeAlias = Path | str
"""Where a set lies: a path, or a URL as text, because `Path` would drop one of its slashes."""

Reading: TypeAlias = tuple[int, Callable[[], bytes]]
"""The place of an image in a source, and what reads its file or raises ImageError."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://")


class Source(Protocol):
    """A number of images that can be read."""

    name: str
    """The path or URL as messages show it."""

    @property
    def images(self) -> Sequence[ImageFile]:
        """The images, sorted by name."""

    def read(self, image: ImageFile) -> bytes:
        """Read an image's file; ImageError if it cannot be read or does not have its hash."""

    def parts(self, n: int) -> Generator[Sequence[Reading], None, None]:
        """Yield all images once, in the order in which they are stored, up to `n` at a time."""


class ImagesInFolder:
    """The images in a folder and below it; see `list_images`."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self.images = list_images(folder)
        self._folder = folder

    def read(self, image: ImageFile) -> bytes:
        """Read an image's file; ImageError if it cannot be read or does not have its hash."""
        return read_image_file(self._folder / image.name, image.sha256)

    def parts(self, n: int) -> Generator[Sequence[Reading], None, None]:
        """Yield all images once, up to `n` at a time."""
        for start in range(0, len(self.images), n):
            some = self.images[start : start + n]
            yield [(row, partial(self.read, image)) for row, image in enumerate(some, start)]


def recorded_place(place: Place) -> str:
    """Return a place as it is recorded: a URL as it is, a folder with its whole path."""
    return str(place.absolute()) if isinstance(place, Path) else place


def as_place(name: str, place: Any) -> Place:
    """Return a path or a URL; ArgumentError, with the argument's name, for anything else."""
    text = os.fspath(place) if isinstance(place, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ArgumentError(f"{name} must be a path, not {shown(place)}")
    return text if _URL.match(text) else Path(text)


def open_source(place: Place) -> Source:
    """List the images in a place.

    Raises
    ------
    BankError
        If it does not exist, cannot be read, or holds no images.
    """
    location = open_location(place)
    if location.folder is not None and not holds_shards(location.folder):
        return ImagesInFolder(location.folder)
    return ImagesInShards.of(location)


def is_there(place: Place) -> bool:
    """Whether a place is a folder, or a URL with shards that can be reached."""
    try:
        location = open_location(place)
        return bool(ShardList(location)) if location.folder is None else location.folder.is_dir()
    except (FractalgenError, OSError):
        return False


def holds_shards(folder: Path) -> bool:
    """Whether a folder of this machine is a sharded set."""
    try:
        return any(folder.glob("shard-[0-9]*.jsonl"))
    except OSError:  # which listing its images reports
        return False
