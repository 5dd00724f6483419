"""Draw the fractal mixing set that IPMix-style augmentation needs, from recorded parameters."""

import importlib
from typing import TYPE_CHECKING, Any

from fractalgen.version import __version__

if TYPE_CHECKING:
    from fractalgen.augment import IPMix
    from fractalgen.bank import MixingSet
    from fractalgen.families import FAMILIES, render, sample
    from fractalgen.families.base import ImageSpec

_ROOMS = {
    "FAMILIES": "fractalgen.families",
    "IPMix": "fractalgen.augment",
    "MixingSet": "fractalgen.bank",
    "ImageSpec": "fractalgen.families.base",
    "render": "fractalgen.families",
    "sample": "fractalgen.families",
}

__all__ = ["FAMILIES", "IPMix", "ImageSpec", "MixingSet", "__version__", "render", "sample"]


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that ``import fractalgen`` stays cheap (PEP 562)."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'fractalgen' has no attribute '{name}'")
    value = getattr(importlib.import_module(_ROOMS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
