"""The options of IPMix, and the form in which the kernels read them."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import one_of, real_number, some_of, whole_number
from fractalgen.augment.image_ops import NAMED_OPS
from fractalgen.errors import ArgumentError
from fractalgen.kernels.plan_layout import (
    FRAMEWORKS,
    IMAGE_OPS,
    MAX_DEPTH,
    MAX_WIDTH,
    MIXING_OPS,
    SETTINGS,
    Choices,
)
from fractalgen.registry import shown

__all__ = [
    "COMPATS",
    "LEVELS",
    "PATCH_SHAPES",
    "PATCH_SIZES",
    "IPMixConfig",
    "choices_of",
    "settings_of",
    "tables",
]

PATCH_SIZES: dict[str, tuple[int | str, ...]] = {
    "cifar": (4, 8, 16, "image"),
    "imagenet": (4, 8, 16, 32, 64, "image"),
}
PATCH_SHAPES = ("square", "scar")
LEVELS = ("image", "patch", "pixel")
COMPATS = ("paper", "official")
_MAX_SIDE = 1 << 30
# What IPMix has no options for: the lowest level, and the maximum-entropy operations.
_SETTINGS = {
    "min_level": 0.1,
    "filter_sides": (3, 7),
    "max_frequency": 10,
    "max_modes": 10,
    "filter_scale": 0.25,
    "tone_scale": 1.0,
}
# The public code mixes with copies only in its ImageNet setup, recognised by these sizes.
_SIZES_WITH_COPIES = frozenset(PATCH_SIZES["imagenet"]) - {"image"}


@dataclasses.dataclass(frozen=True)
class IPMixConfig:
    """The options of `fractalgen.IPMix`. They are checked on construction.

    Parameters
    ----------
    k : int
        Number of chains, 1 to 8.
    t : int
        Maximum number of steps per chain, 1 to 8.
    patch_sizes : str or sequence
        ``"cifar"`` (4, 8, 16 and the whole image), ``"imagenet"`` (4 to 64 and the whole image), or
        a list of sides in pixels and ``"image"``, which stands for the whole image (pixel level).
    mixing_ops : sequence of str
        Any of ``add``, ``multiply``, ``random-pixels``, ``random-elements``.
    image_ops : str or sequence of str
        ``"paper"`` (ten operations, none of which is a corruption of ImageNet-C), ``"all"``
        (fifteen), or a list of names; only a list can have ``filter``, ``tone`` and ``warp``, the
        maximum-entropy operations of PRIME.
    patch_shapes : sequence of str
        Any of ``square`` and ``scar`` (long and thin).
    levels : sequence of str
        Any of ``image``, ``patch``, ``pixel``.
    framework : str
        ``"chain"``: parallel chains. ``"linear"``: a single chain with steps of any level, not
        blended with the clean image. ``"input"``: each chain starts from the previous one's result.
        See Figure 4 of the paper.
    alpha : float
        Parameter of the Dirichlet distribution of the chains' weights and of the Beta distribution
        of the clean image's weight, 0.01 to 1000.
    beta : float
        Strength of the mixing operations, 0.01 to 1000; smaller values mix more.
    severity : float
        Maximum level of the image operations, 0.1 to 10.
    compat : str
        ``"paper"``: chains have 1 to `t` steps; the partner is the bank's image or a transformed
        copy of the image, with equal chances; and values are clipped. ``"official"``, as in the
        public code: chains have 0 to `t` steps; values out of range wrap around; all views share
        the bank's image; patches as large as the image can be scars; and the partner is always the
        bank's image, unless `patch_sizes` contains 4, 8, 16, 32 and 64, as in its ImageNet code.

    Raises
    ------
    ArgumentError
        If an option is unknown, out of range or has the wrong type; the message names it.
    """

    k: int = 3
    t: int = 3
    patch_sizes: str | Sequence[int | str] = "cifar"
    mixing_ops: Sequence[str] = ("add", "multiply", "random-pixels", "random-elements")
    image_ops: str | Sequence[str] = "paper"
    patch_shapes: Sequence[str] = PATCH_SHAPES
    levels: Sequence[str] = LEVELS
    framework: str = "chain"
    alpha: float = 1.0
    beta: float = 3.0
    severity: float = 3.0
    compat: str = "paper"

    def __post_init__(self) -> None:
        checked = {
            "patch_sizes": _checked_sizes(self.patch_sizes),
            "compat": one_of("compat", self.compat, COMPATS),
            "k": whole_number("k", self.k, 1, MAX_WIDTH),
            "t": whole_number("t", self.t, 1, MAX_DEPTH),
            "mixing_ops": some_of("mixing_ops", self.mixing_ops, MIXING_OPS),
            "image_ops": one_of("image_ops", self.image_ops, tuple(NAMED_OPS))
            if isinstance(self.image_ops, str)
            else some_of("image_ops", self.image_ops, IMAGE_OPS),
            "patch_shapes": some_of("patch_shapes", self.patch_shapes, PATCH_SHAPES),
            "levels": some_of("levels", self.levels, LEVELS),
            "framework": one_of("framework", self.framework, FRAMEWORKS),
            "alpha": real_number("alpha", self.alpha, 0.01, 1000),
            "beta": real_number("beta", self.beta, 0.01, 1000),
            "severity": real_number("severity", self.severity, 0.1, 10),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)


@functools.lru_cache(maxsize=64)
def tables(
    config: IPMixConfig, height: int, width: int, n_images: int, image_size: int
) -> tuple[Choices, NDArray[np.void]]:
    """Return the choices and settings from which plans are drawn, for an image and a bank shape.

    The settings are an array of one record. Both are shared between callers: don't change them.
    """
    longest = max(height, width)
    sizes = _named_or_given(config.patch_sizes, PATCH_SIZES)
    sides = [longest if size == "image" else int(size) for size in sizes]
    patches = [side for side in sides if side < longest and "patch" in config.levels]
    whole = [longest for side in sides if side >= longest and "pixel" in config.levels]
    if not patches + whole and "image" not in config.levels:
        raise ArgumentError(
            f"no patch size is left for images of {height} x {width} at the levels "
            f"{', '.join(config.levels)}; use other patch_sizes, or add 'image' to them"
        )
    image_ops = _named_or_given(config.image_ops, NAMED_OPS)
    choices = choices_of(image_ops, config.mixing_ops, patches + whole)
    official = config.compat == "official"
    settings = settings_of(
        n_images=n_images,
        image_size=image_size,
        width=config.k,
        min_depth=0 if official else 1,
        depth=config.t,
        framework=FRAMEWORKS.index(config.framework),
        wraps=official,
        copies=not official or _SIZES_WITH_COPIES.issubset(sizes),
        image_level="image" in config.levels,
        p_level=choices.patch_sizes.size > 0,
        square="square" in config.patch_shapes,
        scar="scar" in config.patch_shapes,
        one_image=official,
        boxed_pixels=official,
        alpha=config.alpha,
        beta=config.beta,
        severity=config.severity,
    )
    return choices, settings


def choices_of(
    image_ops: Sequence[str], mixing_ops: Sequence[str] = (), patch_sizes: Sequence[int] = ()
) -> Choices:
    """Return the choices of a step, with operations by their numbers."""
    return Choices(
        np.array(patch_sizes, np.int64),
        np.array([MIXING_OPS.index(name) for name in mixing_ops], np.int64),
        np.array([IMAGE_OPS.index(name) for name in image_ops], np.int64),
    )


def settings_of(**fields: Any) -> NDArray[np.void]:
    """Return settings, an array of one record; those that are not given are IPMix's or zero."""
    settings = np.zeros(1, SETTINGS)
    for name, value in (_SETTINGS | fields).items():
        settings[name] = value
    return settings


def _named_or_given(value: str | Sequence[Any], named: dict[str, Any]) -> Sequence[Any]:
    return named[value] if isinstance(value, str) else value


def _checked_sizes(sizes: Any) -> str | tuple[int | str, ...]:
    if isinstance(sizes, str):
        return one_of("patch_sizes", sizes, tuple(PATCH_SIZES))
    if not isinstance(sizes, Sequence) or isinstance(sizes, bytes) or not sizes:
        raise ArgumentError(
            "patch_sizes must be 'cifar', 'imagenet', or a list of pixels and 'image', "
            f"not {shown(sizes)}"
        )
    return tuple(
        one_of("patch_sizes", size, ("image",))
        if isinstance(size, str)
        else whole_number("each of patch_sizes, but for 'image',", size, 2, _MAX_SIDE)
        for size in sizes
    )
