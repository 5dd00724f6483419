"""Where an image's content is: by contrast, or by a network's gradient."""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional

__all__ = ["center_surround", "frozen_statistics", "gradient_saliency"]

_RADII = (12, 24, 28, 48, 56, 112)  # pixels


def center_surround(images: torch.Tensor) -> torch.Tensor:
    """Return how much each pixel differs from its surroundings, float32 (n, height, width).

    The sum, over six sizes of a square around the pixel, of the absolute difference between its
    mean over the channels and the mean of the other pixels in the square, as far as that lies in
    the image. Source: Montabone and Soto, "Human detection using a mobile platform and novel
    features derived from a visual saliency mechanism", Image and Vision Computing 2010.

    Parameters
    ----------
    images : tensor, float32 (n, channels, height, width)
        In any unit.
    """
    grey = images.mean(dim=1, keepdim=True)
    total = torch.zeros_like(grey)
    side = max(grey.shape[-2:])
    for radius in sorted({min(radius, side - 1) for radius in _RADII}):
        # Of the whole square: mean = center / area + surroundings (area - 1) / area.
        ones = _sums(torch.ones_like(grey[:1]), radius)
        surroundings = (_sums(grey, radius) - grey) / (ones - 1).clamp(min=1)
        total += (grey - surroundings).abs() * sum(min(r, side - 1) == radius for r in _RADII)
    return total[:, 0]


def _sums(grey: torch.Tensor, radius: int) -> torch.Tensor:
    """Sum over the square of a radius around each pixel, inside the image."""
    kernel = torch.ones(2 * radius + 1, dtype=grey.dtype, device=grey.device)
    rows = functional.conv2d(grey, kernel[None, None, :, None], padding=(radius, 0))
    return functional.conv2d(rows, kernel[None, None, None, :], padding=(0, radius))


@contextlib.contextmanager
def frozen_statistics(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode: no dropout, no batch's statistics used or kept."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)


def gradient_saliency(
    network: nn.Module, images: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Return the length of the loss's gradient at each pixel, float32 (n, height, width).

    The loss is the cross entropy of the network in evaluation mode; the length is the root of the
    mean square over the channels. The weights' gradients are left alone.
    """
    given = images.detach().clone().requires_grad_()
    with torch.enable_grad(), frozen_statistics(network):
        loss = functional.cross_entropy(network(given).float(), targets, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, given)
    return gradient.square().mean(dim=1).sqrt()
