"""What a check of a set found."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from fractalgen.mixing_set.recipes.part import WHOLE, Part

__all__ = ["Findings", "Report"]


@dataclass(frozen=True)
class Findings:
    """Problems with a set's files, as paths within the set.

    A shard is named by its tar file, also if the fault is in its index.

    Attributes
    ----------
    missing : tuple of str
        Files of the recipe that do not exist; also the images that a short shard lacks.
    unrecorded : tuple of str
        Files of the recipe without a line in the manifest, as after a crash, and shards without an
        index.
    truncated : tuple of str
        Files shorter than recorded.
    altered : tuple of str
        Files that differ from their record, were recorded for another recipe, or cannot be read.
    foreign : tuple of str
        Files and folders that do not belong to the set.
    """

    missing: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()
    truncated: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    @property
    def broken(self) -> tuple[str, ...]:
        """The images that a repair must redraw or collect again."""
        return (*self.missing, *self.unrecorded, *self.truncated, *self.altered)

    def as_json(self) -> dict[str, list[str]]:
        """Return lists of paths by kind of problem."""
        return {name: list(paths) for name, paths in dataclasses.asdict(self).items()}


@dataclass(frozen=True)
class Report:
    """The result of `verify`.

    Attributes
    ----------
    folder : str
        The set's folder or URL.
    n_images : int
        Number of recorded images, sound or not.
    findings : Findings
        Problems with the files.
    bad_lines : tuple of (int, str)
        Number of each line of the manifest that is not a record, and the reason.
    torn : bool
        Whether the manifest's last line is incomplete, as after a crash.
    n_redrawn : int
        Number of images redrawn from their recorded parameters.
    differing : tuple of str
        Redrawn images whose pixels differ from the recorded ones; of a family whose pixels depend
        on the processor, those that look different.
    n_absent : int
        Number of the set's images that have neither a record nor a file: those of parts that were
        not drawn yet, or that are lost, too. They are also among the missing files. Of a part, the
        number of other parts' images that are not here, which are not missing.
    part : Part
        The part of the set that was drawn here.
    """

    folder: str
    n_images: int
    findings: Findings = field(default_factory=Findings)
    bad_lines: tuple[tuple[int, str], ...] = ()
    torn: bool = False
    n_redrawn: int = 0
    differing: tuple[str, ...] = ()
    n_absent: int = 0
    part: Part = WHOLE

    @property
    def ok(self) -> bool:
        """Whether the set, or the part, is complete and undamaged, without foreign files."""
        faults = (*self.findings.broken, *self.findings.foreign, *self.bad_lines, *self.differing)
        return not faults and not self.torn

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            "folder": self.folder,
            "ok": self.ok,
            "images": self.n_images,
            **self.findings.as_json(),
            "bad_manifest_lines": [
                {"line": number, "reason": reason} for number, reason in self.bad_lines
            ],
            "torn_manifest": self.torn,
            "redrawn": self.n_redrawn,
            "differing": list(self.differing),
            "absent": self.n_absent,
            "part": None if self.part == WHOLE else str(self.part),
        }
