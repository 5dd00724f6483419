"""AugMix as a training method."""

from dataclasses import dataclass
from typing import ClassVar

from fractalgen.augment import AugMix, AugMixConfig
from fractalgen.methods.augmented import Augmented

__all__ = ["AugMixMethod"]


@dataclass(frozen=True)
class AugMixMethod(Augmented, AugMixConfig):
    """Train on images mixed by AugMix; the options are `jsd` and those of `fractalgen.AugMix`.

    Source: Hendrycks et al., "AugMix: A simple data processing method to improve robustness and
    uncertainty", ICLR 2020.
    """

    jsd: bool = True

    name: ClassVar[str] = "augmix"
    augmenter: ClassVar[type[AugMix]] = AugMix
