"""PRIME as a training method."""

from dataclasses import dataclass
from typing import ClassVar

from fractalgen.augment import PRIME, PRIMEConfig
from fractalgen.methods.augmented import Augmented

__all__ = ["PRIMEMethod"]


@dataclass(frozen=True)
class PRIMEMethod(Augmented, PRIMEConfig):
    """Train on images changed by PRIME; the options are `jsd` and those of `fractalgen.PRIME`.

    Source: Modas et al., "PRIME: A few primitives can boost robustness to common corruptions",
    ECCV 2022.
    """

    jsd: bool = True

    name: ClassVar[str] = "prime"
    augmenter: ClassVar[type[PRIME]] = PRIME
