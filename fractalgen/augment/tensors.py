"""From the images that PyTorch's datasets give to pixels, and from pixels to tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fractalgen.augment.images import as_pixels

__all__ = ["as_rgb_pixels", "normalized_tensor"]


def as_rgb_pixels(image: Any) -> NDArray[np.uint8]:
    """Turn an image into uint8 pixels of shape (height, width, 3); grey becomes RGB.

    Takes what `fractalgen.IPMix` takes, and arrays (height, width[, 1]) and tensors
    ([1, ]height, width); raises what it raises.
    """
    if isinstance(image, torch.Tensor):
        image = image[None] if image.ndim == 2 else image
        if image.ndim == 3 and image.shape[0] == 1:
            image = image.expand(3, -1, -1)
    elif isinstance(image, np.ndarray):
        image = np.asarray(image)  # no matrix, which has but two axes
        image = image[..., None] if image.ndim == 2 else image
        if image.ndim == 3 and image.shape[2] == 1:
            image = np.repeat(image, 3, axis=2)
    return as_pixels(image)


def normalized_tensor(
    pixels: NDArray[np.uint8], mean: Sequence[float], std: Sequence[float]
) -> Any:
    """Turn uint8 pixels (n, height, width, 3) into a float32 tensor (n, 3, height, width).

    A value is (pixel / 255 - mean) / std of its channel.
    """
    levels = np.arange(256, dtype=np.float64) / 255.0
    planes = np.empty((len(pixels), 3, *pixels.shape[1:3]), np.float32)
    for channel in range(3):
        table = ((levels - mean[channel]) / std[channel]).astype(np.float32)
        np.take(table, pixels[..., channel], out=planes[:, channel])
    return torch.from_numpy(planes)
