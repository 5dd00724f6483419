"""The networks that can be trained. Listing them loads no PyTorch; building one does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fractalgen.errors import RunUsageError, UnknownNameError
from fractalgen.registry import Registry

__all__ = ["MODELS", "ModelEntry", "create_model"]


@dataclass(frozen=True)
class ModelEntry:
    """A network that can be asked for by name.

    Attributes
    ----------
    name : str
        As it is asked for.
    build : callable
        From the number of classes and the images' size in pixels to a ``torch.nn.Module``.
    summary : str
        One line for the help page.
    for_folders : bool
        Made for photographs of 100 pixels and more, not for small images.
    least_size : int
        The smallest images, in pixels a side.
    size_multiple : int
        The images' size is a multiple of this.
    head : str
        The last layer's name, whose shape depends on the number of classes.
    published_weights : str or None
        The name by which torchvision knows weights for it.
    """

    name: str
    build: Callable[[int, int], Any]
    summary: str
    for_folders: bool = False
    least_size: int = 8
    size_multiple: int = 1
    head: str = "fc"
    published_weights: str | None = None


def _wrn_16_1(n_classes: int, image_size: int) -> Any:
    from fractalgen.training.models.wide_resnet import wide_resnet

    return wide_resnet(16, 1, 0.0, n_classes)


def _wrn_28_10(n_classes: int, image_size: int) -> Any:
    from fractalgen.training.models.wide_resnet import wide_resnet

    return wide_resnet(28, 10, 0.3, n_classes)


def _wrn_40_4(n_classes: int, image_size: int) -> Any:
    from fractalgen.training.models.wide_resnet import wide_resnet

    return wide_resnet(40, 4, 0.3, n_classes)


def _resnet_8(n_classes: int, image_size: int) -> Any:
    from fractalgen.training.models.small_resnets import thin_resnet

    return thin_resnet(8, n_classes)


def _resnet_18(n_classes: int, image_size: int) -> Any:
    from fractalgen.training.models.small_resnets import resnet_18

    return resnet_18(n_classes)


def _resnext_29(n_classes: int, image_size: int) -> Any:
    from fractalgen.training.models.small_resnets import resnext

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

for _entry in (
    ModelEntry("wrn-16-1", _wrn_16_1, "Wide ResNet, 0.18 M weights: small enough for a CPU"),
    ModelEntry("resnet-8", _resnet_8, "ResNet, 0.08 M weights: the fastest on a CPU"),
    ModelEntry("wrn-40-4", _wrn_40_4, "Wide ResNet, 8.9 M weights, dropout 0.3: the paper's"),
    ModelEntry("wrn-28-10", _wrn_28_10, "Wide ResNet, 36.5 M weights, dropout 0.3"),
    ModelEntry("resnext-29-4x32", _resnext_29, "ResNeXt, 6.8 M weights"),
    ModelEntry("resnet-18", _resnet_18, "ResNet with a 3x3 stem, 11.2 M weights"),
    ModelEntry(
        "resnet-50",
        _resnet_50,
        "ResNet, 25.6 M weights; torchvision has weights of ImageNet",
        for_folders=True,
        least_size=32,
        published_weights="ResNet50_Weights.IMAGENET1K_V1",
    ),
    ModelEntry(
        "vit-small",
        _vit_small,
        "Vision transformer with patches of 16 pixels, 22 M weights",
        for_folders=True,
        least_size=16,
        size_multiple=16,
        head="heads.head",
    ),
):
    MODELS.add(_entry.name, _entry)


def create_model(name: str, n_classes: int, image_size: int) -> Any:
    """Build a network with fresh weights, drawn from PyTorch's global generator alone.

    Parameters
    ----------
    name : str
        One of `MODELS`.
    n_classes : int
        Outputs.
    image_size : int
        Pixels a side.

    Returns
    -------
    torch.nn.Module
        From float32 (n, 3, image_size, image_size), normalised, to logits (n, n_classes).

    Raises
    ------
    RunUsageError
        If there is no such network, or it cannot take images of this size.
    """
    try:
        entry = MODELS[name]
    except UnknownNameError as error:
        raise RunUsageError(str(error)) from None
    if image_size < entry.least_size:
        raise RunUsageError(
            f"{name} needs images of at least {entry.least_size} pixels a side, not {image_size};"
            f" give --image-size {entry.least_size} or more, or another --model"
        )
    if image_size % entry.size_multiple:
        least = image_size - image_size % entry.size_multiple
        raise RunUsageError(
            f"{name} needs a size that {entry.size_multiple} divides, not {image_size};"
            f" give --image-size {least} or {least + entry.size_multiple}, or another --model"
        )
    return entry.build(n_classes, image_size)
