"""LayerMix as a training method."""

from dataclasses import dataclass
from typing import ClassVar

from fractalgen.augment import LayerMix, LayerMixConfig
from fractalgen.methods.augmented import Augmented

__all__ = ["LayerMixMethod"]


@dataclass(frozen=True)
class LayerMixMethod(Augmented, LayerMixConfig):
    """Train on images mixed by LayerMix; the options are `jsd` and those of `fractalgen.LayerMix`.

    Source: Ahmad et al., "LayerMix: Enhanced data augmentation through fractal integration for
    robust deep learning", 2025, arXiv 2501.04861.
    """

    name: ClassVar[str] = "layermix"
    uses_set: ClassVar[bool] = True
    augmenter: ClassVar[type[LayerMix]] = LayerMix
