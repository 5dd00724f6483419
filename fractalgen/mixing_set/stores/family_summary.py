"""What a store has of the images of a family that a build requested."""

from dataclasses import dataclass
from typing import Any

__all__ = ["FamilySummary"]


@dataclass(frozen=True)
class FamilySummary:
    """One family's part of a build.

    Attributes
    ----------
    name : str
        The family.
    requested, drawn, kept : int
        Requested images, those that this build drew or copied, and those that already existed.
        The others are missing.
    acceptance : float or None
        Share of parameter draws that were accepted, over the requested images; None for
        collected ones.
    n_bytes : int
        Total size of the requested images.
    collected : bool
        Whether the images are collected, not drawn.
    """

    name: str
    requested: int
    drawn: int
    kept: int
    acceptance: float | None
    n_bytes: int
    collected: bool

    @property
    def missing(self) -> int:
        """Requested images that do not exist."""
        return self.requested - self.drawn - self.kept

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            "images": self.requested,
            "drawn": self.drawn,
            "kept": self.kept,
            "missing": self.missing,
            "acceptance": self.acceptance and round(self.acceptance, 4),
            "bytes": self.n_bytes,
        }
