"""Reading: a folder of images as one memory-mapped array of small ones."""

from fractalgen.mixing_set.bank.bank import MixingSet
from fractalgen.mixing_set.bank.errors import BankError, UnreadableImagesError

__all__ = ["BankError", "MixingSet", "UnreadableImagesError"]
