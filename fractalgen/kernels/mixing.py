"""The four ways in which IPMix mixes a patch of one picture with another's.

Add and multiply are those of PixMix: Hendrycks et al., "PixMix: Dreamlike pictures comprehensively
improve safety measures", CVPR 2022. Add works on values from -1 to 1, multiply on values from 0 to
2, with the factors as exponents. What leaves 0 to 255 is clipped, or wraps round as in the public
code of IPMix.
"""

import numpy as np

from fractalgen.kernels.elementary import exp2, log2
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import bits_at, uniform_at

__all__ = ["mix"]

ADD, MULTIPLY, RANDOM_PIXELS, RANDOM_ELEMENTS = range(4)

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_TOP = np.float32(255.0)
_TO_SIGNED = np.float32(2.0 / 255.0)
_ONE = np.float32(1.0)
_HALF_TOP = np.float32(127.5)
_LARGEST_LOG = np.float32(30.0)  # far out of range already, and still within an int64
_SHIFT_21 = np.uint64(21)
_BITS_21 = np.uint64((1 << 21) - 1)
_UNIT_21 = np.float32(2.0**-21)
_LEAST = np.float32(1e-37)


@kernel
def _add_row(ours, theirs, a, b, values):
    for x in range(ours.size):
        one = np.float32(ours[x]) * _TO_SIGNED - _ONE
        other = np.float32(theirs[x]) * _TO_SIGNED - _ONE
        values[x] = (a * one + b * other + _ONE) * _HALF_TOP


@kernel
def _multiply_row(ours, theirs, a, b, values):
    for x in range(ours.size):
        one = log2(max(np.float32(ours[x]) * _TO_SIGNED, _LEAST))
        other = log2(max(np.float32(theirs[x]) * _TO_SIGNED, _LEAST))
        power = exp2(max(min(a * one + b * other, _LARGEST_LOG), -_LARGEST_LOG))
        values[x] = power * _HALF_TOP if ours[x] > 0 else _ZERO


@kernel
def _store_row(values, wraps, ours):
    if wraps:
        for x in range(ours.size):
            ours[x] = np.uint8(np.int64(values[x]) & 255)
    else:
        for x in range(ours.size):
            ours[x] = np.uint8(np.int32(min(max(values[x], _ZERO), _TOP) + _HALF))


@inlined
def _chosen(one, other, kept):
    """Return `one` if `kept`, else `other`, without a branch that could not be foretold."""
    mask = np.uint8(0) - np.uint8(kept)
    return np.uint8((one & mask) | (other & ~mask))


@kernel
def _mask_elements(ours, theirs, seed, first, threshold):
    """Decide for each element: the three of a pixel take 21 bits each of its 64."""
    for x in range(ours.size // 3):
        bits = bits_at(seed, np.uint64(first + x))
        for channel in range(3):
            at = np.uint64(3 * x + channel)
            kept = np.float32(bits & _BITS_21) * _UNIT_21 < threshold
            ours[at] = _chosen(ours[at], theirs[at], kept)
            bits >>= _SHIFT_21


@kernel
def _mask_pixels(ours, theirs, seed, first, threshold):
    for x in range(ours.size // 3):
        kept = uniform_at(seed, np.uint64(first + x)) < threshold
        for channel in range(3):
            at = np.uint64(3 * x + channel)
            ours[at] = _chosen(ours[at], theirs[at], kept)


@kernel
def mix(op, a, b, seed, wraps, ours, theirs, box, values):
    """Mix a patch of `theirs` into `ours`, in place.

    Parameters
    ----------
    op : int
        Add, multiply, random pixels or random elements, from 0.
    a, b : float32
        The factors of add and multiply; of the random masks `a` is the share that is kept.
    seed : uint64
        The random mask's stream; a pixel's place in the picture is its place in the stream.
    wraps : bool
        Whether values out of range wrap round (and fractions are cut) or are clipped (and rounded).
    ours : uint8 array, shape (height, width * 3)
        Changed within the box.
    theirs : uint8 array, shape (height, width * 3)
    box : int32 array, shape (4,)
        Top, left, height and width, in pixels of `ours`.
    values : float32 array, shape (width * 3,)
        Scratch.
    """
    width = ours.shape[1] // 3
    left = 3 * box[1]
    n = 3 * box[3]
    for row in range(box[0], box[0] + box[2]):
        one = ours[row, left : left + n]
        other = theirs[row, left : left + n]
        first = row * width + box[1]
        if op == ADD:
            _add_row(one, other, a, b, values[:n])
            _store_row(values[:n], wraps, one)
        elif op == MULTIPLY:
            _multiply_row(one, other, a, b, values[:n])
            _store_row(values[:n], wraps, one)
        elif op == RANDOM_PIXELS:
            _mask_pixels(one, other, seed, first, a)
        else:
            _mask_elements(one, other, seed, first, a)
