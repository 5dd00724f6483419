"""Spatter of the common corruptions: drops of water with lit edges, or mud.

Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", ICLR 2019, whose code builds on OpenCV: edges by J. Canny, "A computational approach
to edge detection", 1986, and distances by G. Borgefors, "Distance transformations in digital
images", 1986.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.corruption_noise import fill_normal
from fractalgen.kernels.image_filters import (
    MIRROR,
    NEAREST,
    blur,
    gaussian_weights,
    inside,
    load,
    store,
)
from fractalgen.kernels.jit import inlined, kernel

__all__ = ["chamfer_distances", "find_edges", "spatter"]

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
_WHITE = np.float32(255.0)
_TRUNCATE = np.float32(4.0)
_COVERED = np.float32(0.8)
_FAR = np.float32(20.0)
_STRAIGHT, _DIAGONAL, _KNIGHT = np.float32(1.0), np.float32(1.4), np.float32(2.1969)
_WEAK, _STRONG = 50, 150
_TANGENT, _TANGENT_BITS = 13573, 15  # of 22.5 degrees
_WATER = (np.float32(175.0), np.float32(238.0), np.float32(238.0))
_MUD = (np.float32(63.0), np.float32(42.0), np.float32(20.0))
# Emboss: light from the upper left.
_LIT = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], np.int64)


@inlined
def _slopes(grey, y, x):
    """Return Sobel's derivatives of an int64 image, by x and y."""
    n = grey.shape[0]
    above, below = inside(y - 1, n, NEAREST), inside(y + 1, n, NEAREST)
    left, right = inside(x - 1, n, NEAREST), inside(x + 1, n, NEAREST)
    across = grey[above, right] - grey[above, left] + grey[below, right] - grey[below, left]
    across += 2 * (grey[y, right] - grey[y, left])
    down = grey[below, left] - grey[above, left] + grey[below, right] - grey[above, right]
    down += 2 * (grey[below, x] - grey[above, x])
    return across, down


