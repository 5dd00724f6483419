"""Weather of the common corruptions: snow, frost, fog and brightness.

Source of all: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations", ICLR 2019. Images are uint8 of shape (n, size, size, 3), with a
64-bit seed for each where something is random.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.corruption_blurs import motion_taps, zoom_axis
from fractalgen.kernels.corruption_noise import fill_normal
from fractalgen.kernels.image_filters import NEAREST, filter_taps, load, store
from fractalgen.kernels.jit import kernel
from fractalgen.kernels.random_bits import bits_at, uniform_at

__all__ = ["brightness", "fog", "frost", "plasma", "snow"]

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_QUARTER = np.float32(0.25)
_ONE_AND_A_HALF = np.float32(1.5)
_WHITE = np.float32(255.0)
_RED, _GREEN, _BLUE = np.float32(0.299), np.float32(0.587), np.float32(0.114)
_LAST = np.uint64(1 << 40)  # a place in the stream that no field reaches


@kernel
def plasma(seed, decay, field):
    """Fill a square of 2**k pixels a side with diamond-square noise on a torus, from 0 to 1."""
    side = field.shape[0]
    mask = side - 1
    field[0, 0] = _ZERO
    step = side
    wibble = np.float32(100.0)
    drawn = np.uint64(0)
    while step >= 2:
        half = step // 2
        spread = wibble * wibble
        for y in range(half, side, step):
            for x in range(half, side, step):
                above, below = y - half, (y + half) & mask
                left, right = x - half, (x + half) & mask
                corners = field[above, left] + field[above, right]
                corners += field[below, left] + field[below, right]
                noise = spread * (_TWO * uniform_at(seed, drawn) - _ONE)
                field[y, x] = corners * _QUARTER + noise
                drawn += np.uint64(1)
        for y in range(0, side, half):
            for x in range(half if y % step == 0 else 0, side, step):
                sides = field[(y - half) & mask, x] + field[(y + half) & mask, x]
                sides += field[y, (x - half) & mask] + field[y, (x + half) & mask]
                noise = spread * (_TWO * uniform_at(seed, drawn) - _ONE)
                field[y, x] = sides * _QUARTER + noise
                drawn += np.uint64(1)
        step = half
        wibble /= decay
    lowest = highest = field[0, 0]
    for y in range(side):
        for x in range(side):
            lowest = min(lowest, field[y, x])
            highest = max(highest, field[y, x])
    scale = _ONE / (highest - lowest)
    for y in range(side):
        for x in range(side):
            field[y, x] = (field[y, x] - lowest) * scale


@kernel
def fog(
    images: NDArray[np.uint8],
    seeds: NDArray[np.uint64],
    amount: np.float32,
    decay: np.float32,
    out: NDArray[np.uint8],
) -> None:
    """Add `amount` times plasma noise, in shares of white, and scale back to the old maximum."""
    n, size = images.shape[:2]
    side = 2
    while side < size:
        side *= 2
    field = np.empty((side, side), np.float32)
    image = np.empty((size, 3 * size), np.float32)
    for i in range(n):
        plasma(seeds[i], decay, field)
        load(images[i], image)
        highest = _ZERO
        for y in range(size):
            for x in range(3 * size):
                highest = max(highest, image[y, x])
        scale = highest / (highest + amount * _WHITE)
        for y in range(size):
            for x in range(size):
                added = amount * _WHITE * field[y, x]
                for c in range(3):
                    image[y, 3 * x + c] = (image[y, 3 * x + c] + added) * scale
        store(image, out[i])


@kernel
def snow(
    images: NDArray[np.uint8],
    seeds: NDArray[np.uint64],
    mean: np.float32,
    deviation: np.float32,
    kept: int,
    zoomed: int,
    threshold: np.float32,
    radius: int,
    sigma: np.float32,
    kept_share: np.float32,
    out: NDArray[np.uint8],
) -> None:
    """Whiten an image, and add flakes and the flakes turned upside down.

    Flakes are the part above `threshold` of normal noise, enlarged from `kept` pixels a side to
    `zoomed`, which move by -135 to -45 degrees. The image keeps `kept_share`.
    """
    n, size = images.shape[:2]
    width = 2 * radius + 1
    rows, columns = np.empty(width, np.int64), np.empty(width, np.int64)
    weights = np.empty(width, np.float32)
    index, share = np.empty(zoomed, np.int64), np.empty(zoomed, np.float32)
    zoom_axis(kept, zoomed, index, share)
    noise = np.empty(size * size, np.float32)
    field = noise.reshape((size, size))
    row = np.empty(size, np.float32)
    flakes = np.empty((zoomed, zoomed), np.float32)
    padded = np.empty((zoomed, zoomed + 2 * width), np.float32)
    moved = np.empty((zoomed, zoomed), np.float32)
    image = np.empty((size, 3 * size), np.float32)
    corner = (size - kept) // 2
    for i in range(n):
        fill_normal(seeds[i], noise)
        for y in range(zoomed):
            upper, lower = field[corner + index[y]], field[corner + index[y] + 1]
            below = share[y]
            for x in range(size):
                row[x] = mean + deviation * (upper[x] + below * (lower[x] - upper[x]))
            x = 0
            for cell in range(kept - 1):
                left = row[corner + cell]
                slope = row[corner + cell + 1] - left
                while x < zoomed and index[x] == cell:
                    value = left + share[x] * slope
                    flakes[y, x] = min(value, _ONE) if value >= threshold else _ZERO
                    x += 1
        turns = (np.float64(uniform_at(seeds[i], _LAST)) - 1.5) * 0.25
        motion_taps(radius, sigma, turns, rows, columns, weights)
        filter_taps(flakes, 1, rows, columns, weights, NEAREST, padded, moved)
        load(images[i], image)
        for y in range(size):
            opposite = moved[size - 1 - y]
            for x in range(size):
                both = np.floor(moved[y, x] * _WHITE + _HALF)
                turned = np.uint64(size - 1 - x)  # not checked for being negative
                row[x] = both + np.floor(opposite[turned] * _WHITE + _HALF)
            for x in range(size):
                pixel = image[y, 3 * x : 3 * x + 3]
                grey = _RED * pixel[0] + _GREEN * pixel[1] + _BLUE * pixel[2]
                white = grey * _ONE_AND_A_HALF + _HALF * _WHITE
                for c in range(3):
                    value = pixel[c]
                    whitened = (_ONE - kept_share) * max(value, white)
                    pixel[c] = kept_share * value + whitened + row[x]
        store(image, out[i])


@kernel
def frost(
    images: NDArray[np.uint8],
    seeds: NDArray[np.uint64],
    textures: NDArray[np.uint8],
    step: np.float32,
    kept_share: np.float32,
    frost_share: np.float32,
    out: NDArray[np.uint8],
) -> None:
    """Add a part of a frost texture to each image.

    The textures, uint8 of shape (k, side, side, 3), repeat; `step` of their pixels make one of the
    image's.
    """
    n, size = images.shape[:2]
    n_textures, side = textures.shape[:2]
    image = np.empty((size, 3 * size), np.float32)
    index, share = np.empty((2, size), np.int64), np.empty((2, size), np.float32)
    for i in range(n):
        texture = textures[np.int64(bits_at(seeds[i], np.uint64(0)) % np.uint64(n_textures))]
        for axis in range(2):
            start = uniform_at(seeds[i], np.uint64(1 + axis)) * np.float32(side)
            for x in range(size):
                place = start + np.float32(x) * step
                first = np.floor(place)
                index[axis, x] = np.int64(first) % side
                share[axis, x] = place - first
        load(images[i], image)
        for y in range(size):
            top = index[0, y]
            bottom = (top + 1) % side
            below = share[0, y]
            for x in range(size):
                left = index[1, x]
                right = (left + 1) % side
                beside = share[1, x]
                for c in range(3):
                    upper = np.float32(texture[top, left, c]) * (_ONE - beside)
                    upper += np.float32(texture[top, right, c]) * beside
                    lower = np.float32(texture[bottom, left, c]) * (_ONE - beside)
                    lower += np.float32(texture[bottom, right, c]) * beside
                    ice = upper + below * (lower - upper)
                    image[y, 3 * x + c] = kept_share * image[y, 3 * x + c] + frost_share * ice
        store(image, out[i])


@kernel
def brightness(images: NDArray[np.uint8], added: np.float32, out: NDArray[np.uint8]) -> None:
    """Add to the value of hue, saturation and value, in shares of white."""
    n, size = images.shape[:2]
    image = np.empty((size, 3 * size), np.float32)
    for i in range(n):
        load(images[i], image)
        for y in range(size):
            for x in range(size):
                red, green, blue = image[y, 3 * x], image[y, 3 * x + 1], image[y, 3 * x + 2]
                value = max(red, max(green, blue))
                raised = min(value + added * _WHITE, _WHITE)
                # Black has no hue, so it becomes grey.
                scale = raised / max(value, _ONE)
                rest = raised if value == _ZERO else _ZERO
                image[y, 3 * x] = red * scale + rest
                image[y, 3 * x + 1] = green * scale + rest
                image[y, 3 * x + 2] = blue * scale + rest
        store(image, out[i])
