"""What an evaluation is to measure."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunUsageError
from fractalgen.evaluation.attacks import NORMS
from fractalgen.registry import nearest
from fractalgen.seeding import rng_for

__all__ = ["GENERATE", "GENERATED", "EvaluationOptions", "names_of_sources"]

GENERATE = "generate"
GENERATED = "generated"
_NONE = "none"


@dataclass(frozen=True)
class EvaluationOptions:
    """What to measure, on how many images, and how.

    Attributes
    ----------
    corruptions : tuple of str
        ``generate``, which makes ImageNet-C's fifteen from the test images, or published
        folders, several of either. ``none``, or nothing, leaves them out.
    perturbations : str
        ``generate``, a published folder, or ``none``.
    ood : tuple of str or None
        What unknown images to tell from the test images: see
        `fractalgen.evaluation.shifts.unknown_images`; ``none`` is not to. None is noise, and
        fractals if a mixing set is known.
    shifted : tuple of Path
        Folders as ImageNet-R's and ImageNet-A's.
    imagenet_o : Path or None
        Folder as ImageNet-O's.
    pgd_steps : int
        Of the attack; 0 leaves it out.
    pgd_epsilon : float
        The attack's greatest change, in 255ths of a pixel's range.
    pgd_norm : str
        That the change is measured by, ``linf`` or ``l2``.
    limit : int or None
        Measure all but the clean error and calibration on so many test images, which are drawn
        by `seed` and are among those of every greater limit. None is all of them.
    batch_size : int
        Images at a time; the figures do not depend on it, rounding aside.
    seed : int
        Of all that is drawn.
    set_folder : Path or None
        The mixing set that ``fractals`` takes. None is the run's.

    Raises
    ------
    RunUsageError
        If an option is out of its range, or if two do not go together.
    """

    corruptions: tuple[str, ...] = (GENERATE,)
    perturbations: str = GENERATE
    ood: tuple[str, ...] | None = None
    shifted: tuple[Path, ...] = ()
    imagenet_o: Path | None = None
    pgd_steps: int = 20
    pgd_epsilon: float = 2.0
    pgd_norm: str = "linf"
    limit: int | None = None
    batch_size: int = 128
    seed: int = 0
    set_folder: Path | None = None

    def __post_init__(self) -> None:
        if self.pgd_norm not in NORMS:
            raise RunUsageError(
                f"no norm is called '{self.pgd_norm}': {nearest(self.pgd_norm, list(NORMS))}"
            )
        if not 0 <= self.pgd_epsilon < np.inf:
            raise RunUsageError(f"PGD's epsilon must be 0 or more, not {self.pgd_epsilon}")
        for name, value, least in (
            ("number of PGD steps", self.pgd_steps, 0),
            ("limit", self.limit, 1),
            ("batch size", self.batch_size, 1),
            ("seed", self.seed, 0),
        ):
            if value is not None and value < least:
                raise RunUsageError(f"the {name} must be {least} or more, not {value}")
        for name, values in (("corruptions", self.corruptions), ("ood", self.ood or ())):
            if _NONE in values and len(values) > 1:
                raise RunUsageError(
                    f"--{name} {_NONE} does not go together with --{name} "
                    f"{next(value for value in values if value != _NONE)}"
                )
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise RunUsageError(f"--{name} {twice} is given twice")

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {key: _plain(value) for key, value in dataclasses.asdict(self).items()}

    @property
    def corruption_sources(self) -> tuple[str, ...]:
        """``generate`` and folders."""
        return tuple(source for source in self.corruptions if source != _NONE)

    @property
    def perturbation_source(self) -> str | None:
        """``generate``, a folder, or None."""
        return None if self.perturbations == _NONE else self.perturbations

    def unknown_sources(self, *, has_set: bool) -> tuple[str, ...]:
        """Return where unknown images come from, if a mixing set is known or if none is."""
        if self.ood is None:
            return ("noise", "fractals") if has_set else ("noise",)
        return tuple(source for source in self.ood if source != _NONE)

    def chosen(self, n_images: int) -> NDArray[np.int64]:
        """Return which of the test images to take, in increasing order."""
        if self.limit is None or self.limit >= n_images:
            return np.arange(n_images)
        order = rng_for(self.seed, "evaluated images", 0).permutation(n_images)
        return np.sort(order[: self.limit])


def names_of_sources(
    sources: Sequence[str | Path], taken: Collection[str] = (GENERATED,)
) -> tuple[str, ...]:
    """Return what a table calls each of some sources.

    ``generate`` is ``generated``. A folder has its own name, such as ``CIFAR-10-C``; if another has
    that too, or it is among those `taken`, its path as it was given.
    """
    own = [Path(source).expanduser().resolve().name for source in sources]
    names = []
    for source, name in zip(sources, own, strict=True):
        if source == GENERATE:
            names.append(GENERATED)
        elif name and name not in taken and own.count(name) == 1:
            names.append(name)
        elif str(source) in taken:
            names.append(str(Path(source).resolve()))
        else:
            names.append(str(source))
    return tuple(names)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value
