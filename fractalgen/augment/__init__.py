"""IPMix: its options and plans, the compiled engine and the readable one."""

from fractalgen.augment.config import IPMixConfig
from fractalgen.augment.ipmix import IPMix

__all__ = ["IPMix", "IPMixConfig"]
