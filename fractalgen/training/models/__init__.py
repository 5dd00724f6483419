"""Networks by name. Listing them loads no PyTorch; building one does."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fractalgen.errors import RunUsageError, UnknownNameError
from fractalgen.registry import Registry

__all__ = ["MODELS", "ModelEntry", "create_model", "find_model"]


@dataclass(frozen=True)
class ModelEntry:
    """A network that can be asked for by name.

    Attributes
    ----------
    name : str
        The name it is asked for by.
    build : callable
        Takes the number of classes and the image size in pixels; returns a ``torch.nn.Module``.
    min_size : int
        The smallest images, in pixels a side.
    size_multiple : int
        The image size must be a multiple of this.
    max_learning_rate : float
        The peak learning rate of a recipe is lowered to this.
    head : str
        The name of the last layer, whose shape depends on the number of classes.
    published_weights : str or None
        The name torchvision gives its weights for this network.
    """

    name: str
    build: Callable[[int, int], Any]
    min_size: int = 8
    size_multiple: int = 1
    max_learning_rate: float = math.inf
    head: str = "fc"
    published_weights: str | None = None


def _wide_resnet(depth: int, width: int, dropout: float) -> Callable[[int, int], Any]:
    def build(n_classes: int, image_size: int) -> Any:
        from fractalgen.training.models.residual import wide_resnet

        return wide_resnet(depth, width, dropout, n_classes)

    return build


def _resnet_8(n_classes: int, image_size: int) -> Any:
    from fractalgen.training.models.residual import thin_resnet

    return thin_resnet(8, n_classes)


def _resnet_18(n_classes: int, image_size: int) -> Any:
    from fractalgen.training.models.residual import resnet_18

    return resnet_18(n_classes)


def _resnext_29(n_classes: int, image_size: int) -> Any:
    from fractalgen.training.models.residual import resnext

    return resnext(29, 4, 32, n_classes)


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
    ModelEntry("resnet-8", _resnet_8),
    ModelEntry("wrn-16-1", _wide_resnet(16, 1, 0.0)),
    ModelEntry("resnet-18", _resnet_18),
    ModelEntry("wrn-40-4", _wide_resnet(40, 4, 0.3)),
    ModelEntry("wrn-28-10", _wide_resnet(28, 10, 0.3)),
    ModelEntry("resnext-29-4x32", _resnext_29),
    ModelEntry(
        "resnet-50",
        _resnet_50,
        min_size=32,
        published_weights="ResNet50_Weights.IMAGENET1K_V1",
    ),
    # At a rate of 0.1 it learns nothing.
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

    Parameters
    ----------
    name : str
        One of `MODELS`.
    n_classes : int
        Number of outputs.
    image_size : int
        Pixels a side.

    Returns
    -------
    torch.nn.Module
        Takes normalised images, float32 (n, 3, image_size, image_size), and returns logits
        (n, n_classes).

    Raises
    ------
    RunUsageError
        If there is no such network, or it cannot take images of this size.
    """
    entry = find_model(name)
    if image_size < entry.min_size:
        raise RunUsageError(
            f"{name} needs images of at least {entry.min_size} pixels a side, not {image_size};"
            f" give --image-size {entry.min_size} or more, or another --model"
        )
    if image_size % entry.size_multiple:
        smaller = image_size - image_size % entry.size_multiple
        raise RunUsageError(
            f"{name} needs a size that {entry.size_multiple} divides, not {image_size};"
            f" give --image-size {smaller} or {smaller + entry.size_multiple}, or another --model"
        )
    return entry.build(n_classes, image_size)
