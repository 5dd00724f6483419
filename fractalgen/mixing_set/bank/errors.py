"""What can go wrong with a bank, in words."""

from collections.abc import Sequence

from fractalgen.mixing_set.layout import SetError

__all__ = ["BankError", "UnreadableImagesError"]


class BankError(SetError, ValueError):
    """A bank that cannot be made or opened; the message says why and what to do."""


class UnreadableImagesError(BankError):
    """Images that cannot be read, all of them named in the message.

    Attributes
    ----------
    refused : tuple of (str, str)
        Each one's path within the folder, and the reason.
    """

    def __init__(self, folder: str, refused: Sequence[tuple[str, str]]) -> None:
        self.refused = tuple(refused)
        super().__init__(
            f"{unreadable(folder, refused)}\n"
            "Mend or remove them, or go on without them by skip_unreadable=True."
        )
        self._folder = folder

    def __reduce__(self) -> tuple[type, tuple[str, tuple[tuple[str, str], ...]]]:
        return type(self), (self._folder, self.refused)


def unreadable(folder: str, refused: Sequence[tuple[str, str]]) -> str:
    """Return the sentence that names unreadable images, a line for each."""
    images = "1 image" if len(refused) == 1 else f"{len(refused):,} images"
    lines = [f"  {name}: {reason}" for name, reason in refused]
    return "\n".join([f"{images} in {folder} cannot be read:", *lines])
