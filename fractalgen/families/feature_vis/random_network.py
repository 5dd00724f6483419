"""A network that nobody trained: seeded random filters, smooth and of several scales."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from fractalgen.families.feature_vis.backbones import RANDOM_LAYERS, Backbone
from fractalgen.families.feature_vis.listening import Listening

__all__ = ["RandomNetwork", "open_random"]

_SIDES = (7, 5, 5, 5)  # of the filters; the image is halved before each layer but the first
_N_INPUTS = 3  # channels of the layer before that a filter looks at


class RandomNetwork(nn.Module):  # type: ignore[misc, unused-ignore]
    """Convolutions with divisive normalisation; each filter is smoothed noise without a mean."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        rng = np.random.Generator(np.random.PCG64(seed))
        n_before = 3
        for (name, n_channels), side in zip(RANDOM_LAYERS.items(), _SIDES, strict=True):
            layer = nn.Conv2d(
                n_before, n_channels, side, padding=side // 2, padding_mode="reflect", bias=False
            )
            layer.weight = nn.Parameter(torch.from_numpy(_filters(rng, n_channels, n_before, side)))
            self.add_module(name, layer)
            n_before = n_channels

    def forward(self, x: Tensor) -> Tensor:
        """Return the last layer's rectified responses; images of any size (n, 3, side, side)."""
        for number, name in enumerate(RANDOM_LAYERS):
            if number:
                x = functional.avg_pool2d(x, 2)
            x = functional.relu(getattr(self, name)(x))
            x = x / (x.square().mean(dim=(1, 2, 3), keepdim=True) + 1e-3).sqrt()
        return x


def open_random(seed: str, _weights: str) -> Backbone:
    """Return the network of a seed."""
    layers = {name: tuple(range(n)) for name, n in RANDOM_LAYERS.items()}
    return Backbone(
        Listening(RandomNetwork(int(seed))), layers, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
    )


def _filters(rng: np.random.Generator, n_out: int, n_in: int, side: int) -> NDArray[np.float32]:
    """Draw filters (n_out, n_in, side, side) of norm 1: noise of random scale and direction."""
    places = np.arange(side) - side // 2
    y, x = np.meshgrid(places, places, indexing="ij")
    filters = np.zeros((n_out, n_in, side, side))
    for one in filters:
        n_used = min(n_in, _N_INPUTS)
        used = rng.permutation(n_in)[:n_used]
        noise = rng.standard_normal((n_used, side, side))
        # Smooth by a random amount, along a random direction.
        width = math.exp(rng.uniform(math.log(side / 6.0), math.log(side / 3.0)))
        long = width * math.exp(rng.uniform(0.0, 1.0))
        turn = rng.uniform(0, math.pi)
        u, v = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
        kernel = np.exp(-0.5 * (np.square(u / long) + np.square(v / width)))
        smooth = np.real(np.fft.ifft2(np.fft.fft2(noise) * np.fft.fft2(np.fft.ifftshift(kernel))))
        smooth *= np.exp(-0.5 * (x * x + y * y) / np.square(side / 3.5))
        share = 1.0 if n_in == 3 else rng.uniform(0.4, 1.0)
        smooth -= share * smooth.mean(axis=(1, 2), keepdims=True)
        one[used] = smooth / np.linalg.norm(smooth)
    return filters.astype(np.float32)
