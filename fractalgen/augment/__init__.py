"""IPMix: plans, the compiled augmenter, and the readable reference."""

from fractalgen.augment.ipmix import IPMix

__all__ = ["IPMix"]
