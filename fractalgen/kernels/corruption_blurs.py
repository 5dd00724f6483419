"""Blurs of the common corruptions: Gaussian, defocus, glass, motion and zoom blur.

Source of all: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations", ICLR 2019. Motion blur is ImageMagick's. Images are uint8 of shape
(n, size, size, 3), with a 64-bit seed for each where something is random.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import direction, exp2
from fractalgen.kernels.image_filters import (
    MIRROR,
    NEAREST,
    blur,
    filter_taps,
    gaussian_weights,
    load,
    store,
)
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import bits_at, uniform_at

__all__ = [
    "defocus_blur",
    "disk_taps",
    "gaussian_blur",
    "glass_blur",
    "motion_blur",
    "motion_taps",
    "zoom_axis",
    "zoom_blur",
]

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_HALF_LOG2_E = np.float32(0.72134752)
_LOWEST = np.float32(-60.0)
_SMALLEST = np.float32(1e-8)
_S32 = np.uint64(32)
_LOW_32 = np.uint64(0xFFFFFFFF)
_TRUNCATE = np.float32(4.0)
_HALF = np.float32(0.5)


@kernel
def gaussian_blur(images: NDArray[np.uint8], sigma: np.float32, out: NDArray[np.uint8]) -> None:
    """Blur with a Gaussian filter that ends at four times `sigma`, in pixels."""
    n, size = images.shape[:2]
    weights = gaussian_weights(sigma, np.int64(_TRUNCATE * sigma + _HALF))
    image = np.empty((size, 3 * size), np.float32)
    blurred = np.empty((size, 3 * size), np.float32)
    for i in range(n):
        load(images[i], image)
        blur(image, 3, weights, NEAREST, blurred)
        store(blurred, out[i])


@kernel
def disk_taps(
    radius: np.float32, alias_sigma: np.float32
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return rows, columns and weights of a disk with a blurred edge."""
    reach = 8 if radius <= np.float32(8.0) else np.int64(np.ceil(radius))
    soft = gaussian_weights(alias_sigma, 1 if radius <= np.float32(8.0) else 2)
    side = 2 * reach + 1
    disk = np.zeros((side, side), np.float32)
    for y in range(side):
        for x in range(side):
            distance = np.float32((x - reach) * (x - reach) + (y - reach) * (y - reach))
            disk[y, x] = np.float32(distance <= radius * radius)
    total = _ZERO
    for y in range(side):
        for x in range(side):
            total += disk[y, x]
    edge = np.empty((side, side), np.float32)
    blur(disk, 1, soft, MIRROR, edge)
    rows = np.empty(side * side, np.int64)
    columns = np.empty(side * side, np.int64)
    weights = np.empty(side * side, np.float32)
    n = 0
    for y in range(side):
        for x in range(side):
            if edge[y, x] > _SMALLEST:
                rows[n], columns[n], weights[n] = y - reach, x - reach, edge[y, x] / total
                n += 1
    return rows[:n], columns[:n], weights[:n]


@kernel
def defocus_blur(
    images: NDArray[np.uint8],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    weights: NDArray[np.float32],
    out: NDArray[np.uint8],
) -> None:
    """Blur with `disk_taps`."""
    n, size = images.shape[:2]
    reach = np.max(np.abs(columns))
    image = np.empty((size, 3 * size), np.float32)
    padded = np.empty((size, 3 * (size + 2 * reach)), np.float32)
    blurred = np.empty((size, 3 * size), np.float32)
    for i in range(n):
        load(images[i], image)
        filter_taps(image, 3, rows, columns, weights, MIRROR, padded, blurred)
        store(blurred, out[i])


@kernel
def motion_taps(radius, sigma, turns, rows, columns, weights):
    """Fill rows, columns and weights, each 2 `radius` + 1, of a blur in one direction.

    The weights are a Gaussian's on one side of the pixel, as in ImageMagick's motion blur.
    """
    cosine, sine = direction(turns)
    total = _ZERO
    for i in range(weights.size):
        x = np.float32(i)
        weights[i] = exp2(max(-_HALF_LOG2_E * x * x / (sigma * sigma), _LOWEST))
        total += weights[i]
        rows[i] = np.int64(np.ceil(i * sine - 0.5))
        columns[i] = np.int64(np.ceil(i * cosine - 0.5))
    for i in range(weights.size):
        weights[i] /= total


