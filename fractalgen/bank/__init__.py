"""Reading: a folder of images as one memory-mapped array of small ones."""

from fractalgen.bank.bank import MixingSet
from fractalgen.errors import BankError, UnreadableImagesError

__all__ = ["BankError", "MixingSet", "UnreadableImagesError"]
