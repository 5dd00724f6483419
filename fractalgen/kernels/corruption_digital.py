"""Digital faults of the common corruptions: contrast, saturation and elastic transformation.

Source of all: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations", ICLR 2019. Images are uint8 of shape (n, size, size, 3), with a
64-bit seed for each where something is random.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.image_filters import (
    MIRROR,
    REFLECT,
    blur,
    gaussian_weights,
    inside,
    load,
    store,
)
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import uniform_at

__all__ = ["contrast", "elastic_transform", "saturate"]

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_HALF = np.float32(0.5)
_WHITE = np.float32(255.0)
_TRUNCATE = np.float32(3.0)


@kernel
def contrast(images: NDArray[np.uint8], factor: np.float32, out: NDArray[np.uint8]) -> None:
    """Multiply the differences to each channel's mean by `factor`."""
    n, size = images.shape[:2]
    image = np.empty((size, 3 * size), np.float32)
    rest = np.empty(3 * size, np.float32)
    sums = np.empty(3, np.int64)
    means = np.empty(3, np.float32)
    for i in range(n):
        sums[:] = 0
        for y in range(size):
            for x in range(size):
                for c in range(3):
                    sums[c] += images[i, y, x, c]
        for c in range(3):
            means[c] = np.float32(sums[c] / (size * size)) * (_ONE - factor)
        for x in range(size):
            rest[3 * x : 3 * x + 3] = means
        load(images[i], image)
        for y in range(size):
            row = image[y]
            for x in range(row.size):
                row[x] = row[x] * factor + rest[x]
        store(image, out[i])


@kernel
def saturate(
    images: NDArray[np.uint8], factor: np.float32, added: np.float32, out: NDArray[np.uint8]
) -> None:
    """Multiply the saturation of hue, saturation and value by `factor`, and add `added`."""
    n, size = images.shape[:2]
    image = np.empty((size, 3 * size), np.float32)
    for i in range(n):
        load(images[i], image)
        for y in range(size):
            for x in range(size):
                red, green, blue = image[y, 3 * x], image[y, 3 * x + 1], image[y, 3 * x + 2]
                value = max(red, max(green, blue))
                chroma = value - min(red, min(green, blue))
                saturation = chroma / max(value, _ONE)
                lost = min(max(saturation * factor + added, _ZERO), _ONE) * value
                scale = lost / max(chroma, _ONE)
                # Grey has the hue of red.
                grey = lost if chroma == _ZERO else _ZERO
                image[y, 3 * x] = value - (value - red) * scale
                image[y, 3 * x + 1] = value - (value - green) * scale - grey
                image[y, 3 * x + 2] = value - (value - blue) * scale - grey
        store(image, out[i])


@inlined
def _sample(image, y, x, border, result):
    """Interpolate the three channels at a place."""
    size = image.shape[0]
    top, left = np.floor(y), np.floor(x)
    below, beside = np.float32(y - top), np.float32(x - left)
    first = inside(np.int64(top), size, border)
    second = inside(np.int64(top) + 1, size, border)
    near = 3 * inside(np.int64(left), size, border)
    far = 3 * inside(np.int64(left) + 1, size, border)
    for c in range(3):
        upper = image[first, near + c]
        upper += beside * (image[first, far + c] - upper)
        lower = image[second, near + c]
        lower += beside * (image[second, far + c] - lower)
        result[c] = upper + below * (lower - upper)


@kernel
def _warp(image, seed, reach, out):
    """Move three points by up to `reach` pixels, and the image with them."""
    size = image.shape[0]
    middle = np.float64(size // 2)
    q = np.float64(size // 3)
    moves = np.empty(6, np.float64)
    for j in range(6):
        moves[j] = reach * (2.0 * np.float64(uniform_at(seed, np.uint64(j))) - 1.0)
    # The moved points are (middle + q) twice, (middle + q, middle - q), (middle - q) twice.
    x_0, y_0 = middle + q + moves[0], middle + q + moves[1]
    x_1, y_1 = middle + q + moves[2], middle - q + moves[3]
    x_2, y_2 = middle - q + moves[4], middle - q + moves[5]
    # Columns of the matrix that takes offsets in the original to the moved image.
    a, c = (x_1 - x_2) / (2.0 * q), (y_1 - y_2) / (2.0 * q)
    b, d = (x_0 - x_1) / (2.0 * q), (y_0 - y_1) / (2.0 * q)
    determinant = a * d - b * c
    for y in range(size):
        for x in range(size):
            right, down = x - x_2, y - y_2
            source_x = middle - q + (d * right - b * down) / determinant
            source_y = middle - q + (a * down - c * right) / determinant
            _sample(image, source_y, source_x, MIRROR, out[y, 3 * x : 3 * x + 3])


@kernel
def elastic_transform(
    images: NDArray[np.uint8],
    seeds: NDArray[np.uint64],
    distance: np.float32,
    sigma: np.float32,
    reach: np.float32,
    out: NDArray[np.uint8],
) -> None:
    """Distort an image by a random affine map, and by a blurred field of random displacements.

    All are in pixels: the displacements before the blur are at most `distance`, `sigma` blurs them,
    and three points of the affine map move by at most `reach`.
    """
    n, size = images.shape[:2]
    weights = gaussian_weights(sigma, np.int64(_TRUNCATE * sigma + _HALF))
    image = np.empty((size, 3 * size), np.float32)
    result = np.empty((size, 3 * size), np.float32)
    field = np.empty((size, size), np.float32)
    moves = np.empty((2, size, size), np.float32)
    for i in range(n):
        load(images[i], image)
        if reach > _ZERO:
            _warp(image, seeds[i], np.float64(reach), result)
            image[:] = result
        if distance > _ZERO:
            for axis in range(2):
                first = np.uint64(6 + axis * size * size)
                flat = field.reshape(-1)
                for j in range(flat.size):
                    u = uniform_at(seeds[i], first + np.uint64(j))
                    flat[j] = distance * (_TWO * u - _ONE)
                blur(field, 1, weights, REFLECT, moves[axis])
            for y in range(size):
                for x in range(size):
                    place_x = np.float32(x) + moves[0, y, x]
                    place_y = np.float32(y) + moves[1, y, x]
                    _sample(image, place_y, place_x, REFLECT, result[y, 3 * x : 3 * x + 3])
            store(result, out[i])
        else:
            store(image, out[i])
