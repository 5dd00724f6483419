"""What can go wrong with a bank, in words."""

from collections.abc import Sequence

from fractalgen.mixing_set.layout import SetError

__all__ = ["BankError", "UnreadablePicturesError"]


class BankError(SetError, ValueError):
    """A bank that cannot be made or opened; the message says why and what to do."""


class UnreadablePicturesError(BankError):
    """Pictures that cannot be read, all of them named in the message.

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
    """Return the sentence that names unreadable pictures, a line for each."""
    pictures = "1 picture" if len(refused) == 1 else f"{len(refused):,} pictures"
    lines = [f"  {name}: {reason}" for name, reason in refused]
    return "\n".join([f"{pictures} in {folder} cannot be read:", *lines])
