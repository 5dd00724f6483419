"""IPMix: options, plans, the compiled engine and the readable reference."""

from fractalgen.augment.config import IPMixConfig
from fractalgen.augment.ipmix import IPMix

__all__ = ["IPMix", "IPMixConfig"]
