"""Augmenters: options, plans, the compiled engine and the readable reference."""

from fractalgen.augment.augmix import AugMix, AugMixConfig
from fractalgen.augment.config import IPMixConfig
from fractalgen.augment.ipmix import IPMix
from fractalgen.augment.pixmix import LayerMix, LayerMixConfig, PixMix, PixMixConfig
from fractalgen.augment.prime import PRIME, PRIMEConfig

__all__ = [
    "PRIME",
    "AugMix",
    "AugMixConfig",
    "IPMix",
    "IPMixConfig",
    "LayerMix",
    "LayerMixConfig",
    "PRIMEConfig",
    "PixMix",
    "PixMixConfig",
]
