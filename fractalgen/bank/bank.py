"""The mixing set as its users read it: small images, decoded once, mapped into memory."""

import operator
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import whole_number
from fractalgen.bank.building import build_bank, refusals
from fractalgen.bank.file import BANK_VERSION, About, DamagedError, read_bank
from fractalgen.bank.folder import ImageFile, content_key, list_images
from fractalgen.errors import BankError, UnreadableImagesError, unreadable
from fractalgen.files.cache_folder import default_folder, temporary_folder
from fractalgen.pool import default_workers
from fractalgen.registry import shown

__all__ = ["MixingSet"]

_LARGEST_SIDE = 8192
_MOST_WORKERS = 1024


class MixingSet:
    """A read-only bank of images, all of one size: what IPMix mixes into a photograph.

    The first time a folder is opened at a size, its images are decoded and resized by several
    threads into one cache file; afterwards the file is only mapped into memory. Processes on one
    machine share those pages, and a pickled bank is a path, so workers started by fork, spawn or
    forkserver hold no copy.

    An image's shorter side is brought to `size` (Pillow's bicubic filter, which averages where
    it makes smaller), and its centre is kept. What is smaller is enlarged. Transparent parts lie
    over black, a camera's orientation is applied.

    The cache file is made anew when an image is added, removed, renamed or changed. That is
    known by names, lengths and times of change; in a fractalgen set by the hashes in its
    manifest, which every file has to match when the bank is made. Files of earlier contents
    stay; any of them may be deleted when no program uses it.

    Parameters
    ----------
    folder : str or path
        A fractalgen set or any folder of images, nested or flat. Hidden files and files whose
        names do not end as an image's are ignored.
    size : int
        Side of the bank's images in pixels, 8192 at most. A little more than the training
        images' side leaves room for random crops.
    skip_unreadable : bool
        Leave out images that cannot be read, with a warning that names them, where otherwise
        `UnreadableImagesError` names them all.
    cache_dir : str, path or None
        Folder for the cache file. None is ``fractalgen`` in ``$XDG_CACHE_HOME``, ``~/.cache``,
        or what the system has instead; where that cannot be written to, a temporary folder is
        used until the process ends, with a warning.
    workers : int or None
        Threads that decode; None is one per processor.

    Attributes
    ----------
    size : int
        Side of the images in pixels.
    files : tuple of str
        The images' paths within the folder, sorted; image ``i`` is of ``files[i]``.
    array : memmap of uint8, shape (n, size, size, 3)
        All images, RGB, read-only.
    path : Path
        The cache file, which ``numpy.load`` reads too.

    Raises
    ------
    ValueError
        `size`, `workers` or a path is out of its range, or of another kind.
    BankError
        A `ValueError`: there is no such folder, it holds no images, or the bank cannot be
        written to `cache_dir`.
    UnreadableImagesError
        A `BankError`: images cannot be read; its `refused` has their names and the reasons.

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
        size = whole_number("size", size, 1, _LARGEST_SIDE)
        workers = default_workers() if workers is None else workers
        workers = whole_number("workers", workers, 1, _MOST_WORKERS)
        if not isinstance(skip_unreadable, bool):
            raise ValueError(f"skip_unreadable must be True or False, not {shown(skip_unreadable)}")
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
                raise BankError(f"{reason}; name another folder by cache_dir") from None
            temporary = temporary_folder()
            warnings.warn(
                f"{reason}. It goes to {temporary} until this process ends, and is made anew next "
                "time; name a folder to keep it by cache_dir.",
                stacklevel=2,
            )
            path = made_in(temporary)
        self._open(source, path)
        refused = self._about.refused
        if refused and not skip_unreadable:
            raise UnreadableImagesError(str(source), refused)
        if refused:
            message = unreadable(str(source), refused)
            warnings.warn(f"{message}\nThe bank is without them.", stacklevel=2)

    def _open(self, folder: Path, path: Path) -> None:
        self._folder = folder
        self.path = path.absolute()
        try:
            self.array, self._about = read_bank(path)
        except (OSError, DamagedError) as error:
            reason = getattr(error, "strerror", None) or error
            raise BankError(
                f"the bank of {folder} cannot be read from {path}: {reason}; open the folder again"
            ) from None
        self._images = self.array.view(np.ndarray)

    @property
    def size(self) -> int:
        """Side of the images in pixels."""
        return self._about.size

    @property
    def files(self) -> tuple[str, ...]:
        """The images' paths within the folder, in the bank's order."""
        return self._about.files

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
        return {"folder": self._folder, "path": self.path, "key": self._about.key}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._open(state["folder"], state["path"])
        if self._about.key != state["key"]:
            raise BankError(f"{self.path} is no longer the bank of {self._folder}; open it again")


def _as_path(name: str, path: Any) -> Path:
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(f"{name} must be a path, not {shown(path)}")
    return Path(text)


def _is_current(path: Path, folder: Path, images: Sequence[ImageFile]) -> bool:
    """Whether the file is a whole bank, and what it is without still cannot be read."""
    try:
        about: About = read_bank(path)[1]
    except (OSError, DamagedError):
        return False
    left_out = {name for name, _ in about.refused}
    doubtful = [image for image in images if image.name in left_out]
    return refusals(folder, doubtful, about.size) == about.refused
