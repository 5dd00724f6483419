"""A mixing set as a bank of small images, decoded once and memory-mapped."""

import operator
import os
import warnings
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import whole_number
from fractalgen.bank.file import BANK_VERSION, DamagedError, build_bank, read_bank
from fractalgen.bank.folder import ImageFile, content_key, list_images
from fractalgen.errors import (
    ArgumentError,
    BankError,
    ImageError,
    UnreadableImagesError,
    unreadable,
)
from fractalgen.files.cache_folder import default_folder, temporary_folder
from fractalgen.images.decoding import read_square
from fractalgen.pool import default_workers
from fractalgen.registry import shown

__all__ = ["MixingSet"]

_MAX_SIDE = 8192
_MAX_WORKERS = 1024


class MixingSet:
    """A read-only bank of images of one size, which IPMix mixes into training images.

    The first time a folder is opened at a size, several threads decode and resize its images
    into one cache file; after that the file is only memory-mapped. Processes on one machine share
    its pages, and a bank is pickled as a path, so worker processes hold no copy, however they are
    started.

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
        don't have an image suffix are ignored.
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
        The images' paths within the folder, sorted; image ``i`` comes from ``files[i]``.
    array : memmap of uint8, shape (n, size, size, 3)
        All images, RGB, read-only.
    path : Path
        The cache file, which ``numpy.load`` can also read.

    Raises
    ------
    ArgumentError
        If an argument is out of range or has the wrong type.
    BankError
        If the folder does not exist or holds no images, or the bank cannot be written to
        `cache_dir`.
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
        size = whole_number("size", size, 1, _MAX_SIDE)
        workers = default_workers() if workers is None else workers
        workers = whole_number("workers", workers, 1, _MAX_WORKERS)
        if not isinstance(skip_unreadable, bool):
            raise ArgumentError(
                f"skip_unreadable must be True or False, not {shown(skip_unreadable)}"
            )
        source = _as_path("folder", folder)
        place = default_folder() if cache_dir is None else _as_path("cache_dir", cache_dir)
        images = list_images(source)
        key = content_key(images)

        def made_in(place: Path) -> Path:
            path = place / f"bank{BANK_VERSION}-{size}-{key}.npy"
            if not _is_current(path, source, images):
                build_bank(
                    source, images, size, path, skip_unreadable=skip_unreadable, workers=workers
                )
            return path

        try:
            path = made_in(place)
        except OSError as error:
            reason = f"cannot keep the bank in {place}: {error.strerror or error}"
            if cache_dir is not None:
                raise BankError(f"{reason}; choose another folder with cache_dir") from None
            temporary = temporary_folder()
            warnings.warn(
                f"{reason}. It is kept in {temporary} until this process ends, and built again "
                "next time; name a folder for it by cache_dir.",
                stacklevel=2,
            )
            path = made_in(temporary)
        self._open(source, path)
        refused = self._contents.refused
        if refused and not skip_unreadable:
            raise UnreadableImagesError(str(source), refused)
        if refused:
            message = unreadable(str(source), refused)
            warnings.warn(f"{message}\nThe bank does not contain them.", stacklevel=2)

    def _open(self, folder: Path, path: Path) -> None:
        self._folder = folder
        self.path = path.absolute()
        try:
            self.array, self._contents = read_bank(path)
        except (OSError, DamagedError) as error:
            reason = getattr(error, "strerror", None) or error
            raise BankError(
                f"the bank of {folder} cannot be read from {path}: {reason}; open the folder again"
            ) from None
        self._images = self.array.view(np.ndarray)

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
        return f"<MixingSet {str(self._folder)!r}: {n_images}>"

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self._folder, "path": self.path, "key": self._contents.key}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._open(state["folder"], state["path"])
        if self._contents.key != state["key"]:
            raise BankError(f"{self.path} is no longer the bank of {self._folder}; open it again")


def _as_path(name: str, path: Any) -> Path:
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ArgumentError(f"{name} must be a path, not {shown(path)}")
    return Path(text)


def _is_current(path: Path, folder: Path, images: list[ImageFile]) -> bool:
    """Whether the file is complete, and the images that it lacks still cannot be read."""
    try:
        contents = read_bank(path)[1]
    except (OSError, DamagedError):
        return False
    left_out = dict(contents.refused)
    refused = []
    for name, sha256, *_ in images:
        if name in left_out:
            try:
                read_square(folder / name, contents.size, sha256)
            except ImageError as error:
                refused.append((name, str(error)))
    return tuple(refused) == contents.refused
