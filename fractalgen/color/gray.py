"""Grey images, in whole numbers."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_gray"]

_WEIGHTS = (19595, 38470, 7471)  # of 65,536: 0.299, 0.587 and 0.114


def in_gray(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give all channels of an image, (height, width, 3), its luma (ITU-R BT.601), rounded."""
    luma = (rgb.astype(np.uint32) @ np.array(_WEIGHTS, np.uint32) + 0x8000) >> 16
    return np.repeat(luma.astype(np.uint8)[..., np.newaxis], 3, axis=2)
