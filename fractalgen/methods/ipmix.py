"""IPMix as a training method, with or without the Jensen-Shannon loss."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from fractalgen.augment import IPMix, IPMixConfig
from fractalgen.methods.augmented import Augmented

__all__ = ["IPMixMethod"]


@dataclass(frozen=True)
class IPMixMethod(Augmented, IPMixConfig):
    """Train on images mixed by IPMix; the options are `jsd` and those of `fractalgen.IPMix`.

    Source: Huang et al., "IPMix: Label-Preserving Data Augmentation Method for Training Robust
    Classifiers", NeurIPS 2023.
    """

    jsd: bool = True

    name: ClassVar[str] = "ipmix"
    uses_set: ClassVar[bool] = True
    augmenter: ClassVar[type[IPMix]] = IPMix
    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"compat": "paper"},
        "official": {"compat": "official"},
    }
