"""Wide residual networks."""

import torch
from torch import nn

from fractalgen.training.models.stages import conv3x3, three_stages

__all__ = ["wide_resnet"]


class _PreActivationBlock(nn.Module):  # type: ignore[misc, unused-ignore]
    """Norm, ReLU and convolution, twice, beside a shortcut.

    Where the width changes, the shortcut is a convolution of the activated input.
    """

    def __init__(self, n_in: int, n_out: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(n_in)
        self.conv1 = conv3x3(n_in, n_out, stride)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.conv2 = conv3x3(n_out, n_out)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout)
        changes = n_in != n_out or stride != 1
        self.shortcut = nn.Conv2d(n_in, n_out, 1, stride, bias=False) if changes else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a tensor of the new width and size."""
        active = self.relu(self.norm1(x))
        beside = x if self.shortcut is None else self.shortcut(active)
        inner = self.dropout(self.relu(self.norm2(self.conv1(active))))
        return beside + self.conv2(inner)


def wide_resnet(depth: int, width: int, dropout: float, n_classes: int) -> nn.Module:
    """Return WRN-depth-width for small images.

    Source: Zagoruyko and Komodakis, "Wide residual networks", BMVC 2016.

    Parameters
    ----------
    depth : int
        6n + 4, for n blocks in each of the three stages.
    width : int
        The stages have 16, 32 and 64 times as many channels.
    dropout : float
        Share of values dropped between a block's convolutions in training.
    n_classes : int
        Outputs.
    """

    def block(n_in: int, n_out: int, stride: int) -> nn.Module:
        return _PreActivationBlock(n_in, n_out, stride, dropout)

    n_blocks, rest = divmod(depth - 4, 6)
    if rest:
        raise ValueError(f"depth must be 6n + 4, not {depth}")
    widths = (16, 16 * width, 32 * width, 64 * width)
    end = nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.ReLU())
    return three_stages(conv3x3(3, 16), block, n_blocks, widths, end, n_classes)
