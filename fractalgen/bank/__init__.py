"""A folder of images as one memory-mapped array of small ones."""

from fractalgen.bank.bank import MixingSet

__all__ = ["MixingSet"]
