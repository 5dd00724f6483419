"""AugMix: chains of image operations, averaged by random weights."""

import dataclasses
import functools
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import real_number, true_or_false, whole_number
from fractalgen.augment.augmenter import Augmenter
from fractalgen.augment.config import choices_of, settings_of
from fractalgen.errors import ArgumentError
from fractalgen.kernels.plan_layout import MAX_DEPTH, MAX_WIDTH, Choices

__all__ = [
    "AUGMIX_OPS",
    "CORRUPTION_OPS",
    "AugMix",
    "AugMixConfig",
    "checked_chains",
    "depths",
    "operations",
]

AUGMIX_OPS = (
    "autocontrast",
    "equalize",
    "posterize",
    "rotate",
    "solarize",
    "shear-x",
    "shear-y",
    "translate-x",
    "translate-y",
)
"""The operations that AugMix and PixMix share."""
CORRUPTION_OPS = ("color", "contrast", "brightness", "sharpness")
"""Operations that resemble corruptions of ImageNet-C, so results with them are not comparable."""
RANDOM_DEPTH = -1
MAX_RANDOM_DEPTH = 3


@dataclasses.dataclass(frozen=True)
class AugMixConfig:
    """The options of `fractalgen.AugMix`. They are checked on construction.

    Parameters
    ----------
    width : int
        Number of chains, 1 to 8.
    depth : int
        Operations per chain, 1 to 8; -1 for a random number from 1 to 3.
    severity : float
        Maximum level of the operations, 0.1 to 10.
    alpha : float
        Parameter of the Dirichlet distribution of the chains' weights and of the Beta distribution
        of the clean image's weight, 0.01 to 1000.
    all_ops : bool
        Also use color, contrast, brightness and sharpness, which resemble test corruptions.
    """

    width: int = 3
    depth: int = RANDOM_DEPTH
    severity: float = 3.0
    alpha: float = 1.0
    all_ops: bool = False

    def __post_init__(self) -> None:
        checked_chains(self)
        object.__setattr__(self, "severity", real_number("severity", self.severity, 0.1, 10))
        object.__setattr__(self, "alpha", real_number("alpha", self.alpha, 0.01, 1000))
        object.__setattr__(self, "all_ops", true_or_false("all_ops", self.all_ops))


def checked_chains(config: Any) -> None:
    """Check a config's `width` and `depth`."""
    object.__setattr__(config, "width", whole_number("width", config.width, 1, MAX_WIDTH))
    depth = whole_number("depth", config.depth, RANDOM_DEPTH, MAX_DEPTH)
    if depth == 0:
        raise ArgumentError(f"depth must be 1 to {MAX_DEPTH}, or {RANDOM_DEPTH} for 1 to 3")
    object.__setattr__(config, "depth", depth)


def depths(config: Any) -> dict[str, int]:
    """Return the settings for a config's `width` and `depth`."""
    is_random = config.depth == RANDOM_DEPTH
    return {
        "width": config.width,
        "min_depth": 1 if is_random else config.depth,
        "depth": MAX_RANDOM_DEPTH if is_random else config.depth,
    }


def operations(config: Any) -> tuple[str, ...]:
    """Return the image operations that a config's `all_ops` stands for."""
    return (*AUGMIX_OPS, *CORRUPTION_OPS) if config.all_ops else AUGMIX_OPS


class AugMix(Augmenter):
    """Augment images by AugMix; it needs no bank.

    Chains of random operations are averaged by Dirichlet weights, then blended with the clean image
    by a Beta weight. Within a chain values are rounded to 8 bits, as in the public code.

    Source: Hendrycks et al., "AugMix: A simple data processing method to improve robustness and
    uncertainty", ICLR 2020.

    Parameters
    ----------
    config : AugMixConfig, optional
        The options; by default those of the paper.
    engine : str
        ``"compiled"``, or ``"reference"``, which applies the same plans with Pillow and NumPy.
    threads : int, optional
        Number of threads for `batch`. By default one per CPU core, but one in a worker process.
    **options
        Options of `AugMixConfig` by name; they override those of `config`.

    Raises
    ------
    ArgumentTypeError
        If `config` has the wrong type, or an option is unknown.
    ArgumentError
        If an option is out of range.
    """

    config_type: ClassVar[type[AugMixConfig]] = AugMixConfig
    uses_bank: ClassVar[bool] = False

    def __init__(
        self,
        config: AugMixConfig | None = None,
        *,
        engine: str = "compiled",
        threads: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(None, config, options, engine, threads)

    def _tables(
        self, height: int, width: int, n_images: int, image_size: int
    ) -> tuple[Choices, NDArray[np.void]]:
        return _tables(self.config, image_size)


@functools.lru_cache(maxsize=64)
def _tables(config: AugMixConfig, image_size: int) -> tuple[Choices, NDArray[np.void]]:
    return choices_of(operations(config)), settings_of(
        n_images=1,
        image_size=image_size,
        image_level=True,
        alpha=config.alpha,
        severity=config.severity,
        **depths(config),
    )
