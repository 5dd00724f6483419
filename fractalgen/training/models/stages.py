"""What the networks for small images have in common: three stages, then one linear layer."""

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

__all__ = ["conv3x3", "initialize", "stage", "three_stages"]

Block = Callable[[int, int, int], nn.Module]


def conv3x3(n_in: int, n_out: int, stride: int = 1) -> nn.Module:
    """Return a convolution without bias that keeps the size, but for its stride."""
    return nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False)


def stage(block: Block, n_blocks: int, n_in: int, n_out: int, stride: int) -> nn.Module:
    """Return `n_blocks` blocks in a row, of which the first changes the width and the size."""
    first = block(n_in, n_out, stride)
    return nn.Sequential(first, *(block(n_out, n_out, 1) for _ in range(n_blocks - 1)))


def three_stages(
    stem: nn.Module,
    block: Block,
    n_blocks: int,
    widths: tuple[int, int, int, int],
    end: nn.Module,
    n_classes: int,
) -> nn.Module:
    """Return a classifier for images of any size, with fresh weights.

    Parameters
    ----------
    stem : Module
        From 3 channels to the first width.
    block : callable
        From the channels that come in, those that go out, and the stride, to a residual block.
    n_blocks : int
        In each of the three stages; the second and the third halve the size.
    widths : tuple of 4 ints
        Channels after the stem and after each stage.
    end : Module
        Between the last stage and the mean over the image.
    n_classes : int
        Outputs.
    """
    layers: list[tuple[str, nn.Module]] = [("stem", stem)]
    for number, stride in enumerate((1, 2, 2), start=1):
        n_in, n_out = widths[number - 1 : number + 1]
        layers.append((f"stage{number}", stage(block, n_blocks, n_in, n_out, stride)))
    layers += [
        ("end", end),
        ("pool", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
        ("fc", nn.Linear(widths[-1], n_classes)),
    ]
    network = nn.Sequential(OrderedDict(layers))
    initialize(network)
    return network


def initialize(network: nn.Module) -> None:
    """Draw the convolutions' weights anew, and set the linear layers' biases to zero.

    Normal with variance 2 / fan-out. Source: He et al., "Delving deep into rectifiers", ICCV 2015.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
