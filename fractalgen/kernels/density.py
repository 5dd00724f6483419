"""From a histogram of visits to colour: a light blur, automatic exposure, and blending.

A fractal's densities span decades, so the tables here have a row for each 64th of an octave of the
count. The row follows from the bits of the count as a float32, without a logarithm per pixel.

Source of the tone curve: S. Draves and E. Reckase, "The fractal flame algorithm", 2003.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.affine_systems import COUNT_SHIFT
from fractalgen.kernels.elementary import exp2, log2
from fractalgen.kernels.jit import inlined, kernel

__all__ = ["FINE_SHIFT", "blend", "blur", "expose", "find_visited"]

FINE_SHIFT = 4
"""A blurred histogram counts sixteenths (2**-4) of visits."""

_COUNT_SHIFT = np.uint64(COUNT_SHIFT)
_SUM_MASK = np.uint64((1 << COUNT_SHIFT) - 1)
_ONE_VISIT = np.uint64(1 << COUNT_SHIFT)
_TWO = np.uint64(2)

_STEP_SHIFT = np.int32(17)
_STEPS = 64
_ONE_BITS = np.int32(127 * _STEPS)
_N_LEVELS = 34 * _STEPS

_STEP = np.float32(1.0 / _STEPS)

# The shares of visited pixels at or below the black and the white point.
_BLACK_SHARE = 0.1
_WHITE_SHARE = 0.995
_BLACK_STRETCH = np.float32(0.8)

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_TWO_F = np.float32(2.0)
_HALF = np.float32(0.5)
_TONE_UNIT = np.float32(1.0 / 255.0)


@inlined
def _level(count):
    """Return the table row of a count of 1 or more: 64 log2(count), linear within octaves."""
    # Before AVX-512 no instruction converts unsigned numbers to floats, and Numba checks an index
    # for being negative unless it comes from an unsigned one.
    return np.intp(
        np.uint32((np.float32(np.int64(count)).view(np.int32) >> _STEP_SHIFT) - _ONE_BITS)
    )


@kernel
def blur(histogram: NDArray[np.uint64], size: int, spacing: int, shift: int) -> None:
    """Smooth a histogram in place by a 3 x 3 binomial filter (1, 2, 1), edges repeated.

    The filter's taps are `spacing` pixels apart. Its sums, 16 times too large, are divided by
    2**shift: 0 leaves counts in sixteenths of a visit, and 4 keeps the scale.
    """
    counts = np.empty(size + 2 * spacing, dtype=np.uint64)
    sums = np.empty(size + 2 * spacing, dtype=np.uint64)
    middle_counts, right_counts = counts[spacing:], counts[2 * spacing :]
    middle_sums, right_sums = sums[spacing:], sums[2 * spacing :]
    # Keep each row as it was, because it is needed again `spacing` rows later.
    kept = np.empty((spacing, size), dtype=np.uint64)
    for row in range(spacing):
        for x in range(size):
            kept[row, x] = histogram[x]
    bits = np.uint64(shift)
    half = np.uint64((1 << shift) >> 1)
    for row in range(size):
        above = kept[row % spacing]
        here = histogram[row * size :]
        below = histogram[min(row + spacing, size - 1) * size :]
        for x in range(size):
            a = above[x]
            b = here[x]
            c = below[x]
            above[x] = b
            column = (a >> _COUNT_SHIFT) + _TWO * (b >> _COUNT_SHIFT) + (c >> _COUNT_SHIFT)
            middle_counts[x] = column
            middle_sums[x] = (a & _SUM_MASK) + _TWO * (b & _SUM_MASK) + (c & _SUM_MASK)
        for x in range(spacing):
            counts[x] = middle_counts[0]
            sums[x] = middle_sums[0]
            middle_counts[size + x] = middle_counts[size - 1]
            middle_sums[size + x] = middle_sums[size - 1]
        for x in range(size):
            count = counts[x] + _TWO * middle_counts[x] + right_counts[x]
            total = sums[x] + _TWO * middle_sums[x] + right_sums[x]
            here[x] = ((count + half) >> bits) << _COUNT_SHIFT | (total >> bits)


@kernel
def find_visited(histogram: NDArray[np.uint64], visited: NDArray[np.uint32]) -> int:
    """List the visited pixels from the start of `visited`, and return their number.

    A loop over the list has no unpredictable branch.
    """
    n = 0
    for pixel in range(histogram.size):
        visited[np.uint32(n)] = pixel
        n += histogram[pixel] >= _ONE_VISIT
    return n


@kernel
def expose(
    histogram: NDArray[np.uint64], visited: NDArray[np.uint32], shift: int, gain: np.float32
) -> NDArray[np.float32]:
    """Find an image's exposure: the opacity and brightness of each level of count.

    With x = count / white and v = log(1 + gain x) / log(1 + gain), the opacity is v (2 - v). The
    brightness is v, stretched so that the sparse parts of an even image come close to 0. Counts are
    in units of 2**-shift visits. Return opacity and brightness in [0, 1] by level, of shape (2176,
    2); a level is a 64th of an octave.
    """
    pixels = np.empty(_N_LEVELS, dtype=np.int64)
    for level in range(_N_LEVELS):
        pixels[level] = 0
    for pixel in visited:
        pixels[_level(histogram[pixel] >> _COUNT_SHIFT)] += 1
    black = _quantile(pixels, _BLACK_SHARE * visited.size)
    # An image of single visits has no highlights: white is at least four visits.
    white = max(_quantile(pixels, _WHITE_SHARE * visited.size), _STEPS * (2 + shift))
    scale = _ONE / log2(_ONE + gain)
    darkest = _BLACK_STRETCH * log2(_ONE + gain * _ratio(min(black, white - 1), white)) * scale
    curve = np.empty((_N_LEVELS, 2), dtype=np.float32)
    for level in range(white, _N_LEVELS):
        curve[level, 0] = curve[level, 1] = _ONE
    for level in range(white):
        v = log2(_ONE + gain * _ratio(level, white)) * scale
        curve[level, 0] = v * (_TWO_F - v)
        curve[level, 1] = max(v - darkest, _ZERO) / (_ONE - darkest)
    return curve


@inlined
def _quantile(pixels, wanted):
    """Return the first level at which at least `wanted` pixels have been counted."""
    level = 0
    seen = pixels[0]
    while seen < wanted:
        level += 1
        seen += pixels[level]
    return level


@inlined
def _ratio(level, white):
    """Return the count at a level below white, relative to the count at white."""
    octaves = np.float32(white // _STEPS - level // _STEPS)
    mantissa = _ONE + np.float32(level % _STEPS) * _STEP
    return exp2(-octaves) * mantissa / (_ONE + np.float32(white % _STEPS) * _STEP)


@kernel
def blend(
    histogram: NDArray[np.uint64],
    visited: NDArray[np.uint32],
    curve: NDArray[np.float32],
    ramp: NDArray[np.float32],
    structure: np.float32,
    decode: NDArray[np.float32],
    encode: NDArray[np.uint8],
    canvas: NDArray[np.uint8],
) -> None:
    """Blend the visited pixels over `canvas`, of shape (n, 3), in linear light.

    `curve` comes from `expose`. With the brightness v and the mean tone t of a pixel's visits, its
    place on `ramp`, linear-light RGB of shape (n_colors, 3), is v + structure (t - v). `decode` is
    the linear light of each 8-bit code, `encode` the code of linear light times 8191.
    """
    last = np.float32(ramp.shape[0] - 1)
    full = np.float32(encode.shape[0] - 1)
    for pixel in visited:
        packed = histogram[pixel]
        count = packed >> _COUNT_SHIFT
        level = _level(count)
        opacity = curve[level, 0]
        v = curve[level, 1]
        # A blurred count may have been rounded down without the sum of its tones.
        t = min(
            np.float32(np.int64(packed & _SUM_MASK)) / np.float32(np.int64(count)) * _TONE_UNIT,
            _ONE,
        )
        place = np.intp(np.uint32((v + structure * (t - v)) * last + _HALF))
        for channel in range(3):
            under = decode[canvas[pixel, channel]]
            light = under + opacity * (ramp[place, channel] - under)
            canvas[pixel, channel] = encode[np.intp(np.uint32(light * full + _HALF))]
