"""Networks by name. Listing them is fast; building one imports PyTorch."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fractalgen.errors import RunUsageError, UnknownNameError
from fractalgen.registry import Registry

__all__ = ["MODELS", "ModelEntry", "check_image_size", "create_model", "find_model"]


@dataclass(frozen=True)
class ModelEntry:
    """A network in the registry.

    `build` takes the number of classes and the image size, which must be at least `min_size` and a
    multiple of `size_multiple`. `max_learning_rate` limits a recipe's peak rate. `head` is the last
    layer, whose shape depends on the number of classes; `published_weights` is torchvision's name
    for weights.
    """

    name: str
    build: Callable[[int, int], Any]
    min_size: int = 8
    size_multiple: int = 1
    max_learning_rate: float = math.inf
    head: str = "fc"
    published_weights: str | None = None


def _residual(function: str, *settings: float) -> Callable[[int, int], Any]:
    """Return a function that builds a network with one of the functions in `residual`."""

    def build(n_classes: int, image_size: int) -> Any:
        from fractalgen.training.models import residual

        return getattr(residual, function)(*settings, n_classes)

    return build


def _resnet_50(n_classes: int, image_size: int) -> Any:
    from torchvision.models import resnet50

    return resnet50(num_classes=n_classes)


def _vit_small(n_classes: int, image_size: int) -> Any:
    from torchvision.models import VisionTransformer

    return VisionTransformer(
        image_size=image_size,
        patch_size=16,
        num_layers=12,
        num_heads=6,
        hidden_dim=384,
        mlp_dim=1536,
        num_classes=n_classes,
    )


MODELS: Registry[ModelEntry] = Registry("model")
"""The networks that can be trained; the smallest come first."""

for _entry in (
    ModelEntry("resnet-8", _residual("thin_resnet", 8)),
    ModelEntry("wrn-16-1", _residual("wide_resnet", 16, 1, 0.0)),
    ModelEntry("resnet-18", _residual("resnet_18")),
    ModelEntry("wrn-40-4", _residual("wide_resnet", 40, 4, 0.3)),
    ModelEntry("wrn-28-10", _residual("wide_resnet", 28, 10, 0.3)),
    ModelEntry("resnext-29-4x32", _residual("resnext", 29, 4, 32)),
    ModelEntry(
        "resnet-50",
        _resnet_50,
        min_size=32,
        published_weights="ResNet50_Weights.IMAGENET1K_V1",
    ),
    # At a rate of 0.1 it does not learn.
    ModelEntry(
        "vit-small",
        _vit_small,
        min_size=16,
        size_multiple=16,
        max_learning_rate=0.01,
        head="heads.head",
    ),
):
    MODELS.add(_entry.name, _entry)


def find_model(name: str) -> ModelEntry:
    """Return a network's entry; RunUsageError suggests the nearest name."""
    try:
        return MODELS[name]
    except UnknownNameError as error:
        raise RunUsageError(str(error)) from None


def create_model(name: str, n_classes: int, image_size: int) -> Any:
    """Build a network with fresh weights, drawn only from PyTorch's global generator.

    It takes normalised images, float32 (n, 3, image_size, image_size), and returns logits
    (n, n_classes). RunUsageError if it is unknown or does not support the image size.
    """
    check_image_size(name, image_size)
    return find_model(name).build(n_classes, image_size)


def check_image_size(name: str, image_size: int) -> None:
    """Raise RunUsageError if a network is unknown or does not support an image size."""
    entry = find_model(name)
    if image_size < entry.min_size:
        raise RunUsageError(
            f"{name} needs images of at least {entry.min_size} pixels a side, not {image_size};"
            f" use --image-size {entry.min_size} or more, or another --model"
        )
    if image_size % entry.size_multiple:
        smaller = image_size - image_size % entry.size_multiple
        raise RunUsageError(
            f"{name} needs an image size divisible by {entry.size_multiple}, not {image_size};"
            f" use --image-size {smaller} or {smaller + entry.size_multiple}, or another --model"
        )
