"""The cache file of a folder's bank: found if it is current, and made otherwise."""

import warnings
from pathlib import Path

from fractalgen.bank.file import BANK_VERSION, DamagedError, build_bank, read_bank
from fractalgen.bank.folder import content_key
from fractalgen.bank.source import Source
from fractalgen.errors import BankError, ImageError
from fractalgen.files.cache_folder import default_folder, temporary_folder
from fractalgen.files.lock import lock_for
from fractalgen.images.crops import square

__all__ = ["cached_bank"]


def cached_bank(
    source: Source, size: int, folder: Path | None, *, skip_unreadable: bool, workers: int
) -> Path:
    """Return the path of the bank of some images at a size; make it if it does not exist.

    Of several processes, one makes it, and the others wait.

    Parameters
    ----------
    folder : Path or None
        Where to keep it. None for the default; if that cannot be written, a temporary folder is
        used, with a warning.

    Raises
    ------
    BankError
        If it cannot be written.
    UnreadableImagesError
        If images cannot be read and are not to be skipped.
    """
    key = content_key(source.images)

    def made_in(place: Path) -> Path:
        path = place / f"bank{BANK_VERSION}-{size}-{key}.npy"
        if not _is_current(path, source):
            with lock_for(path, lambda: _tell_of_wait(source, path)):
                if not _is_current(path, source):  # no other process made it meanwhile
                    build_bank(source, size, path, skip_unreadable=skip_unreadable, workers=workers)
        return path

    place = default_folder() if folder is None else folder
    try:
        return made_in(place)
    except OSError as error:
        reason = f"cannot keep the bank in {place}: {error.strerror or error}"
        if folder is not None:
            raise BankError(f"{reason}; choose another folder with cache_dir") from None
        temporary = temporary_folder()
        warnings.warn(
            f"{reason}. It is kept in {temporary} until this process ends, and built again "
            "next time; choose a folder for it with cache_dir.",
            stacklevel=3,  # the line that opens the set
        )
        return made_in(temporary)


def _tell_of_wait(source: Source, path: Path) -> None:
    warnings.warn(
        f"Another process is making the bank of {source.name}. This one waits for it; the file "
        f"will be {path}.",
        stacklevel=2,
    )


def _is_current(path: Path, source: Source) -> bool:
    """Whether the file is complete, and the images that it lacks still cannot be read."""
    try:
        contents = read_bank(path)[1]
    except (OSError, DamagedError):
        return False
    left_out = dict(contents.refused)
    refused = []
    for image in source.images:
        if image.name in left_out:
            try:
                square(source.read(image), contents.size)
            except ImageError as error:
                refused.append((image.name, str(error)))
    return tuple(refused) == contents.refused
