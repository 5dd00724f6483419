"""Training methods by name. Listing them is fast; looking one up imports PyTorch."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

from fractalgen.errors import RunUsageError, UnknownNameError
from fractalgen.registry import Registry

if TYPE_CHECKING:
    from fractalgen.bank import MixingSet
    from fractalgen.methods.method import Method

__all__ = ["DEFAULT_METHOD", "METHODS", "find_method", "open_set"]

DEFAULT_METHOD = "ipmix"

METHODS: Registry[str] = Registry("method")
"""The module and class of each method."""

METHODS.add("ipmix", "fractalgen.methods.ipmix:IPMixMethod")
METHODS.add("vanilla", "fractalgen.methods.vanilla:Vanilla")
METHODS.add("augmix", "fractalgen.methods.augmix:AugMixMethod")
METHODS.add("pixmix", "fractalgen.methods.pixmix:PixMixMethod")
METHODS.add("layermix", "fractalgen.methods.layermix:LayerMixMethod")
METHODS.add("prime", "fractalgen.methods.prime:PRIMEMethod")


def find_method(name: str) -> type[Method]:
    """Load a method's class; RunUsageError suggests the nearest name."""
    try:
        method: type[Method] = pkgutil.resolve_name(METHODS[name])
    except UnknownNameError as error:
        raise RunUsageError(str(error)) from None
    return method


def open_set(folder: Path, image_size: int) -> MixingSet:
    """Open a mixing set for training images of a size.

    Its images are an eighth larger (36 pixels for 32, 256 for 224), so random crops of one image
    differ.
    """
    from fractalgen.bank import MixingSet

    return MixingSet(folder, size=image_size * 8 // 7)
