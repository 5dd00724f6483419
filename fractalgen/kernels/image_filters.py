"""Linear filters of images in float32, and their borders.

An image is a matrix: a row holds the pixels' channels side by side.
"""

import numpy as np

from fractalgen.kernels.elementary import exp2
from fractalgen.kernels.jit import inlined, inlined_early, kernel

__all__ = [
    "MIRROR",
    "NEAREST",
    "REFLECT",
    "blur",
    "filter_taps",
    "gaussian_weights",
    "inside",
    "load",
    "store",
]

NEAREST, MIRROR, REFLECT = range(3)
"""What lies beyond a border: the last pixel; mirrored at that pixel; or at its edge."""

_ZERO = np.float32(0.0)
_WHITE = np.float32(255.0)
_LOG2_E = np.float32(1.44269504)
_HALF = np.float32(0.5)
_LOWEST = np.float32(-60.0)
# Rounding errors must not make a flat area darker.
_SLACK = np.float32(2.0**-9)


@inlined
def inside(i, n, border):
    """Return the pixel that stands for pixel `i` of a row of `n`."""
    if 0 <= i < n:
        return i
    if border == NEAREST or n == 1:
        return min(max(i, 0), n - 1)
    if border == MIRROR:
        period = 2 * n - 2
        i = i % period
        return period - i if i >= n else i
    i = i % (2 * n)
    return 2 * n - 1 - i if i >= n else i


@kernel
def load(pixels, image):
    """Copy an image, uint8 of shape (height, width, 3), into a float32 matrix."""
    flat = pixels.reshape(-1)
    out = image.reshape(-1)
    for i in range(out.size):
        out[i] = np.float32(flat[i])


@kernel
def store(image, pixels):
    """Clip a matrix to 0 to 255, and truncate it to uint8 as the published images were."""
    flat = image.reshape(-1)
    out = pixels.reshape(-1)
    for i in range(out.size):
        out[i] = np.uint8(np.int32(min(max(flat[i], _ZERO), _WHITE) + _SLACK))


@inlined_early
def _add_scaled(row, weight, total):
    for i in range(total.size):
        total[i] += weight * row[i]


@kernel
def gaussian_weights(sigma, radius):
    """Return the 2 `radius` + 1 weights of a Gaussian filter, of sum 1."""
    weights = np.empty(2 * radius + 1, np.float32)
    total = _ZERO
    for i in range(weights.size):
        x = np.float32(i - radius)
        if sigma > _ZERO:
            weights[i] = exp2(max(-_HALF * _LOG2_E * x * x / (sigma * sigma), _LOWEST))
        else:
            weights[i] = np.float32(i == radius)
        total += weights[i]
    for i in range(weights.size):
        weights[i] /= total
    return weights


@kernel
def blur(image, channels, weights, border, out):
    """Filter a matrix along both axes with the same symmetric weights."""
    height, width = image.shape
    pixels = width // channels
    radius = weights.size // 2
    margin = radius * channels
    padded = np.empty(width + 2 * margin, np.float32)
    middle = padded[margin : margin + width]
    for y in range(height):
        middle[:] = _ZERO
        for k in range(weights.size):
            _add_scaled(image[inside(y + k - radius, height, border)], weights[k], middle)
        for x in range(-radius, 0):
            for c in range(channels):
                padded[margin + x * channels + c] = middle[inside(x, pixels, border) * channels + c]
        for x in range(pixels, pixels + radius):
            for c in range(channels):
                padded[margin + x * channels + c] = middle[inside(x, pixels, border) * channels + c]
        row = out[y]
        row[:] = _ZERO
        for k in range(weights.size):
            _add_scaled(padded[k * channels : k * channels + width], weights[k], row)


@kernel
def filter_taps(image, channels, rows, columns, weights, border, padded, out):
    """Filter a matrix: sum the pixels at `rows`, `columns` from each one, times `weights`.

    `padded` is scratch: as many rows as the matrix, with room for the farthest columns on both
    sides.
    """
    height, width = image.shape
    pixels = width // channels
    reach = (padded.shape[1] // channels - pixels) // 2
    for y in range(height):
        for x in range(pixels + 2 * reach):
            source = inside(x - reach, pixels, border)
            for c in range(channels):
                padded[y, x * channels + c] = image[y, source * channels + c]
    for y in range(height):
        row = out[y]
        row[:] = _ZERO
        for k in range(weights.size):
            start = (columns[k] + reach) * channels
            above = padded[inside(y + rows[k], height, border)]
            _add_scaled(above[start : start + width], weights[k], row)
