"""A mixing set as a bank of small images, decoded once and memory-mapped."""

import contextlib
import operator
import os
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import whole_number
from fractalgen.bank.cache import cached_bank
from fractalgen.bank.file import Contents, DamagedError, read_bank
from fractalgen.bank.sharded import ShardList
from fractalgen.bank.source import as_place, open_source
from fractalgen.bank.stream import windows
from fractalgen.errors import (
    ArgumentError,
    BankError,
    UnreadableImagesError,
    unreadable,
)
from fractalgen.files.location import open_location
from fractalgen.pool import default_workers
from fractalgen.registry import shown

__all__ = ["MixingSet"]

_MAX_SIDE = 8192
_MAX_WORKERS = 1024
_MAX_BUFFER = 1 << 31
_MAX_SEED = (1 << 63) - 1


class MixingSet:
    """A read-only bank of images of one size, which IPMix mixes into training images.

    The first time a folder is opened at a size, several threads decode and resize its images
    into one cache file; after that the file is only memory-mapped. Processes on one machine share
    its pages, and a bank is pickled as a path, so worker processes hold no copy, however they are
    started. If several processes open a folder at once, one makes the cache file, and the others
    wait for it; if it fails or is killed, the next one takes over.

    Each image is resized with Pillow's bicubic filter until its shorter side has `size` pixels,
    and cropped to its centre. Transparent parts become black, and the EXIF orientation is applied.

    The cache file is rebuilt when an image is added, removed, renamed or changed. Changes are
    detected by names, sizes and modification times; in a fractalgen set by the hashes in the
    manifest, which every file must match when the bank is built. Older cache files stay; you can
    delete them when no program is using them.

    Parameters
    ----------
    folder : str or path
        A fractalgen set or any folder of images, nested or flat. Hidden files and files that
        don't have an image suffix are ignored. Also the URL of a fractalgen set in shards, such as
        ``s3://bucket/set``; of an opened set, only the shards' indexes are read.
    size : int
        Side of the bank's images in pixels, at most 8192. A little more than the side of the
        training images leaves room for random crops.
    skip_unreadable : bool
        Skip images that cannot be read, with a warning that names them, instead of raising
        `UnreadableImagesError`.
    cache_dir : str, path or None
        Folder for the cache file. None for ``fractalgen`` in ``$XDG_CACHE_HOME`` or in the
        system's cache folder. If that cannot be written, a temporary folder is used until the
        process ends, with a warning.
    workers : int or None
        Number of threads that decode images; None for one per CPU core.

    Attributes
    ----------
    size : int
        Side of the images in pixels.
    digest : str
        32 hexadecimal digits that identify the folder's images at any size. They change when an
        image is added, removed, renamed or changed.
    files : tuple of str
        The images' paths within the set, sorted; image ``i`` comes from ``files[i]``.
    array : memmap of uint8, shape (n, size, size, 3)
        All images, RGB, read-only.
    path : Path or None
        The cache file, which ``numpy.load`` can also read; None for a window of a stream.

    Raises
    ------
    ArgumentError
        If an argument is out of range or has the wrong type.
    BankError
        If the folder does not exist or holds no images, an index of its shards is damaged, or the
        bank cannot be written to `cache_dir`.
    UnreadableImagesError
        If images cannot be read; its `refused` lists their names and the reasons.

    Examples
    --------
    >>> bank = MixingSet("ipmix-set", size=36)  # doctest: +SKIP
    >>> bank[0].shape  # doctest: +SKIP
    (36, 36, 3)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        size: int = 36,
        *,
        skip_unreadable: bool = False,
        cache_dir: str | os.PathLike[str] | None = None,
        workers: int | None = None,
    ) -> None:
        size, workers, skip_unreadable = _checked(size, workers, skip_unreadable)
        source = open_source(as_place("folder", folder))
        path = cached_bank(
            source,
            size,
            None if cache_dir is None else _as_path("cache_dir", cache_dir),
            skip_unreadable=skip_unreadable,
            workers=workers,
        )
        self._open(source.name, path)
        refused = self._contents.refused
        if refused and not skip_unreadable:
            raise UnreadableImagesError(source.name, refused)
        self._warn_of_skipped(stacklevel=3)

    @classmethod
    def stream(
        cls,
        folder: str | os.PathLike[str],
        size: int = 36,
        buffer: int = 10_000,
        seed: int = 0,
        *,
        skip_unreadable: bool = False,
        workers: int | None = None,
    ) -> "Generator[MixingSet, None, None]":
        """Go through a set that is larger than the disk, window by window, without an end.

        Each window is a `MixingSet` of some of the images, held in memory only. A thread prepares
        the next one while you use the last. The shards are read one after the other, in an order
        that the seed decides; each pass through the set has another order, and every image once.
        The same seed gives the same windows. Nothing is written to the disk.

        Closing the iterator, or dropping it, stops the thread.

        Parameters
        ----------
        folder : str or path
            A fractalgen set in shards: its folder or its URL.
        size : int
            Side of the images in pixels, at most 8192.
        buffer : int
            Number of images in a window. The last two windows of a pass share what is left, so
            each has at least half of this. Two windows are in memory at a time, besides those that
            you keep. Shards of a family hold only that family, so a window of several shards is
            more varied.
        seed : int
            Decides the order. Give each process of a training its own.
        skip_unreadable, workers
            As for `MixingSet`.

        Yields
        ------
        MixingSet
            Its `path` is None. Pickling it copies the images.

        Raises
        ------
        ArgumentError
            If an argument is out of range or has the wrong type.
        BankError
            If the place holds no shards, or an index is damaged.
        UnreadableImagesError
            When a window has images that cannot be read; its `refused` lists their names and the
            reasons.

        Examples
        --------
        >>> for window in MixingSet.stream("s3://bucket/set"):  # doctest: +SKIP
        ...     aug = fg.IPMix(window)  # and some hundred steps with it
        """
        size, workers, skip_unreadable = _checked(size, workers, skip_unreadable)
        buffer = whole_number("buffer", buffer, 1, _MAX_BUFFER)
        seed = whole_number("seed", seed, 0, _MAX_SEED)
        shards = ShardList(open_location(as_place("folder", folder)))

        def sets() -> Generator[MixingSet, None, None]:
            found = windows(
                shards, size, buffer, seed, skip_unreadable=skip_unreadable, workers=workers
            )
            with contextlib.closing(found):
                for pixels, contents in found:
                    window = cls.__new__(cls)
                    window._hold(shards.location.name, pixels, contents)
                    window._warn_of_skipped(stacklevel=3)
                    yield window

        return sets()

    def _warn_of_skipped(self, stacklevel: int) -> None:
        if self._contents.refused:
            message = unreadable(self._name, self._contents.refused)
            warnings.warn(f"{message}\nThe bank does not contain them.", stacklevel=stacklevel)

    def _open(self, name: str, path: Path) -> None:
        try:
            array, contents = read_bank(path)
        except (OSError, DamagedError) as error:
            reason = getattr(error, "strerror", None) or error
            raise BankError(
                f"the bank of {name} cannot be read from {path}: {reason}; open the folder again"
            ) from None
        self._hold(name, array, contents, path.absolute())

    def _hold(
        self, name: str, array: NDArray[np.uint8], contents: Contents, path: Path | None = None
    ) -> None:
        self._name = name
        self.path = path
        self.array = array
        self._contents = contents
        self._images = array.view(np.ndarray)

    @property
    def size(self) -> int:
        """Side of the images in pixels."""
        return self._contents.size

    @property
    def digest(self) -> str:
        """32 hexadecimal digits that identify the folder's images at any size."""
        return self._contents.key

    @property
    def files(self) -> tuple[str, ...]:
        """The images' paths within the folder, in the bank's order."""
        return self._contents.files

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: SupportsIndex) -> NDArray[np.uint8]:
        """Return image `index` as a read-only view of shape (size, size, 3)."""
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"the bank has {len(self):,} images and none at {place}")
        image: NDArray[np.uint8] = self._images[place]
        return image

    def __repr__(self) -> str:
        n_images = f"{len(self):,} images of {self.size} x {self.size}"
        return f"<MixingSet {self._name!r}: {n_images}>"

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"name": self._name, "path": self.path}
        if self.path is None:
            return state | {"array": self._images, "contents": self._contents}
        return state | {"key": self._contents.key}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state["path"] is None:
            state["array"].flags.writeable = False
            self._hold(state["name"], state["array"], state["contents"])
            return
        self._open(state["name"], state["path"])
        if self._contents.key != state["key"]:
            raise BankError(f"{self.path} is no longer the bank of {self._name}; open it again")


def _checked(size: Any, workers: Any, skip_unreadable: Any) -> tuple[int, int, bool]:
    size = whole_number("size", size, 1, _MAX_SIDE)
    workers = default_workers() if workers is None else workers
    workers = whole_number("workers", workers, 1, _MAX_WORKERS)
    if not isinstance(skip_unreadable, bool):
        raise ArgumentError(f"skip_unreadable must be True or False, not {shown(skip_unreadable)}")
    return size, workers, skip_unreadable


def _as_path(name: str, path: Any) -> Path:
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ArgumentError(f"{name} must be a path, not {shown(path)}")
    return Path(text)
