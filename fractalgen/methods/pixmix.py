"""PixMix as a training method."""

from dataclasses import dataclass
from typing import ClassVar

from fractalgen.augment import PixMix, PixMixConfig
from fractalgen.methods.augmented import Augmented

__all__ = ["PixMixMethod"]


@dataclass(frozen=True)
class PixMixMethod(Augmented, PixMixConfig):
    """Train on images mixed by PixMix; the options are `jsd` and those of `fractalgen.PixMix`.

    Source: Hendrycks et al., "PixMix: Dreamlike pictures comprehensively improve safety measures",
    CVPR 2022.
    """

    name: ClassVar[str] = "pixmix"
    uses_set: ClassVar[bool] = True
    augmenter: ClassVar[type[PixMix]] = PixMix
