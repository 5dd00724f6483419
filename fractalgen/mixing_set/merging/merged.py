"""What a merge of a set's parts gives: a description, and a report."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fractalgen.mixing_set.collecting.item import Refusal
from fractalgen.mixing_set.recipes.part import WHOLE
from fractalgen.mixing_set.stores.description import Description
from fractalgen.mixing_set.stores.store import StoredSet

__all__ = ["Merged", "Problems", "described", "joined_description"]


@dataclass(frozen=True)
class Merged:
    """A finished merge.

    Attributes
    ----------
    folder : str
        The joined set's folder or URL.
    n_copied, n_kept, n_missing : int
        Images that this merge copied, that were there before, and that are still missing.
    damaged : tuple of Refusal
        Files of parts that were not copied because they are damaged, and the fault, as `Findings`
        calls it.
    differing : tuple of str
        Files of parts that differ from those of the same name in the joined set, which were kept.
    """

    folder: str
    n_copied: int
    n_kept: int
    n_missing: int
    damaged: tuple[Refusal, ...] = ()
    differing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the joined set is complete, and nothing was damaged or differs."""
        return not (self.n_missing or self.damaged or self.differing)

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            "folder": self.folder,
            "ok": self.ok,
            "images": self.n_copied + self.n_kept,
            "copied": self.n_copied,
            "kept": self.n_kept,
            "missing": self.n_missing,
            "damaged": [{"path": one.path, "reason": one.reason} for one in self.damaged],
            "differing": list(self.differing),
        }


@dataclass
class Problems:
    """What a merge could not copy; see `Merged`."""

    damaged: list[Refusal] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    def add(self, other: "Problems") -> None:
        """Add those of another file."""
        self.damaged += other.damaged
        self.differing += other.differing


def described(store: StoredSet) -> Description:
    """Return the description of a set that has one."""
    assert store.description is not None
    return store.description


def joined_description(existing: Description | None, parts: Sequence[StoredSet]) -> Description:
    """Return the description of the set that is joined from parts, and perhaps from its own."""
    theirs = [described(part) for part in parts]
    known = [existing, *theirs] if existing else theirs
    releases = dict.fromkeys(release for one in known for release in one.drawn_with)
    overwriting = existing.overwriting if existing else None
    return dataclasses.replace(
        theirs[0], drawn_with=tuple(releases), overwriting=overwriting, part=WHOLE
    )
