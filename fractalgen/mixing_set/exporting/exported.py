"""What an export wrote."""

from dataclasses import dataclass
from typing import Any

from fractalgen.errors import SetError
from fractalgen.mixing_set.stores.store import StoredSet
from fractalgen.registry import first_few

__all__ = ["Exported", "broken_set"]


@dataclass(frozen=True)
class Exported:
    """A finished export.

    Attributes
    ----------
    folder : str
        The folder or URL where the images are.
    n_linked, n_copied : int
        Images that this export hard-linked and copied.
    n_kept : int
        Images that an earlier export left there.
    folders : dict from str to int
        Number of images in each folder; in shards, of each family.
    """

    folder: str
    n_linked: int
    n_copied: int
    n_kept: int
    folders: dict[str, int]

    @property
    def n_images(self) -> int:
        """Number of images."""
        return self.n_linked + self.n_copied + self.n_kept

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            "folder": self.folder,
            "images": self.n_images,
            "linked": self.n_linked,
            "copied": self.n_copied,
            "kept": self.n_kept,
            "folders": self.folders,
        }


def broken_set(store: StoredSet, files: list[str]) -> SetError:
    """Return the error for a set that lacks images or has damaged ones."""
    return SetError(
        f"{store.name} lacks images, or has damaged ones: {first_few(files)}. "
        f"'fractalgen verify {store.name}' lists them"
    )
