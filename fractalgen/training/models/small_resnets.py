"""Residual networks in the forms for small images: a 3x3 stem, and no pooling after it."""

import torch
from torch import nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from fractalgen.training.models.stages import conv3x3, initialize, three_stages

__all__ = ["resnet_18", "resnext", "thin_resnet"]


class _PlainShortcut(nn.Module):  # type: ignore[misc, unused-ignore]
    """Every second pixel, and zeros in the channels that are new: no weights."""

    def __init__(self, n_new: int, stride: int) -> None:
        super().__init__()
        self.n_new = n_new
        self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a tensor of the new width and size."""
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.n_new))


def _stem(n_out: int) -> nn.Module:
    return nn.Sequential(conv3x3(3, n_out), nn.BatchNorm2d(n_out), nn.ReLU())


def thin_resnet(depth: int, n_classes: int) -> nn.Module:
    """Return the ResNet of 16, 32 and 64 channels, with shortcuts that have no weights.

    Source: He et al., "Deep residual learning for image recognition", CVPR 2016, section 4.2.

    Parameters
    ----------
    depth : int
        6n + 2, for n blocks in each of the three stages.
    n_classes : int
        Outputs.
    """

    def block(n_in: int, n_out: int, stride: int) -> nn.Module:
        changes = n_in != n_out or stride != 1
        shortcut = _PlainShortcut(n_out - n_in, stride) if changes else None
        return BasicBlock(n_in, n_out, stride, shortcut)

    n_blocks, rest = divmod(depth - 2, 6)
    if rest:
        raise ValueError(f"depth must be 6n + 2, not {depth}")
    return three_stages(_stem(16), block, n_blocks, (16, 16, 32, 64), nn.Identity(), n_classes)


def resnext(depth: int, cardinality: int, base_width: int, n_classes: int) -> nn.Module:
    """Return the ResNeXt for small images.

    Source: Xie et al., "Aggregated residual transformations for deep neural networks", CVPR 2017,
    section 5.3. The width of its groups is `base_width` in the first stage.

    Parameters
    ----------
    depth : int
        9n + 2, for n bottlenecks in each of the three stages.
    cardinality : int
        Groups of each bottleneck's convolution.
    base_width : int
        Channels of each group.
    n_classes : int
        Outputs.
    """

    def block(n_in: int, n_out: int, stride: int) -> nn.Module:
        shortcut = None
        if n_in != n_out or stride != 1:
            project = nn.Conv2d(n_in, n_out, 1, stride, bias=False)
            shortcut = nn.Sequential(project, nn.BatchNorm2d(n_out))
        n_inside = n_out // Bottleneck.expansion
        return Bottleneck(n_in, n_inside, stride, shortcut, cardinality, base_width)

    n_blocks, rest = divmod(depth - 2, 9)
    if rest:
        raise ValueError(f"depth must be 9n + 2, not {depth}")
    return three_stages(_stem(64), block, n_blocks, (64, 256, 512, 1024), nn.Identity(), n_classes)


def resnet_18(n_classes: int) -> nn.Module:
    """Return torchvision's ResNet-18 with a stem for small images.

    Source: He et al., "Deep residual learning for image recognition", CVPR 2016, table 1.
    """
    network = ResNet(BasicBlock, [2, 2, 2, 2], num_classes=n_classes)
    network.conv1 = conv3x3(3, 64)
    network.maxpool = nn.Identity()
    initialize(network)
    return network
