"""All exceptions that users can see. Their messages say what is wrong and what to do."""

from collections.abc import Sequence

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "BankError",
    "DamagedSetError",
    "DownloadError",
    "FractalgenError",
    "ImageError",
    "MissingPackageError",
    "NotRegularError",
    "OtherProcessError",
    "PaletteError",
    "RecipeError",
    "RunError",
    "RunUsageError",
    "SetError",
    "UnknownNameError",
    "UnreadableImagesError",
]


class FractalgenError(Exception):
    """The base class of all of fractalgen's exceptions."""


class ArgumentError(FractalgenError, ValueError):
    """An argument of the wrong kind or out of range; the message names it."""


class ArgumentTypeError(ArgumentError, TypeError):
    """An argument of the wrong type."""


class MissingPackageError(FractalgenError, ImportError):
    """A package that is not installed; the message says how to install it."""


class UnknownNameError(FractalgenError, KeyError):
    """An unknown name; the message suggests the nearest one."""

    def __str__(self) -> str:
        return str(self.args[0])


class PaletteError(FractalgenError, ValueError):
    """A palette that cannot be read."""


class NotRegularError(FractalgenError, OSError):
    """A path that should be a regular file, but is a folder, a pipe, a socket or a device."""


class DownloadError(FractalgenError, RuntimeError):
    """A file that cannot be downloaded.

    Attributes
    ----------
    reason : str
        The reason alone, without the address.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


class ImageError(FractalgenError, ValueError):
    """An image file that cannot be used. The message is the reason, without the file's name."""


class RecipeError(FractalgenError, ValueError):
    """A recipe with a wrong value.

    Attributes
    ----------
    key : str or None
        The wrong key, if there is one.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


class SetError(FractalgenError, RuntimeError):
    """A set that cannot be built, read or checked."""


class DamagedSetError(SetError):
    """A set whose description cannot be read."""


class BankError(SetError, ValueError):
    """A bank that cannot be built or opened."""


class UnreadableImagesError(BankError):
    """Images that cannot be read; the message names all of them.

    Attributes
    ----------
    refused : tuple of (str, str)
        Path within the folder and reason for each image.
    """

    def __init__(self, folder: str, refused: Sequence[tuple[str, str]]) -> None:
        self.refused = tuple(refused)
        super().__init__(
            f"{unreadable(folder, refused)}\n"
            "Repair or remove them, or skip them with skip_unreadable=True."
        )
        self._folder = folder

    def __reduce__(self) -> tuple[type, tuple[str, tuple[tuple[str, str], ...]]]:
        return type(self), (self._folder, self.refused)


def unreadable(folder: str, refused: Sequence[tuple[str, str]]) -> str:
    """Return a message that lists unreadable images, one per line."""
    images = "1 image" if len(refused) == 1 else f"{len(refused):,} images"
    lines = [f"  {name}: {reason}" for name, reason in refused]
    return "\n".join([f"{images} in {folder} cannot be read:", *lines])


class RunError(FractalgenError, RuntimeError):
    """Data, weights or a run that cannot be used."""


class RunUsageError(RunError, ValueError):
    """An option with an unknown or wrong value, or options that contradict each other."""


class OtherProcessError(RunError):
    """Another process of this run reports the error."""
