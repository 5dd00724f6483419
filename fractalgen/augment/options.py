"""The options of IPMix, checked, and turned into what the kernels read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractalgen.augment.image_ops import IMAGE_OPS, PAPER_IMAGE_OPS
from fractalgen.augment.plan import FRAMEWORKS, MAX_DEPTH, MAX_WIDTH, MIXING_OPS
from fractalgen.kernels.plans import SETTINGS
from fractalgen.registry import nearest

__all__ = ["LEVELS", "PATCH_SHAPES", "PATCH_SIZES", "WHOLE", "Options"]

# A patch size that means the picture's own: the pixel level.
WHOLE = 1 << 30
PATCH_SIZES: dict[str, tuple[int, ...]] = {
    "cifar": (4, 8, 16, WHOLE),
    "imagenet": (4, 8, 16, 32, 64, WHOLE),
}
PATCH_SHAPES = ("square", "scar")
LEVELS = ("image", "patch", "pixel")
_IMAGE_OPS = {"paper": PAPER_IMAGE_OPS, "all": IMAGE_OPS}
_COMPATS = ("paper", "official")


@dataclass(frozen=True)
class Options:
    """What an augmenter draws its plans from; see `fractalgen.augment.IPMix`."""

    k: int
    t: int
    patch_sizes: tuple[int, ...]
    mixing_ops: tuple[str, ...]
    image_ops: tuple[str, ...]
    patch_shapes: tuple[str, ...]
    levels: tuple[str, ...]
    framework: str
    alpha: float
    beta: float
    severity: float
    compat: str
    copies: bool

    @classmethod
    def checked(
        cls,
        *,
        k: int,
        t: int,
        patch_sizes: str | Sequence[int | str],
        mixing_ops: Sequence[str],
        image_ops: str | Sequence[str],
        patch_shapes: Sequence[str],
        levels: Sequence[str],
        framework: str,
        alpha: float,
        beta: float,
        severity: float,
        compat: str,
    ) -> "Options":
        """Check what a user gave; ValueError names the option, the value, and what would do."""
        _check_range("k", k, 1, MAX_WIDTH)
        _check_range("t", t, 1, MAX_DEPTH)
        for name, value in (("alpha", alpha), ("beta", beta)):
            if not 0.01 <= value <= 1000:
                raise ValueError(f"{name} must be from 0.01 to 1000, not {value}")
        if not 0.1 <= severity <= 10:
            raise ValueError(f"severity must be from 0.1 to 10, not {severity}")
        _check_names("framework", [framework], FRAMEWORKS)
        _check_names("compat", [compat], _COMPATS)
        if isinstance(image_ops, str):
            _check_names("image_ops", [image_ops], tuple(_IMAGE_OPS))
            image_ops = _IMAGE_OPS[image_ops]
        _check_names("mixing_ops", mixing_ops, MIXING_OPS)
        _check_names("image_ops", image_ops, IMAGE_OPS)
        _check_names("patch_shapes", patch_shapes, PATCH_SHAPES)
        _check_names("levels", levels, LEVELS)
        return cls(
            k=k,
            t=t,
            patch_sizes=_sizes(patch_sizes),
            mixing_ops=tuple(mixing_ops),
            image_ops=tuple(image_ops),
            patch_shapes=tuple(patch_shapes),
            levels=tuple(levels),
            framework=framework,
            alpha=float(alpha),
            beta=float(beta),
            severity=float(severity),
            compat=compat,
            copies=compat == "paper" or patch_sizes == "imagenet",
        )

    def lists(self, height: int, width: int) -> tuple[NDArray[np.int64], ...]:
        """Return the patch sizes for a picture, and the indices of its operations."""
        longest = max(height, width)
        patches = [s for s in self.patch_sizes if s < longest and "patch" in self.levels]
        whole = [s for s in self.patch_sizes if s >= longest and "pixel" in self.levels]
        sizes = patches + whole
        if not sizes and "image" not in self.levels:
            raise ValueError(
                f"no patch size is left for pictures of {height} x {width} at the levels "
                f"{', '.join(self.levels)}; give other patch_sizes, or 'image' among them"
            )
        names = (
            (MIXING_OPS.index(name) for name in self.mixing_ops),
            (IMAGE_OPS.index(name) for name in self.image_ops),
        )
        return (np.array(sizes, np.int64), *(np.array(list(n), np.int64) for n in names))

    def settings(self, n_pictures: int, picture_size: int, n_sizes: int) -> NDArray[np.void]:
        """Return the rest as an array of one record of dtype `SETTINGS`."""
        official = self.compat == "official"
        record = np.zeros(1, SETTINGS)
        record["n_pictures"], record["picture_size"] = n_pictures, picture_size
        record["width"], record["depth"] = self.k, self.t
        record["least_depth"] = 0 if official else 1
        record["framework"] = FRAMEWORKS.index(self.framework)
        record["wraps"] = record["boxed_pixels"] = record["one_picture"] = official
        record["copies"] = self.copies
        record["image_level"] = "image" in self.levels
        record["p_level"] = n_sizes > 0
        record["square"] = "square" in self.patch_shapes
        record["scar"] = "scar" in self.patch_shapes
        record["alpha"], record["beta"] = self.alpha, self.beta
        record["severity"] = self.severity
        return record


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}, not {value}")


def _check_names(option: str, names: Sequence[str], known: Sequence[str]) -> None:
    if not names or isinstance(names, str):
        raise ValueError(f"{option} must be a list of one or more of {', '.join(known)}")
    for name in names:
        if name not in known:
            raise ValueError(f"{option}: '{name}' is unknown; {nearest(name, list(known))}")


def _sizes(patch_sizes: str | Sequence[int | str]) -> tuple[int, ...]:
    if isinstance(patch_sizes, str):
        _check_names("patch_sizes", [patch_sizes], tuple(PATCH_SIZES))
        return PATCH_SIZES[patch_sizes]
    sizes = tuple(WHOLE if size == "image" else size for size in patch_sizes)
    if not sizes or not all(isinstance(size, int) and size >= 2 for size in sizes):
        raise ValueError(
            "patch_sizes must be 'cifar', 'imagenet', or pixels of 2 or more and 'image', "
            f"not {patch_sizes!r}"
        )
    return sizes  # type: ignore[return-value]
