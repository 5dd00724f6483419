"""What a build did, and what a user should know about it."""

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import Any

from fractalgen.mixing_set.collecting.item import Refusal
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.stores.family_summary import FamilySummary
from fractalgen.mixing_set.stores.task import Failure

__all__ = ["BuildInterrupted", "Summary"]


class BuildInterrupted(KeyboardInterrupt):
    """A build was interrupted; the files on disk are valid, and the same build resumes."""

    def __init__(self, n_done: int, n_total: int | None) -> None:
        super().__init__(n_done, n_total)
        self.n_done = n_done
        self.n_total = n_total


@dataclass(frozen=True)
class Summary:
    """A finished build.

    Attributes
    ----------
    folder : str
        The set's folder or URL.
    families : tuple of FamilySummary
        The requested families.
    seconds : float
        Wall-clock time.
    n_removed : int
        Images removed because of ``overwrite``.
    n_missing : int
        Missing images of the set, including those that this build did not request.
    refused : tuple of Refusal
        Collected images that cannot be used.
    near_duplicates : tuple of (str, str)
        New collected images that look like another, and that one: files in the set, or the path in
        the source if the image was left out.
    n_left_out : int
        Number of near duplicates that were left out.
    licences : tuple of (str, int)
        Number of images by licence in the folders that were collected into, the largest first.
    unrepaired : tuple of str
        Collected images that are missing or altered, because their originals were not given.
    unrepaired_shards : tuple of str
        Shards of collected images that are missing or altered.
    notes : tuple of str
        Notes for the user.
    failed : tuple of Failure
        Images that could not be drawn.
    size : int or None
        Side of the drawn images in pixels; None if none were requested.
    part : Part
        The images or shards that were drawn, if the others were left to other jobs.
    """

    folder: str
    families: tuple[FamilySummary, ...]
    seconds: float
    n_removed: int = 0
    n_missing: int = 0
    refused: tuple[Refusal, ...] = ()
    near_duplicates: tuple[tuple[str, str], ...] = ()
    n_left_out: int = 0
    licences: tuple[tuple[str, int], ...] = ()
    unrepaired: tuple[str, ...] = ()
    unrepaired_shards: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    size: int | None = None
    part: Part = WHOLE

    @property
    def n_images(self) -> int:
        """Number of requested images."""
        return sum(family.requested for family in self.families)

    @property
    def n_drawn(self) -> int:
        """Number of images drawn or copied by this build."""
        return sum(family.drawn for family in self.families)

    @property
    def n_bytes(self) -> int:
        """Total size of the requested images."""
        return sum(family.n_bytes for family in self.families)

    @property
    def ok(self) -> bool:
        """Whether no image failed or was refused, and every broken one was repaired."""
        return not (self.refused or self.unrepaired or self.unrepaired_shards or self.failed)

    @property
    def reasons(self) -> tuple[tuple[str, int, str], ...]:
        """Each reason why images were refused, their number and the first, most frequent first."""
        counts = Counter(one.reason for one in self.refused)
        first = {one.reason: one.path for one in reversed(self.refused)}
        return tuple((reason, n, first[reason]) for reason, n in counts.most_common())

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            "folder": self.folder,
            "ok": self.ok,
            "images": self.n_images,
            "size": self.size,
            "drawn": self.n_drawn,
            "removed": self.n_removed,
            "missing": self.n_missing,
            "part": None if self.part == WHOLE else str(self.part),
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.n_drawn / self.seconds, 1) if self.n_drawn else None,
            "bytes": self.n_bytes,
            "families": {family.name: family.as_json() for family in self.families},
            "refused": [{"path": one.path, "reason": one.reason} for one in self.refused],
            "reasons": {reason: n for reason, n, _ in self.reasons},
            "near_duplicates": [list(pair) for pair in self.near_duplicates],
            "left_out": self.n_left_out,
            "licences": dict(self.licences),
            "unrepaired": list(self.unrepaired),
            "unrepaired_shards": list(self.unrepaired_shards),
            "notes": list(self.notes),
            "failed": [dataclasses.asdict(one) for one in self.failed],
        }
