"""PixMix and LayerMix: mix whole images with those of a bank, one step after another."""

import dataclasses
import functools
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import real_number, true_or_false, whole_number
from fractalgen.augment.augmenter import Augmenter, Bank
from fractalgen.augment.augmix import operations
from fractalgen.augment.config import choices_of, settings_of
from fractalgen.kernels.plan_layout import MAX_DEPTH, Choices, Scheme

__all__ = ["LayerMix", "LayerMixConfig", "PixMix", "PixMixConfig"]

_MAX_LAYERS = 3
_PIXMIX_MIXING = ("add", "multiply")
# Add and multiply are twice as likely as the others.
_LAYERMIX_MIXING = (*_PIXMIX_MIXING, *_PIXMIX_MIXING, "random-pixels", "random-elements")


@dataclasses.dataclass(frozen=True)
class PixMixConfig:
    """The options of `fractalgen.PixMix`; the defaults are those of its public code for CIFAR.

    For ImageNet, the public code uses ``beta=4, severity=1``.

    Parameters
    ----------
    k : int
        Maximum number of mixing rounds, 1 to 7.
    beta : float
        Strength of the mixing operations, 0.01 to 1000; smaller values mix more.
    severity : float
        Maximum level of the image operations, 0.1 to 10.
    all_ops : bool
        Also use color, contrast, brightness and sharpness, which resemble test corruptions.
    """

    k: int = 4
    beta: float = 3.0
    severity: float = 3.0
    all_ops: bool = False

    def __post_init__(self) -> None:
        # The first step of a chain may be an operation.
        object.__setattr__(self, "k", whole_number("k", self.k, 1, MAX_DEPTH - 1))
        _check_strengths(self)


@dataclasses.dataclass(frozen=True)
class LayerMixConfig:
    """The options of `fractalgen.LayerMix`; the defaults are those of its public code for CIFAR.

    Parameters
    ----------
    layers : int
        Maximum number of layers, 1 to 3; the third mixes with the bank.
    beta : float
        Strength of the mixing operations, 0.01 to 1000; smaller values mix more.
    severity : float
        Maximum level of the image operations, 0.1 to 10.
    all_ops : bool
        Also use color, contrast, brightness and sharpness, which resemble test corruptions.
    """

    layers: int = _MAX_LAYERS
    beta: float = 3.0
    severity: float = 3.0
    all_ops: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", whole_number("layers", self.layers, 1, _MAX_LAYERS))
        _check_strengths(self)


def _check_strengths(config: PixMixConfig | LayerMixConfig) -> None:
    checked = {
        "beta": real_number("beta", config.beta, 0.01, 1000),
        "severity": real_number("severity", config.severity, 0.1, 10),
        "all_ops": true_or_false("all_ops", config.all_ops),
    }
    for name, value in checked.items():
        object.__setattr__(config, name, value)


class PixMix(Augmenter):
    """Augment images by PixMix.

    The image, or a changed copy, is mixed up to `k` times with an image of the bank or with another
    changed copy, by adding or multiplying. Values are clipped and, unlike in the public code,
    rounded to 8 bits after each round.

    Source: Hendrycks et al., "PixMix: Dreamlike pictures comprehensively improve safety measures",
    CVPR 2022.

    Parameters
    ----------
    bank : MixingSet or ndarray of uint8, shape (n, size, size, 3)
        Images to mix with, at least as large as those to augment.
    config : PixMixConfig, optional
        The options.
    engine : str
        ``"compiled"``, or ``"reference"``, which applies the same plans with Pillow and NumPy.
    threads : int, optional
        Number of threads for `batch`. By default one per CPU core, but one in a worker process.
    **options
        Options of the config by name; they override those of `config`.

    Raises
    ------
    ArgumentTypeError
        If `bank` or `config` has the wrong type, or an option is unknown.
    ArgumentError
        If an option is out of range, or the bank is empty, not square or not uint8.
    """

    config_type: ClassVar[type[Any]] = PixMixConfig

    def __init__(
        self,
        bank: Bank | NDArray[np.uint8] | None = None,
        config: Any = None,
        *,
        engine: str = "compiled",
        threads: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(bank, config, options, engine, threads)

    def _tables(
        self, height: int, width: int, n_images: int, image_size: int
    ) -> tuple[Choices, NDArray[np.void]]:
        return _tables(self.config, n_images, image_size)


class LayerMix(PixMix):
    """Augment images by LayerMix; the arguments are those of `PixMix`.

    Each image draws one random operation. The first layer is the image, changed by the operation.
    The second layer mixes it with another copy, changed by the same operation to another degree.
    The third layer mixes the result with an image of the bank, and changes it once more by the
    operation. The number of layers is random. Values are rounded to 8 bits after each step.

    The scripts of the public code call a function that is not published. This class follows a
    published function of another name that fits the paper's description. The image operations
    differ: here they are those of AugMix, at AugMix's strengths, without greyscale and without the
    second kinds of posterize and solarize.

    Source: Ahmad et al., "LayerMix: Enhanced data augmentation through fractal integration for
    robust deep learning", 2025, arXiv 2501.04861.

    Raises
    ------
    ArgumentTypeError
        If `bank` or `config` has the wrong type, or an option is unknown.
    ArgumentError
        If an option is out of range, or the bank is empty, not square or not uint8.
    """

    config_type: ClassVar[type[Any]] = LayerMixConfig


@functools.lru_cache(maxsize=64)
def _tables(
    config: PixMixConfig | LayerMixConfig, n_images: int, image_size: int
) -> tuple[Choices, NDArray[np.void]]:
    rounds = isinstance(config, PixMixConfig)
    choices = choices_of(operations(config), _PIXMIX_MIXING if rounds else _LAYERMIX_MIXING)
    return choices, settings_of(
        scheme=Scheme.PIXMIX if rounds else Scheme.LAYERMIX,
        n_images=n_images,
        image_size=image_size,
        depth=config.k if isinstance(config, PixMixConfig) else config.layers,
        beta=config.beta,
        severity=config.severity,
    )
