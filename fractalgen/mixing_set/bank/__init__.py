"""Reading: a folder of pictures as one memory-mapped array of small ones."""

from fractalgen.mixing_set.bank.bank import MixingSet
from fractalgen.mixing_set.bank.errors import BankError, UnreadablePicturesError

__all__ = ["BankError", "MixingSet", "UnreadablePicturesError"]
