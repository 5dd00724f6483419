"""IPMix: mix training images with a bank of images at the image, patch and pixel level."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.augment.augmenter import Augmenter, Bank
from fractalgen.augment.config import IPMixConfig, tables
from fractalgen.kernels.plan_layout import Choices

__all__ = ["Bank", "IPMix"]


class IPMix(Augmenter):
    """Augment images with Algorithm 1 of IPMix; their labels stay the same.

    Source: Huang et al., "IPMix: Label-Preserving Data Augmentation Method for Training Robust
    Classifiers", NeurIPS 2023.

    Parameters
    ----------
    bank : MixingSet or ndarray of uint8, shape (n, size, size, 3)
        Images to mix with, at least as large as those to augment.
    config : IPMixConfig, optional
        The options; by default those of the paper for CIFAR.
    engine : str
        ``"compiled"``, or ``"reference"``, which applies the same plans slowly with Pillow and
        NumPy.
    threads : int, optional
        Number of threads for `batch`. By default one per CPU core, but one in a worker process.
    **options
        Options of `IPMixConfig` by name, such as ``k=3``; they override those of `config`.

    Raises
    ------
    ArgumentTypeError
        If `bank` or `config` has the wrong type, or an option is unknown.
    ArgumentError
        If an option is out of range, or the bank is empty, not square or not uint8.
    """

    config_type: ClassVar[type[IPMixConfig]] = IPMixConfig

    def __init__(
        self,
        bank: Bank | NDArray[np.uint8] | None = None,
        config: IPMixConfig | None = None,
        *,
        engine: str = "compiled",
        threads: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(bank, config, options, engine, threads)

    def _tables(
        self, height: int, width: int, n_images: int, image_size: int
    ) -> tuple[Choices, NDArray[np.void]]:
        return tables(self.config, height, width, n_images, image_size)
