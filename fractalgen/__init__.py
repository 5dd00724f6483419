"""Draw the mixing set for IPMix-style augmentation, augment with it, train and evaluate."""

import importlib
from typing import TYPE_CHECKING, Any

from fractalgen.version import __version__

if TYPE_CHECKING:
    from fractalgen.augment import PRIME, AugMix, IPMix, IPMixConfig, LayerMix, PixMix
    from fractalgen.bank import MixingSet
    from fractalgen.errors import FractalgenError
    from fractalgen.evaluation.compare import compare
    from fractalgen.evaluation.evaluate import evaluate
    from fractalgen.evaluation.inspect import inspect
    from fractalgen.evaluation.own_model import own_model
    from fractalgen.experiments.comparing import train_and_compare
    from fractalgen.experiments.method_page import show_methods
    from fractalgen.families import FAMILIES, render, sample
    from fractalgen.families.base import ImageSpec
    from fractalgen.mixing_set.building.build import build
    from fractalgen.mixing_set.checking.verify import verify
    from fractalgen.mixing_set.exporting.export import export
    from fractalgen.mixing_set.measuring.stats import stats
    from fractalgen.mixing_set.merging.merge import merge
    from fractalgen.mixing_set.recipes.recipe import Recipe
    from fractalgen.mixing_set.viewing.gallery import gallery
    from fractalgen.training.run import load_run
    from fractalgen.training.train import train

_HOMES = {
    "AugMix": "fractalgen.augment",
    "FAMILIES": "fractalgen.families",
    "FractalgenError": "fractalgen.errors",
    "IPMix": "fractalgen.augment",
    "IPMixConfig": "fractalgen.augment",
    "ImageSpec": "fractalgen.families.base",
    "LayerMix": "fractalgen.augment",
    "MixingSet": "fractalgen.bank",
    "PRIME": "fractalgen.augment",
    "PixMix": "fractalgen.augment",
    "Recipe": "fractalgen.mixing_set.recipes.recipe",
    "build": "fractalgen.mixing_set.building.build",
    "compare": "fractalgen.evaluation.compare",
    "evaluate": "fractalgen.evaluation.evaluate",
    "export": "fractalgen.mixing_set.exporting.export",
    "gallery": "fractalgen.mixing_set.viewing.gallery",
    "inspect": "fractalgen.evaluation.inspect",
    "load_run": "fractalgen.training.run",
    "merge": "fractalgen.mixing_set.merging.merge",
    "own_model": "fractalgen.evaluation.own_model",
    "render": "fractalgen.families",
    "sample": "fractalgen.families",
    "show_methods": "fractalgen.experiments.method_page",
    "stats": "fractalgen.mixing_set.measuring.stats",
    "train": "fractalgen.training.train",
    "train_and_compare": "fractalgen.experiments.comparing",
    "verify": "fractalgen.mixing_set.checking.verify",
}

__all__ = [
    "FAMILIES",
    "PRIME",
    "AugMix",
    "FractalgenError",
    "IPMix",
    "IPMixConfig",
    "ImageSpec",
    "LayerMix",
    "MixingSet",
    "PixMix",
    "Recipe",
    "__version__",
    "build",
    "compare",
    "evaluate",
    "export",
    "gallery",
    "inspect",
    "load_run",
    "merge",
    "own_model",
    "render",
    "sample",
    "show_methods",
    "stats",
    "train",
    "train_and_compare",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562), so ``import fractalgen`` is fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fractalgen' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
