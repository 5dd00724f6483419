"""The options of IPMix, checked, and turned into what the kernels read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import one_of, real_number, some_of, whole_number
from fractalgen.augment.image_ops import IMAGE_OPS, PAPER_IMAGE_OPS
from fractalgen.augment.plan import FRAMEWORKS, MAX_DEPTH, MAX_WIDTH, MIXING_OPS
from fractalgen.kernels.plans import SETTINGS
from fractalgen.registry import shown

__all__ = ["LEVELS", "PATCH_SHAPES", "PATCH_SIZES", "WHOLE", "Options"]

# A patch size that means the image's own: the pixel level.
WHOLE = 1 << 30
PATCH_SIZES: dict[str, tuple[int, ...]] = {
    "cifar": (4, 8, 16, WHOLE),
    "imagenet": (4, 8, 16, 32, 64, WHOLE),
}
PATCH_SHAPES = ("square", "scar")
LEVELS = ("image", "patch", "pixel")
# Those that are in none of the public code's settings but ImageNet's: with them it mixes copies.
_IMAGENET_PATCHES = frozenset(PATCH_SIZES["imagenet"]) - {WHOLE}
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
        sizes = _sizes(patch_sizes)
        compat = one_of("compat", compat, _COMPATS)
        return cls(
            k=whole_number("k", k, 1, MAX_WIDTH),
            t=whole_number("t", t, 1, MAX_DEPTH),
            patch_sizes=sizes,
            mixing_ops=some_of("mixing_ops", mixing_ops, MIXING_OPS),
            image_ops=_image_ops(image_ops),
            patch_shapes=some_of("patch_shapes", patch_shapes, PATCH_SHAPES),
            levels=some_of("levels", levels, LEVELS),
            framework=one_of("framework", framework, FRAMEWORKS),
            alpha=real_number("alpha", alpha, 0.01, 1000),
            beta=real_number("beta", beta, 0.01, 1000),
            severity=real_number("severity", severity, 0.1, 10),
            compat=compat,
            copies=compat == "paper" or _IMAGENET_PATCHES.issubset(sizes),
        )

    def lists(self, height: int, width: int) -> tuple[NDArray[np.int64], ...]:
        """Return the patch sizes for an image, and the indices of its operations."""
        longest = max(height, width)
        patches = [s for s in self.patch_sizes if s < longest and "patch" in self.levels]
        whole = [longest for s in self.patch_sizes if s >= longest and "pixel" in self.levels]
        sizes = patches + whole
        if not sizes and "image" not in self.levels:
            raise ValueError(
                f"no patch size is left for images of {height} x {width} at the levels "
                f"{', '.join(self.levels)}; give other patch_sizes, or 'image' among them"
            )
        names = (
            (MIXING_OPS.index(name) for name in self.mixing_ops),
            (IMAGE_OPS.index(name) for name in self.image_ops),
        )
        return (np.array(sizes, np.int64), *(np.array(list(n), np.int64) for n in names))

    def settings(self, n_images: int, image_size: int, n_sizes: int) -> NDArray[np.void]:
        """Return the rest as an array of one record of dtype `SETTINGS`."""
        official = self.compat == "official"
        record = np.zeros(1, SETTINGS)
        record["n_images"], record["image_size"] = n_images, image_size
        record["width"], record["depth"] = self.k, self.t
        record["least_depth"] = 0 if official else 1
        record["framework"] = FRAMEWORKS.index(self.framework)
        record["wraps"] = record["boxed_pixels"] = record["one_image"] = official
        record["copies"] = self.copies
        record["image_level"] = "image" in self.levels
        record["p_level"] = n_sizes > 0
        record["square"] = "square" in self.patch_shapes
        record["scar"] = "scar" in self.patch_shapes
        record["alpha"], record["beta"] = self.alpha, self.beta
        record["severity"] = self.severity
        return record


def _image_ops(image_ops: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(image_ops, str):
        return _IMAGE_OPS[one_of("image_ops", image_ops, tuple(_IMAGE_OPS))]
    return some_of("image_ops", image_ops, IMAGE_OPS)


def _sizes(patch_sizes: str | Sequence[int | str]) -> tuple[int, ...]:
    if isinstance(patch_sizes, str):
        return PATCH_SIZES[one_of("patch_sizes", patch_sizes, tuple(PATCH_SIZES))]
    if not isinstance(patch_sizes, Sequence) or isinstance(patch_sizes, bytes) or not patch_sizes:
        raise ValueError(
            "patch_sizes must be 'cifar', 'imagenet', or a list of pixels and 'image', "
            f"not {shown(patch_sizes)}"
        )
    return tuple(_size(size) for size in patch_sizes)


def _size(size: Any) -> int:
    if isinstance(size, str):
        one_of("patch_sizes", size, ("image",))
        return WHOLE
    return whole_number("each of patch_sizes, but for 'image',", size, 2, WHOLE)
