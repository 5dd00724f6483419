"""Residual networks for small images: a 3x3 stem without pooling, and stages of blocks."""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

__all__ = ["resnet_18", "resnext", "thin_resnet", "wide_resnet"]

Block = Callable[[int, int, int], nn.Module]
"""Builds a residual block from its input channels, its output channels and its stride."""


class _PreActivationBlock(nn.Module):  # type: ignore[misc, unused-ignore]
    """Apply norm, ReLU and convolution twice, with a shortcut.

    If the width changes, the shortcut is a convolution of the activated input.
    """

    def __init__(self, n_in: int, n_out: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(n_in)
        self.conv1 = _conv3x3(n_in, n_out, stride)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.conv2 = _conv3x3(n_out, n_out)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout)
        changes = n_in != n_out or stride != 1
        self.shortcut = nn.Conv2d(n_in, n_out, 1, stride, bias=False) if changes else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a tensor of the new width and size."""
        active = self.relu(self.norm1(x))
        beside = x if self.shortcut is None else self.shortcut(active)
        inner = self.dropout(self.relu(self.norm2(self.conv1(active))))
        out: torch.Tensor = beside + self.conv2(inner)
        return out


class _PlainShortcut(nn.Module):  # type: ignore[misc, unused-ignore]
    """Take every second pixel, and fill the new channels with zeros, without weights."""

    def __init__(self, n_new: int, stride: int) -> None:
        super().__init__()
        self.n_new = n_new
        self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a tensor of the new width and size."""
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.n_new))


def wide_resnet(depth: int, width: int, dropout: float, n_classes: int) -> nn.Module:
    """Return WRN-depth-width for small images.

    The depth is 6n + 4 for n blocks in each of three stages, which have 16, 32 and 64 times `width`
    channels. Dropout is between a block's convolutions. Source: Zagoruyko and Komodakis, "Wide
    residual networks", BMVC 2016.
    """

    def block(n_in: int, n_out: int, stride: int) -> nn.Module:
        return _PreActivationBlock(n_in, n_out, stride, dropout)

    n_blocks, rest = divmod(depth - 4, 6)
    if rest:
        raise ValueError(f"depth must be 6n + 4, not {depth}")
    widths = (16, 16 * width, 32 * width, 64 * width)
    end = nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.ReLU())
    return _three_stages(_conv3x3(3, 16), block, n_blocks, widths, end, n_classes)


def thin_resnet(depth: int, n_classes: int) -> nn.Module:
    """Return the ResNet with 16, 32 and 64 channels and shortcuts without weights.

    The depth is 6n + 2 for n blocks in each stage. Source: He et al., "Deep residual learning for
    image recognition", CVPR 2016, section 4.2.
    """

    def block(n_in: int, n_out: int, stride: int) -> nn.Module:
        changes = n_in != n_out or stride != 1
        shortcut = _PlainShortcut(n_out - n_in, stride) if changes else None
        made: nn.Module = BasicBlock(n_in, n_out, stride, shortcut)
        return made

    n_blocks, rest = divmod(depth - 2, 6)
    if rest:
        raise ValueError(f"depth must be 6n + 2, not {depth}")
    return _three_stages(_stem(16), block, n_blocks, (16, 16, 32, 64), nn.Identity(), n_classes)


def resnext(depth: int, cardinality: int, base_width: int, n_classes: int) -> nn.Module:
    """Return the ResNeXt for small images.

    The depth is 9n + 2 for n bottlenecks in each of three stages. Their convolutions have
    `cardinality` groups, of `base_width` channels in the first stage. Source: Xie et al.,
    "Aggregated residual transformations for deep neural networks", CVPR 2017, section 5.3.
    """

    def block(n_in: int, n_out: int, stride: int) -> nn.Module:
        shortcut = None
        if n_in != n_out or stride != 1:
            project = nn.Conv2d(n_in, n_out, 1, stride, bias=False)
            shortcut = nn.Sequential(project, nn.BatchNorm2d(n_out))
        n_inside = n_out // Bottleneck.expansion
        made: nn.Module = Bottleneck(n_in, n_inside, stride, shortcut, cardinality, base_width)
        return made

    n_blocks, rest = divmod(depth - 2, 9)
    if rest:
        raise ValueError(f"depth must be 9n + 2, not {depth}")
    return _three_stages(_stem(64), block, n_blocks, (64, 256, 512, 1024), nn.Identity(), n_classes)


def resnet_18(n_classes: int) -> nn.Module:
    """Return torchvision's ResNet-18 with a stem for small images.

    Source: He et al., "Deep residual learning for image recognition", CVPR 2016, table 1.
    """
    network: nn.Module = ResNet(BasicBlock, [2, 2, 2, 2], num_classes=n_classes)
    network.conv1 = _conv3x3(3, 64)
    network.maxpool = nn.Identity()
    _initialize(network)
    return network


def _stem(n_out: int) -> nn.Module:
    return nn.Sequential(_conv3x3(3, n_out), nn.BatchNorm2d(n_out), nn.ReLU())


def _conv3x3(n_in: int, n_out: int, stride: int = 1) -> nn.Module:
    """Return a padded 3x3 convolution without bias."""
    return nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False)


def _stage(block: Block, n_blocks: int, n_in: int, n_out: int, stride: int) -> nn.Module:
    """Return a sequence of blocks, the first of which changes the width and the size."""
    first = block(n_in, n_out, stride)
    return nn.Sequential(first, *(block(n_out, n_out, 1) for _ in range(n_blocks - 1)))


def _three_stages(
    stem: nn.Module,
    block: Block,
    n_blocks: int,
    widths: tuple[int, int, int, int],
    end: nn.Module,
    n_classes: int,
) -> nn.Module:
    """Return a classifier for images of any size, with fresh weights.

    `widths` are the channels after the stem and after each stage; the second and third stage halve
    the size. `end` is inserted between the last stage and the mean over the image.
    """
    layers: list[tuple[str, nn.Module]] = [("stem", stem)]
    for number, stride in enumerate((1, 2, 2), start=1):
        n_in, n_out = widths[number - 1 : number + 1]
        layers.append((f"stage{number}", _stage(block, n_blocks, n_in, n_out, stride)))
    layers += [
        ("end", end),
        ("pool", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
        ("fc", nn.Linear(widths[-1], n_classes)),
    ]
    network = nn.Sequential(OrderedDict(layers))
    _initialize(network)
    return network


def _initialize(network: nn.Module) -> None:
    """Draw new weights for the convolutions, and set the linear layers' biases to zero.

    Normal with variance 2 / fan-out. Source: He et al., "Delving deep into rectifiers", ICCV 2015.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
