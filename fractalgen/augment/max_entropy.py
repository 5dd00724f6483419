"""PRIME's maximum-entropy operations with NumPy: the reference for the kernels.

Source: Modas et al., "PRIME: A few primitives can boost robustness to common corruptions", ECCV
2022. None of them is a corruption of ImageNet-C.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import whole_number
from fractalgen.errors import ArgumentError
from fractalgen.seeding import bits_at

__all__ = ["FILTER", "MAX_FREQUENCY", "MAX_MODES", "MAX_SIDE", "TONE", "WARP", "RandomOp"]

MAX_SIDE, MAX_FREQUENCY, MAX_MODES = 15, 1000, 1000

Pixels = NDArray[np.uint8]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class RandomOp:
    """An operation that draws random numbers of its own, and the limits of what it is told.

    `apply` takes an image, the amount, the detail (two whole numbers) and a 64-bit seed.
    """

    apply: Callable[[Pixels, float, tuple[int, int], int], Pixels]
    max_amount: float
    usual: tuple[int, int]
    min_detail: int  # of the second number
    max_detail: int
    starts_at_one: bool = True
    odd: bool = False

    def check_detail(self, at: str, detail: Sequence[object]) -> None:
        """Refuse a detail that is out of range."""
        name = f"detail{at}"
        high = whole_number(f"{name}'s second", detail[1], self.min_detail, self.max_detail)
        whole_number(f"{name}'s first", detail[0], 1, 1 if self.starts_at_one else high)
        if self.odd and high % 2 == 0:
            raise ArgumentError(f"{name}'s second must be odd, not {high}")


def _normals(seed: int, n: int, start: int = 0) -> Values:
    """Return `n` numbers of the stream `seed` by the Box-Muller method."""
    places = np.arange(2 * start, 2 * (start + n), dtype=np.uint64)
    uniform = (bits_at(seed, places) >> 40).astype(np.float64) * 2.0**-24
    radius: Values = np.sqrt(-2 * np.log(uniform[::2] + 2.0**-25))
    return radius * np.cos(2 * np.pi * uniform[1::2])


def _as_bytes(values: Values) -> Pixels:
    return np.floor(np.clip(values, 0, 255) + 0.5).astype(np.uint8)


def _filter(image: Pixels, sigma: float, detail: tuple[int, int], seed: int) -> Pixels:
    """Correlate with the identity plus normal numbers; black outside of the image."""
    side = detail[1]
    weights = sigma * _normals(seed, side * side).reshape(side, side)
    weights[side // 2, side // 2] += 1
    margin = (side // 2, side // 2)
    padded = np.pad(image.astype(np.float64), (margin, margin, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))
    return _as_bytes(np.einsum("yxckl,kl->yxc", windows, weights))


def _tone(image: Pixels, temperature: float, detail: tuple[int, int], seed: int) -> Pixels:
    """Add sines of the value, with frequencies from `detail`, in each channel."""
    frequencies = np.arange(detail[0], detail[1] + 1)
    weights = np.sqrt(temperature) * _normals(seed, 3 * len(frequencies)).reshape(3, -1)
    levels = np.arange(256) / 255
    curves = levels + weights @ np.sin(np.pi * frequencies[:, None] * levels)
    table = _as_bytes(255 * curves)
    return np.stack([table[channel][image[..., channel]] for channel in range(3)], axis=-1)


def _folded_energy(cut: int, height: int, width: int) -> Values:
    """Return the variances of the modes that differ at the pixels, with the others' added."""
    energy = np.zeros((max(min(cut, height - 2), 0), max(min(cut, width - 2), 0)))
    if not energy.size:
        return energy
    i, j = np.mgrid[1 : cut + 1, 1 : cut + 1]
    here = i * i + j * j < (cut + 0.5) ** 2
    down, across = (
        np.minimum(k % (2 * n - 2), -k % (2 * n - 2)) for k, n in ((i, height), (j, width))
    )
    here &= (down >= 1) & (down <= height - 2) & (across >= 1) & (across <= width - 2)
    np.add.at(energy, (down[here] - 1, across[here] - 1), 1 / (i * i + j * j)[here])
    return energy


def _warp(image: Pixels, share: float, detail: tuple[int, int], seed: int) -> Pixels:
    """Move pixels by two smooth random fields, and interpolate between four of them."""
    cut, (height, width) = detail[1], image.shape[:2]
    energy, side = _folded_energy(cut, height, width), max(height, width)
    least = 1 / (np.pi * side**2 * np.log(cut))
    most = max(least, 4 / (np.pi**3 * cut**2 * np.log(cut)))
    scale = side * np.sqrt(least + share * (most - least))
    down, across = (
        np.sin(np.pi * np.outer(np.arange(1, n + 1), np.arange(length) / max(length - 1, 1)))
        for n, length in zip(energy.shape, (height, width), strict=True)
    )
    fields = [
        scale * down.T @ (np.sqrt(energy) * drawn.reshape(energy.shape)) @ across
        for drawn in (_normals(seed, energy.size, part * energy.size) for part in (0, 1))
    ]
    y, x = np.mgrid[:height, :width]
    x, y = np.clip(x - fields[0], 0, width - 1), np.clip(y - fields[1], 0, height - 1)
    left, top = x.astype(int), y.astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    part_x, part_y = (x - left)[..., None], (y - top)[..., None]
    upper = image[top, left] * (1 - part_x) + image[top, right] * part_x
    lower = image[bottom, left] * (1 - part_x) + image[bottom, right] * part_x
    return _as_bytes(upper * (1 - part_y) + lower * part_y)


FILTER = RandomOp(_filter, 16.0, (1, 3), 1, MAX_SIDE, odd=True)
TONE = RandomOp(_tone, 1.0, (1, 10), 1, MAX_FREQUENCY, starts_at_one=False)
WARP = RandomOp(_warp, 1.0, (1, 10), 2, MAX_MODES)
