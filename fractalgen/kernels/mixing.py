"""IPMix's operations that mix a patch of one image with another's.

Add and multiply are those of PixMix: Hendrycks et al., "PixMix: Dreamlike images comprehensively
improve safety measures", CVPR 2022. Add works on values from -1 to 1, multiply on values from 0 to
2, with the factors as exponents. Values outside 0 to 255 are clipped, or wrap around as in the
public code of IPMix.
"""

import numpy as np

from fractalgen.kernels.distributions import uniform, uniform_power
from fractalgen.kernels.elementary import exp2, log2
from fractalgen.kernels.jit import inlined, inlined_early, kernel
from fractalgen.kernels.plan_layout import MixingOp
from fractalgen.kernels.random_bits import bits_at

__all__ = ["mix", "sample_factors"]

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TOP = np.float32(255.0)
_HALF_TOP = np.float32(127.5)
_TO_DOUBLE = np.float32(2.0 / 255.0)
_TINY = np.float32(1e-37)
_MAX_LOG = np.float32(60.0)  # far out of range already, and the product of two is finite
_TOO_LARGE = np.float32(2.0**31)  # a float32 from there on is a multiple of 256
_U1, _U2, _U3 = (np.uint64(n) for n in (1, 2, 3))
_SHIFT_40 = np.uint64(40)
_SHIFT_21 = np.uint64(21)
_SHIFT_42 = np.uint64(42)
_BITS_21 = np.uint64((1 << 21) - 1)
_KEPT, _REPLACED = np.uint8(255), np.uint8(0)


@inlined
def _masks(op):
    return op == MixingOp.RANDOM_PIXELS or op == MixingOp.RANDOM_ELEMENTS


@kernel
def sample_factors(factors, stream, op, strength):
    """Draw the factors of add and multiply, or the share kept by a random mask."""
    per_strength = _ONE / strength
    if _masks(op):
        factors[0] = uniform(stream)
        factors[1] = _ZERO
    elif uniform(stream) < _HALF:
        factors[0] = uniform_power(stream, per_strength)
        factors[1] = _ONE - uniform_power(stream, per_strength)
    else:
        factors[0] = _ONE + (_ONE - uniform_power(stream, per_strength))
        factors[1] = -(_ONE - uniform_power(stream, per_strength))


@inlined
def _as_byte(value, wraps):
    """Round and clip, or truncate and wrap around."""
    if wraps:
        return np.uint8(np.int32(value if value < _TOO_LARGE else _ZERO) & np.int32(255))
    return np.uint8(np.int32(min(max(value, _ZERO), _TOP) + _HALF))


@kernel
def _add(a, b, wraps, ours, theirs):
    """Store a (2 x - 1) + b (2 y - 1), brought back from [-1, 1]."""
    middle = _HALF_TOP * (_ONE - a - b)
    for i in range(ours.size):
        value = a * np.float32(ours[i]) + b * np.float32(theirs[i]) + middle
        ours[i] = _as_byte(value, wraps)


@inlined
def _power(value, exponent):
    """Return (2 * `value` / 255) ** `exponent` of a whole number from 0 to 255."""
    log = exponent * log2(max(np.float32(value) * _TO_DOUBLE, _TINY))
    return exp2(max(min(log, _MAX_LOG), -_MAX_LOG))


@kernel
def _fill_powers(a, b, powers):
    """Fill 256 powers of our values, brought back from [0, 2], and 256 of theirs."""
    for value in range(256):
        powers[value] = _power(value, a) * _HALF_TOP
        powers[256 + value] = _power(value, b)
    powers[0] = _ZERO


@kernel
def _multiply(powers, wraps, ours, theirs):
    """Store the products of tabled powers."""
    for i in range(ours.size):
        value = powers[np.uint64(ours[i])] * powers[np.uint64(256) + np.uint64(theirs[i])]
        ours[i] = _as_byte(value, wraps)


@kernel
def _draw_mask(op, seed, first, limit, mask):
    """Fill a row's mask, byte for byte.

    For random pixels the upper 24 of a pixel's 64 bits decide, for random elements 21 bits each.
    """
    if op == MixingOp.RANDOM_PIXELS:
        for x in range(np.uint64(mask.size // 3)):
            kept = _KEPT if bits_at(seed, first + x) >> _SHIFT_40 < limit else _REPLACED
            mask[_U3 * x] = kept
            mask[_U3 * x + _U1] = kept
            mask[_U3 * x + _U2] = kept
    else:
        for x in range(np.uint64(mask.size // 3)):
            bits = bits_at(seed, first + x)
            mask[_U3 * x] = _KEPT if bits & _BITS_21 < limit else _REPLACED
            second = (bits >> _SHIFT_21) & _BITS_21
            mask[_U3 * x + _U1] = _KEPT if second < limit else _REPLACED
            third = (bits >> _SHIFT_42) & _BITS_21
            mask[_U3 * x + _U2] = _KEPT if third < limit else _REPLACED


@kernel
def _replace(mask, ours, theirs):
    """Replace values that the mask does not keep by `theirs`."""
    for i in range(ours.size):
        ours[i] = theirs[i] ^ ((ours[i] ^ theirs[i]) & mask[i])


@inlined_early
def mix(op, a, b, seed, wraps, ours, theirs, box):
    """Mix a patch of `theirs` into `ours`, in place.

    `op` is a `MixingOp`; `a` and `b` are float32 factors. For a random mask, `a` is the share that
    is kept, and `seed`, uint64, is the mask's stream, indexed by the pixel's position in the image.
    `box` is the patch's top, left, height and width.
    """
    width = ours.shape[1]
    one, other = ours.reshape(ours.size), theirs.reshape(theirs.size)
    n = 3 * np.int64(box[3])
    powers = np.empty(512 if op == MixingOp.MULTIPLY else 0, np.float32)
    if op == MixingOp.MULTIPLY:
        _fill_powers(a, b, powers)
    mask = np.empty(n if _masks(op) else 0, np.uint8)
    unit = np.float32(2.0**24) if op == MixingOp.RANDOM_PIXELS else np.float32(2.0**21)
    limit = np.uint64(np.ceil(max(a, _ZERO) * unit))
    for row in range(np.int64(box[0]), np.int64(box[0]) + np.int64(box[2])):
        first = row * width + np.int64(box[1])
        mine, his = one[3 * first : 3 * first + n], other[3 * first : 3 * first + n]
        if op == MixingOp.ADD:
            _add(a, b, wraps, mine, his)
        elif op == MixingOp.MULTIPLY:
            _multiply(powers, wraps, mine, his)
        elif _masks(op):
            _draw_mask(op, seed, np.uint64(first), limit, mask)
            _replace(mask, mine, his)
