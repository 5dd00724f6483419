"""What a build did."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fractalgen.mixing_set.layout import Key
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.record import Record

__all__ = ["FamilySummary", "Refusal", "Summary", "summarize"]


@dataclass(frozen=True)
class Refusal:
    """An image of the user's own that was not taken, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class FamilySummary:
    """One family's part of a build.

    Attributes
    ----------
    name : str
        The family.
    asked, drawn, kept : int
        Images asked for, those of them that this build drew or copied, and those that were there
        already. What is left is missing.
    acceptance : float or None
        Images per draw of parameters, in (0, 1], over the images asked for; None for collected
        ones.
    n_bytes : int
        Length of the images asked for.
    """

    name: str
    asked: int
    drawn: int
    kept: int
    acceptance: float | None
    n_bytes: int


@dataclass(frozen=True)
class Summary:
    """A finished build.

    Attributes
    ----------
    folder : str
        The set.
    families : tuple of FamilySummary
        Those asked for.
    seconds : float
        Wall-clock time.
    n_removed : int
        Images thrown away because of ``overwrite``.
    n_missing : int
        Images that belong to the set and are not there, because nobody asked for them now.
    refused : tuple of Refusal
        Of the user's own images.
    unrepaired : tuple of str
        Collected images that are missing or altered and whose originals were not given.
    notes : tuple of str
        Sentences for the reader.
    """

    folder: str
    families: tuple[FamilySummary, ...]
    seconds: float
    n_removed: int = 0
    n_missing: int = 0
    refused: tuple[Refusal, ...] = ()
    unrepaired: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n_drawn(self) -> int:
        """Images drawn or copied by this build."""
        return sum(family.drawn for family in self.families)

    @property
    def n_bytes(self) -> int:
        """Length of all images asked for."""
        return sum(family.n_bytes for family in self.families)

    @property
    def ok(self) -> bool:
        """Whether all that was asked for is there."""
        return not self.refused and not self.unrepaired

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            "folder": self.folder,
            "ok": self.ok,
            "images": sum(family.asked for family in self.families),
            "drawn": self.n_drawn,
            "removed": self.n_removed,
            "missing": self.n_missing,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.n_drawn / self.seconds, 1) if self.n_drawn else None,
            "bytes": self.n_bytes,
            "families": {
                family.name: {
                    "images": family.asked,
                    "drawn": family.drawn,
                    "kept": family.kept,
                    "missing": family.asked - family.drawn - family.kept,
                    "acceptance": family.acceptance and round(family.acceptance, 4),
                    "bytes": family.n_bytes,
                }
                for family in self.families
            },
            "refused": [{"path": one.path, "reason": one.reason} for one in self.refused],
            "unrepaired": list(self.unrepaired),
            "notes": list(self.notes),
        }


def summarize(
    asked: Recipe, there: Mapping[Key, Record], drawn: Mapping[str, int]
) -> tuple[FamilySummary, ...]:
    """Count the images asked for by family.

    `there` has the records of the set's images that are in place, `drawn` tells how many of each
    family this build drew.
    """
    found = []
    for family in asked.families:
        keys = [(family.name, index) for index in family.indices()]
        mine = [there[key] for key in keys if key in there]
        attempts = sum(record.attempt or 0 for record in mine)
        n_drawn = drawn.get(family.name, 0)
        found.append(
            FamilySummary(
                family.name,
                family.n,
                n_drawn,
                len(mine) - n_drawn,
                len(mine) / attempts if attempts else None,
                sum(record.n_bytes for record in mine),
            )
        )
    return tuple(found)
