"""PRIME: chains of maximum-entropy operations."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import real_number, some_of, whole_number
from fractalgen.augment.augmenter import Augmenter
from fractalgen.augment.augmix import checked_chains, depths
from fractalgen.augment.config import choices_of, settings_of
from fractalgen.augment.max_entropy import FILTER, MAX_FREQUENCY, MAX_MODES, MAX_SIDE, TONE
from fractalgen.errors import ArgumentError
from fractalgen.kernels.plan_layout import Choices

__all__ = ["PRIME", "PRIMEConfig"]

_OPS = {
    "filter": ("filter_side", "sigma"),
    "tone": ("max_frequency", "bandwidth", "temperature"),
    "warp": ("max_modes",),
}
"""The operations with the options that are for them alone."""
_TOP_LEVEL = 10.0
_TOP_SIGMA, _TOP_TEMPERATURE = 4.0, 0.01  # at that level, without a scale


@dataclasses.dataclass(frozen=True)
class PRIMEConfig:
    """The options of `fractalgen.PRIME`; the defaults are those of its public code for CIFAR.

    For ImageNet, it uses ``max_frequency=500, bandwidth=20, temperature=0.05, max_modes=500``.

    Parameters
    ----------
    width : int
        Number of chains, 1 to 8.
    depth : int
        Operations per chain, 1 to 8; -1 for a random number from 1 to 3.
    operations : sequence of str
        Any of filter (random filters), tone (random tone curves), warp (random smooth warps).
    filter_side : int
        Side of the filters in pixels, odd, 1 to 15.
    sigma : float
        Maximum deviation of the filters' weights about the identity, 0 to 16.
    max_frequency : int
        Highest frequency of the tone curves, 1 to 1000.
    bandwidth : int
        Number of frequencies in a tone curve, 0 to 1000; 0 for all up to a random one.
    temperature : float
        Maximum variance of a frequency's weight in the tone curves, 0 to 1.
    max_modes : int
        Highest frequency of the warps, 3 to 1000.
    """

    width: int = 3
    depth: int = -1
    operations: Sequence[str] = tuple(_OPS)
    filter_side: int = 3
    sigma: float = 4.0
    max_frequency: int = 100
    bandwidth: int = 0
    temperature: float = 0.01
    max_modes: int = 100

    def __post_init__(self) -> None:
        checked_chains(self)
        side = whole_number("filter_side", self.filter_side, 1, MAX_SIDE)
        if side % 2 == 0:
            raise ArgumentError(f"filter_side must be odd, not {side}")
        checked = {
            "operations": some_of("operations", self.operations, tuple(_OPS)),
            "filter_side": side,
            "sigma": real_number("sigma", self.sigma, 0, FILTER.max_amount),
            "max_frequency": whole_number("max_frequency", self.max_frequency, 1, MAX_FREQUENCY),
            "bandwidth": whole_number("bandwidth", self.bandwidth, 0, MAX_FREQUENCY),
            "temperature": real_number("temperature", self.temperature, 0, TONE.max_amount),
            "max_modes": whole_number("max_modes", self.max_modes, 3, MAX_MODES),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        for operation, names in _OPS.items():
            for name in names:
                changed = getattr(self, name) != getattr(PRIMEConfig, name)
                if changed and operation not in self.operations:
                    raise ArgumentError(f"{name} is for '{operation}', not among the operations")


class PRIME(Augmenter):
    """Augment images by PRIME; it needs no bank.

    Each chain applies random filters, tone curves and smooth warps; the chains are averaged by
    Dirichlet weights, then blended with the clean image by a Beta weight. Three things differ from
    the public code. Strengths are drawn for each image, not for the whole batch. The middle
    of a filter is at its centre; in the public code it is one pixel further down and right. Values
    are rounded to 8 bits after each operation.

    Source: Modas et al., "PRIME: A few primitives can boost robustness to common corruptions", ECCV
    2022.

    Parameters
    ----------
    config : PRIMEConfig, optional
        The options; by default those for CIFAR.
    engine : str
        ``"compiled"``, or ``"reference"``, which applies the same plans with NumPy.
    threads : int, optional
        Number of threads for `batch`. By default one per CPU core, but one in a worker process.
    **options
        Options of `PRIMEConfig` by name; they override those of `config`.

    Raises
    ------
    ArgumentTypeError
        If `config` has the wrong type, or an option is unknown.
    ArgumentError
        If an option is out of range.
    """

    config_type: ClassVar[type[PRIMEConfig]] = PRIMEConfig
    uses_bank: ClassVar[bool] = False

    def __init__(
        self,
        config: PRIMEConfig | None = None,
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
def _tables(config: PRIMEConfig, image_size: int) -> tuple[Choices, NDArray[np.void]]:
    return choices_of(config.operations), settings_of(
        n_images=1,
        image_size=image_size,
        image_level=True,
        alpha=1.0,
        severity=_TOP_LEVEL,
        min_level=0.0,
        filter_sides=(config.filter_side, config.filter_side),
        filter_scale=config.sigma / _TOP_SIGMA,
        max_frequency=config.max_frequency,
        bandwidth=config.bandwidth,
        tone_scale=config.temperature / _TOP_TEMPERATURE,
        max_modes=config.max_modes,
        **depths(config),
    )