@kernel
def motion_blur(
    images: NDArray[np.uint8],
    seeds: NDArray[np.uint64],
    radius: int,
    sigma: np.float32,
    out: NDArray[np.uint8],
) -> None:
    """Blur in a direction of -45 to 45 degrees."""
    n, size = images.shape[:2]
    width = 2 * radius + 1
    rows, columns = np.empty(width, np.int64), np.empty(width, np.int64)
    weights = np.empty(width, np.float32)
    image = np.empty((size, 3 * size), np.float32)
    padded = np.empty((size, 3 * (size + 2 * width)), np.float32)
    blurred = np.empty((size, 3 * size), np.float32)
    for i in range(n):
        turns = (np.float64(uniform_at(seeds[i], np.uint64(0))) - 0.5) * 0.25
        motion_taps(radius, sigma, turns, rows, columns, weights)
        load(images[i], image)
        filter_taps(image, 3, rows, columns, weights, NEAREST, padded, blurred)
        store(blurred, out[i])


@inlined
def _step(bits, reach):
    """Return a whole number from -`reach` to `reach` - 1 from 32 random bits."""
    return np.int64((bits * np.uint64(2 * reach)) >> _S32) - reach


@kernel
def glass_blur(
    images: NDArray[np.uint8],
    seeds: NDArray[np.uint64],
    sigma: np.float32,
    reach: int,
    rounds: int,
    out: NDArray[np.uint8],
) -> None:
    """Blur, replace each pixel by one up to `reach` pixels away, `rounds` times, and blur again.

    The public code means to swap two pixels, but copies one over the other; so does this.
    """
    n, size = images.shape[:2]
    weights = gaussian_weights(sigma, np.int64(_TRUNCATE * sigma + _HALF))
    image = np.empty((size, 3 * size), np.float32)
    blurred = np.empty((size, 3 * size), np.float32)
    for i in range(n):
        load(images[i], image)
        blur(image, 3, weights, NEAREST, blurred)
        pixels = out[i]
        store(blurred, pixels)
        place = np.uint64(0)
        for _ in range(rounds):
            for y in range(size - reach, reach, -1):
                for x in range(size - reach, reach, -1):
                    bits = bits_at(seeds[i], place)
                    place += np.uint64(1)
                    from_y = y + _step(bits >> _S32, reach)
                    from_x = x + _step(bits & _LOW_32, reach)
                    for c in range(3):
                        pixels[y, x, c] = pixels[from_y, from_x, c]
        load(pixels, image)
        blur(image, 3, weights, NEAREST, blurred)
        store(blurred, pixels)


@kernel
def zoom_axis(n, n_zoomed, index, share):
    """Fill the first pixel, and the next one's share, for each pixel of a row enlarged from `n`."""
    for i in range(index.size):
        place = np.float64(i) * np.float64(n - 1) / np.float64(max(n_zoomed - 1, 1))
        first = min(np.int64(place), max(n - 2, 0))
        index[i] = first
        share[i] = np.float32(place - first)


@kernel
def zoom_blur(
    images: NDArray[np.uint8],
    kept: NDArray[np.int64],
    zoomed: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> None:
    """Average an image and its enlargements.

    Of each enlargement, `kept` pixels a side become `zoomed`, from the middle of the image, and the
    upper left corner of these is used.
    """
    n, size = images.shape[:2]
    width = 3 * size
    index = np.empty((kept.size, size), np.int64)
    share = np.empty((kept.size, size), np.float32)
    for k in range(kept.size):
        zoom_axis(kept[k], zoomed[k], index[k], share[k])
    image = np.empty((size, width), np.float32)
    row = np.zeros(width + 3, np.float32)
    total = np.empty((size, width), np.float32)
    scale = _ONE / np.float32(kept.size + 1)
    for i in range(n):
        load(images[i], image)
        for y in range(size):
            sums = total[y]
            sums[:] = image[y]
            for k in range(kept.size):
                corner = (size - kept[k]) // 2
                top = corner + index[k, y]
                bottom = min(top + 1, size - 1)
                below = share[k, y]
                above = _ONE - below
                upper, lower = image[top], image[bottom]
                for x in range(width):
                    row[x] = above * upper[x] + below * lower[x]
                for x in range(size):
                    left = 3 * (corner + index[k, x])
                    right = share[k, x]
                    for c in range(3):
                        value = row[left + c]
                        sums[3 * x + c] += value + right * (row[left + 3 + c] - value)
            for x in range(width):
                sums[x] *= scale
        store(total, out[i])
