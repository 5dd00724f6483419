"""Check a set: its files against its manifest, and its images against their parameters."""

import hashlib
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fractalgen.mixing_set.findings import Findings, inspect
from fractalgen.mixing_set.manifest import canonical_order, read_manifest
from fractalgen.mixing_set.preparation import check_folders
from fractalgen.mixing_set.record import Record
from fractalgen.mixing_set.set_file import require_set_file
from fractalgen.pool import OrderedPool, Progress, default_workers

__all__ = ["Report", "verify"]


@dataclass(frozen=True)
class Report:
    """What `verify` found.

    Attributes
    ----------
    folder : str
        The set.
    n_images : int
        Images that the set has on record.
    findings : Findings
        Faults of the files.
    bad_lines : tuple of (int, str)
        Number and fault of the manifest's lines that are no image's record.
    torn : bool
        Whether the manifest's last line is torn, as a crash may leave it.
    n_redrawn : int
        Images redrawn from their recorded parameters.
    differing : tuple of str
        Those of them that came out with other pixels than were recorded.
    """

    folder: str
    n_images: int
    findings: Findings = field(default_factory=Findings)
    bad_lines: tuple[tuple[int, str], ...] = ()
    torn: bool = False
    n_redrawn: int = 0
    differing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the set is whole and nothing else is in it."""
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
        }


def verify(
    folder: str | Path,
    redraw: int = 0,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Find what is missing, truncated, altered or foreign in a set. Nothing is written.

    Parameters
    ----------
    folder : str or Path
        The set.
    redraw : int
        How many generated images, chosen at random, are also redrawn from their recorded
        parameters and compared pixel by pixel.
    workers : int or None
        Threads; None for one per processor.
    progress : callable or None
        Called with the number of images checked and their total.

    Returns
    -------
    Report

    Raises
    ------
    SetError
        If `folder` is no set, or one of its folders is a link or no folder.
    OSError
        If a file cannot be read.
    """
    folder = Path(folder)
    recipe = require_set_file(folder).recipe
    check_folders(folder, [family.name for family in recipe.families])
    manifest = read_manifest(folder)
    findings = inspect(folder, recipe, manifest, workers or default_workers(), progress)
    broken = set(findings.broken)
    sound = [
        record
        for record in canonical_order(manifest.records)
        if record.origin is None and record.file not in broken
    ]
    chosen = [sound[i] for i in sorted(random.sample(range(len(sound)), min(redraw, len(sound))))]
    differing = _redrawn_otherwise(chosen, workers or default_workers(recipe.size))
    return Report(
        str(folder),
        len(manifest.records),
        findings,
        manifest.bad_lines,
        manifest.torn,
        len(chosen),
        differing,
    )


def _redrawn_otherwise(records: Sequence[Record], workers: int) -> tuple[str, ...]:
    """Redraw images and return the files of those whose pixels are not the recorded ones."""

    def is_same(record: Record, _: threading.Event) -> bool:
        try:
            pixels = record.redraw(record.width)
        except ValueError:
            return False
        return hashlib.sha256(pixels.data).hexdigest() == record.pixel_sha256

    with OrderedPool(is_same, workers) as pool:
        same = list(pool.map(records))
    return tuple(record.file for record, equal in zip(records, same, strict=True) if not equal)
