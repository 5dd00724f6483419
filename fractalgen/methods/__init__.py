"""Training methods by name. Listing them is fast; looking one up imports PyTorch."""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING

from fractalgen.errors import RunUsageError, UnknownNameError
from fractalgen.registry import Registry

if TYPE_CHECKING:
    from fractalgen.bank import MixingSet
    from fractalgen.bank.source import Place
    from fractalgen.methods.method import Method

__all__ = ["DEFAULT_METHOD", "METHODS", "find_method", "open_set"]

DEFAULT_METHOD = "ipmix"

METHODS: Registry[str] = Registry("method")
"""The module and class of each method."""

METHODS.add("vanilla", "fractalgen.methods.vanilla:Vanilla")
METHODS.add("ipmix", "fractalgen.methods.ipmix:IPMixMethod")
METHODS.add("cutout", "fractalgen.methods.cutout:Cutout")
METHODS.add("mixup", "fractalgen.methods.batch_mixing:MixUp")
METHODS.add("cutmix", "fractalgen.methods.batch_mixing:CutMix")
METHODS.add("manifold-mixup", "fractalgen.methods.manifold_mixup:ManifoldMixup")
METHODS.add("augmix", "fractalgen.methods.augmix:AugMixMethod")
METHODS.add("augmax", "fractalgen.methods.augmax:AugMaxMethod")
METHODS.add("pixmix", "fractalgen.methods.pixmix:PixMixMethod")
METHODS.add("layermix", "fractalgen.methods.layermix:LayerMixMethod")
METHODS.add("prime", "fractalgen.methods.prime:PRIMEMethod")
METHODS.add("autoaugment", "fractalgen.methods.policies:AutoAugment")
METHODS.add("randaugment", "fractalgen.methods.policies:RandAugment")
METHODS.add("trivialaugment", "fractalgen.methods.policies:TrivialAugment")
METHODS.add("saliencymix", "fractalgen.methods.saliencymix:SaliencyMix")
METHODS.add("puzzlemix", "fractalgen.methods.puzzlemix:PuzzleMix")
METHODS.add("co-mixup", "fractalgen.methods.comixup:CoMixup")


def find_method(name: str) -> type[Method]:
    """Load a method's class, or make that of a combination, such as ``augmix+cutmix``.

    RunUsageError suggests the nearest name, or says why methods cannot be combined.
    """
    names = name.split("+") if isinstance(name, str) else [name]
    parts = [part.strip() for part in name.split(",")] if isinstance(name, str) else []
    if len(parts) > 1 and METHODS.keys() >= set(parts):
        raise RunUsageError(f"join methods with +: {'+'.join(parts)}")
    try:
        kinds = tuple(pkgutil.resolve_name(METHODS[part]) for part in names)
    except UnknownNameError as error:
        raise RunUsageError(str(error)) from None
    if len(kinds) > 1:
        from fractalgen.methods.combined import combined

        return combined(kinds)
    kind: type[Method] = kinds[0]
    return kind


def open_set(place: Place, image_size: int) -> MixingSet:
    """Open a mixing set for training images of a size.

    Its images are an eighth larger (36 pixels for 32, 256 for 224), so random crops of one image
    differ.
    """
    from fractalgen.bank import MixingSet

    return MixingSet(place, size=image_size * 8 // 7)