@kernel
def find_edges(grey, edges):
    """Mark Canny's edges of a square image, int64 from 0 to 255, with thresholds 50 and 150."""
    n = grey.shape[0]
    size = np.zeros((n + 2, n + 2), np.int64)
    for y in range(n):
        for x in range(n):
            across, down = _slopes(grey, y, x)
            size[y + 1, x + 1] = abs(across) + abs(down)
    waiting = np.empty(n * n, np.int64)
    n_waiting = 0
    for y in range(n):
        for x in range(n):
            edges[y, x] = 0
            middle = size[y + 1, x + 1]
            if middle <= _WEAK:
                continue
            across, down = _slopes(grey, y, x)
            steep = abs(down) << _TANGENT_BITS
            flat = abs(across) * _TANGENT
            if steep < flat:
                crest = middle > size[y + 1, x] and middle >= size[y + 1, x + 2]
            elif steep > flat + (abs(across) << (_TANGENT_BITS + 1)):
                crest = middle > size[y, x + 1] and middle >= size[y + 2, x + 1]
            else:
                side = -1 if (across ^ down) < 0 else 1
                crest = middle > size[y, x + 1 - side] and middle > size[y + 2, x + 1 + side]
            if crest:
                edges[y, x] = 1  # if an edge leads here
                if middle > _STRONG:
                    edges[y, x] = 2
                    waiting[n_waiting] = y * n + x
                    n_waiting += 1
    while n_waiting:
        n_waiting -= 1
        place = waiting[n_waiting]
        for y in range(max(place // n - 1, 0), min(place // n + 2, n)):
            for x in range(max(place % n - 1, 0), min(place % n + 2, n)):
                if edges[y, x] == 1:
                    edges[y, x] = 2
                    waiting[n_waiting] = y * n + x
                    n_waiting += 1
    for y in range(n):
        for x in range(n):
            edges[y, x] //= 2


@inlined
def _nearer(distances, y, x, step):
    """Return the distance by way of the neighbours before (`step` 1) or after (-1) a pixel."""
    n = distances.shape[0]
    nearest = distances[y, x]
    for down, right, cost in (
        (0, 1, _STRAIGHT),
        (1, 0, _STRAIGHT),
        (1, 1, _DIAGONAL),
        (1, -1, _DIAGONAL),
        (1, 2, _KNIGHT),
        (1, -2, _KNIGHT),
        (2, 1, _KNIGHT),
        (2, -1, _KNIGHT),
    ):
        row, column = y - step * down, x - step * right
        if 0 <= row < n and 0 <= column < n:
            nearest = min(nearest, distances[row, column] + cost)
    return nearest


@kernel
def chamfer_distances(edges, distances):
    """Fill each pixel's distance to the nearest edge, at most 20, in steps of a king or knight."""
    n = edges.shape[0]
    for y in range(n):
        for x in range(n):
            distances[y, x] = _ZERO if edges[y, x] else _FAR
            distances[y, x] = _nearer(distances, y, x, 1)
    for y in range(n - 1, -1, -1):
        for x in range(n - 1, -1, -1):
            distances[y, x] = _nearer(distances, y, x, -1)


@kernel
def _equalize(grey, counts):
    """Equalise the histogram of an int64 image."""
    counts[:] = 0
    flat = grey.reshape(-1)
    for i in range(flat.size):
        counts[flat[i]] += 1
    first = 0
    while counts[first] == 0:
        first += 1
    rest = flat.size - counts[first]
    if rest == 0:
        return
    so_far = 0
    for level in range(first, 256):
        so_far += counts[level] if level > first else 0
        counts[level] = np.int64(np.floor(np.float32(so_far) * (_WHITE / np.float32(rest)) + _HALF))
    for i in range(flat.size):
        flat[i] = counts[flat[i]]


@kernel
def _emboss(grey, out):
    n = grey.shape[0]
    for y in range(n):
        for x in range(n):
            total = np.int64(0)
            for j in range(3):
                row = inside(y + j - 1, n, MIRROR)
                for i in range(3):
                    total += _LIT[j, i] * grey[row, inside(x + i - 1, n, MIRROR)]
            out[y, x] = min(max(total, 0), 255)


@kernel
def _light_edges(liquid, edges, grey, lit, distances, third):
    """Multiply a liquid's thickness by light that follows its edges; return the greatest value."""
    n = liquid.shape[0]
    counts = np.empty(256, np.int64)
    thickness = np.empty((n, n), np.float32)
    for y in range(n):
        for x in range(n):
            grey[y, x] = np.int64(min(max(liquid[y, x] * _WHITE, _ZERO), _WHITE))
            thickness[y, x] = np.float32(grey[y, x])
    find_edges(grey, edges)
    chamfer_distances(edges, distances)
    blur(distances, 1, third, MIRROR, liquid)
    for y in range(n):
        for x in range(n):
            grey[y, x] = np.int64(liquid[y, x] + np.float32(1e-4))
    _equalize(grey, counts)
    _emboss(grey, lit)
    for y in range(n):
        for x in range(n):
            distances[y, x] = np.float32(lit[y, x])
    blur(distances, 1, third, MIRROR, liquid)
    greatest = _ZERO
    for y in range(n):
        for x in range(n):
            liquid[y, x] = thickness[y, x] * np.floor(liquid[y, x] + _HALF)
            greatest = max(greatest, liquid[y, x])
    return greatest


@kernel
def spatter(
    images: NDArray[np.uint8],
    seeds: NDArray[np.uint64],
    mean: np.float32,
    deviation: np.float32,
    sigma: np.float32,
    threshold: np.float32,
    strength: np.float32,
    is_mud: bool,
    out: NDArray[np.uint8],
) -> None:
    """Add water of the opacity `strength`, or cover with mud, blurred by `strength` pixels."""
    n, size = images.shape[:2]
    weights = gaussian_weights(sigma, np.int64(_TRUNCATE * sigma + _HALF))
    soft = gaussian_weights(strength, np.int64(_TRUNCATE * strength + _HALF))
    third = np.full(3, _ONE / np.float32(3.0), np.float32)
    image = np.empty((size, 3 * size), np.float32)
    noise = np.empty((size, size), np.float32)
    liquid = np.empty((size, size), np.float32)
    edges = np.empty((size, size), np.int64)
    grey = np.empty((size, size), np.int64)
    lit = np.empty((size, size), np.int64)
    for i in range(n):
        fill_normal(seeds[i], noise.reshape(-1))
        for y in range(size):
            for x in range(size):
                noise[y, x] = mean + deviation * noise[y, x]
        blur(noise, 1, weights, NEAREST, liquid)
        load(images[i], image)
        if is_mud:
            for y in range(size):
                for x in range(size):
                    noise[y, x] = _ONE if liquid[y, x] > threshold else _ZERO
            blur(noise, 1, soft, NEAREST, liquid)
            amounts = liquid
        else:
            # Not in place: LLVM would store by a mask.
            for y in range(size):
                for x in range(size):
                    noise[y, x] = liquid[y, x] if liquid[y, x] >= threshold else _ZERO
            greatest = _light_edges(noise, edges, grey, lit, liquid, third)
            scale = strength / max(greatest, _ONE)
            amounts = noise
        for y in range(size):
            for x in range(size):
                amount = amounts[y, x]
                if is_mud:
                    amount = amount if amount >= _COVERED else _ZERO
                    for c in range(3):
                        value = image[y, 3 * x + c]
                        image[y, 3 * x + c] = value + amount * (_MUD[c] - value)
                else:
                    for c in range(3):
                        image[y, 3 * x + c] += amount * scale * _WATER[c]
        store(image, out[i])
