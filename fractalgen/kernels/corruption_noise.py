"""Noise of the common corruptions: Gaussian, shot, impulse and speckle noise.

Source of all: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations", ICLR 2019. Images are uint8 of shape (n, size, size, 3), with a
64-bit seed for each.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import cos_turns, log2, sin_turns
from fractalgen.kernels.image_filters import store
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import bits_at, uniform_at

__all__ = [
    "add_noise",
    "fill_normal",
    "image_seeds",
    "impulse_noise",
    "poisson_table",
    "shot_noise",
]

_ZERO = np.float32(0.0)
_WHITE = np.float32(255.0)
_TWO_LN_2 = np.float32(-1.38629436)
_UNIT = np.float32(2.0**-24)
_TINY = np.float32(2.0**-25)
_S40 = np.uint64(40)
_S32 = np.uint64(32)
_S16 = np.uint64(16)
_LOW_24 = np.uint64(0xFFFFFF)


@kernel
def image_seeds(key: np.uint64, indices: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a seed for each image of a data set, from a key and the images' indices."""
    seeds = np.empty(indices.size, np.uint64)
    for i in range(indices.size):
        seeds[i] = bits_at(key, np.uint64(indices[i]))
    return seeds


@inlined
def _polar(seed, n):
    """Draw the radius and angle of a pair of normal numbers; Box and Muller, 1958."""
    bits = bits_at(seed, n)
    u = np.float32(np.int32(bits >> _S40)) * _UNIT + _TINY
    turns = np.float32(np.int32((bits >> _S16) & _LOW_24)) * _UNIT
    return np.sqrt(_TWO_LN_2 * log2(u)), turns


@kernel
def fill_normal(seed, values):
    """Fill a float32 array with standard normal numbers, at most 5.9 in magnitude."""
    half = (values.size + 1) // 2
    first, second = values[:half], values[half:]
    for i in range(second.size):
        radius, turns = _polar(seed, np.uint64(i))
        first[i] = radius * cos_turns(turns)
        second[i] = radius * sin_turns(turns)
    if second.size < half:
        radius, turns = _polar(seed, np.uint64(half - 1))
        first[half - 1] = radius * cos_turns(turns)


@kernel
def add_noise(
    images: NDArray[np.uint8],
    seeds: NDArray[np.uint64],
    added: np.float32,
    scaled: np.float32,
    out: NDArray[np.uint8],
) -> None:
    """Add normal noise with a standard deviation of `added`, in shares of white, plus `scaled` x.

    x is the pixel's own value: this makes speckle noise.
    """
    noise = np.empty(images[0].size, np.float32)
    for i in range(images.shape[0]):
        fill_normal(seeds[i], noise)
        pixels = images[i].reshape(-1)
        for j in range(noise.size):
            value = np.float32(pixels[j])
            noise[j] = value + (added * _WHITE + scaled * value) * noise[j]
        store(noise.reshape((1, -1)), out[i])


@kernel
def impulse_noise(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], amount: np.float32, out: NDArray[np.uint8]
) -> None:
    """Replace a share of all values by 0 or 255, each half of the time."""
    half = amount * np.float32(0.5)
    for i in range(images.shape[0]):
        pixels, result = images[i].reshape(-1), out[i].reshape(-1)
        for j in range(pixels.size):
            u = uniform_at(seeds[i], np.uint64(j))
            value = np.uint8(0) if u < amount else pixels[j]
            result[j] = np.uint8(255) if u < half else value


@kernel
def poisson_table(
    photons: float,
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.int16]]:
    """Tabulate the Poisson distributions of the 256 grey levels; white has the mean `photons`.

    Returns the least counts (256,); the probabilities (256, width), uint32 in units of 2**-32, of
    at most the least count plus 0, 1, ...; and for each top byte of a uniform number the place
    (256, 256) to begin looking from. They are made by recursion from the most likely count, without
    an exponential.
    """
    widest = 2 * np.int64(9.0 * np.sqrt(photons) + 12.0)
    least = np.empty(256, np.int64)
    at_most = np.empty((256, widest), np.uint32)
    guide = np.empty((256, 256), np.int16)
    share = np.empty(widest, np.float64)
    for level in range(256):
        mean = photons * level / 255.0
        mode = np.int64(mean)
        low = max(np.int64(0), mode - widest // 2)
        least[level] = low
        share[:] = 0.0
        share[mode - low] = 1.0
        for j in range(mode - low - 1, -1, -1):
            share[j] = share[j + 1] * (low + j + 1) / mean
        for j in range(mode - low + 1, widest):
            share[j] = share[j - 1] * mean / (low + j)
        total = 0.0
        for j in range(widest):
            total += share[j]
        so_far = 0.0
        for j in range(widest):
            so_far += share[j]
            at_most[level, j] = np.uint32(min(so_far / total * 2.0**32, 2.0**32 - 1.0))
        at_most[level, widest - 1] = np.uint32(0xFFFFFFFF)
        place = 0
        for top in range(256):
            while at_most[level, place] < np.uint32(top << 24):
                place += 1
            guide[level, top] = place
    return least, at_most, guide


@kernel
def shot_noise(
    images: NDArray[np.uint8],
    seeds: NDArray[np.uint64],
    photons: np.float32,
    least: NDArray[np.int64],
    at_most: NDArray[np.uint32],
    guide: NDArray[np.int16],
    out: NDArray[np.uint8],
) -> None:
    """Replace each value by a number of photons, from `poisson_table`."""
    scale = _WHITE / photons
    for i in range(images.shape[0]):
        pixels = images[i].reshape(-1)
        counts = np.empty((1, pixels.size), np.float32)
        for j in range(pixels.size):
            level = pixels[j]
            u = np.uint32(bits_at(seeds[i], np.uint64(j)) >> _S32)
            place = np.int64(guide[level, u >> np.uint32(24)])
            while at_most[level, place] < u:
                place += 1
            counts[0, j] = np.float32(least[level] + place) * scale
        store(counts, out[i])
