"""What a build did."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.record import Record

__all__ = ["FamilySummary", "Refusal", "Summary", "summarize"]


@dataclass(frozen=True)
class Refusal:
    """A picture of the user's own that was not taken, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class FamilySummary:
    """One family's part of a build.

    Attributes
    ----------
    name : str
        The family.
    asked, drawn : int
        Pictures asked for, and those of them that this build drew or copied.
    acceptance : float or None
        Pictures per draw of parameters, in (0, 1], over all of the family's pictures in the set;
        None for collected pictures.
    n_bytes : int
        Length of all of the family's pictures in the set.
    """

    name: str
    asked: int
    drawn: int
    acceptance: float | None
    n_bytes: int

    @property
    def kept(self) -> int:
        """Pictures asked for that were there already."""
        return self.asked - self.drawn


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
        Pictures thrown away because of ``overwrite``.
    n_missing : int
        Pictures that belong to the set and are not there, because nobody asked for them now.
    refused : tuple of Refusal
        Of the user's own pictures.
    unrepaired : tuple of str
        Collected pictures that are missing or altered and whose originals were not given.
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
        """Pictures drawn or copied by this build."""
        return sum(family.drawn for family in self.families)

    @property
    def n_bytes(self) -> int:
        """Length of all pictures of the families asked for."""
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
            "pictures": sum(family.asked for family in self.families),
            "drawn": self.n_drawn,
            "removed": self.n_removed,
            "missing": self.n_missing,
            "seconds": round(self.seconds, 3),
            "pictures_per_second": round(self.n_drawn / self.seconds, 1) if self.n_drawn else None,
            "bytes": self.n_bytes,
            "families": {
                family.name: {
                    "pictures": family.asked,
                    "drawn": family.drawn,
                    "kept": family.kept,
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
    asked: Recipe, records: Iterable[Record], drawn: Mapping[str, int]
) -> tuple[FamilySummary, ...]:
    """Count a build's pictures by family; `drawn` holds how many this build drew of each."""
    attempts: dict[str, int] = {}
    counts: dict[str, int] = {}
    n_bytes: dict[str, int] = {}
    for record in records:
        name = record.key[0]
        counts[name] = counts.get(name, 0) + 1
        attempts[name] = attempts.get(name, 0) + (record.attempt or 0)
        n_bytes[name] = n_bytes.get(name, 0) + record.n_bytes
    return tuple(
        FamilySummary(
            family.name,
            counts.get(family.name, 0) if family.collected else family.n,
            drawn.get(family.name, 0),
            counts[family.name] / attempts[family.name] if attempts.get(family.name) else None,
            n_bytes.get(family.name, 0),
        )
        for family in asked.families
    )
