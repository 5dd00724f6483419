"""Transcendental functions in float32 that give the same bits on every processor.

Those of the C library and NumPy differ in the last digit between processors, because they choose
code by vector unit. These use only additions, multiplications, divisions and integer shifts, and
LLVM vectorises them inside the loops that call them. Angles are in turns (1 = 360
degrees). The polynomials are Chebyshev fits.
"""

import numpy as np

from fractalgen.kernels.jit import inlined

__all__ = [
    "atan2_turns",
    "cos_turns",
    "direction",
    "exp2",
    "log2",
    "nearest_integer",
    "sin_turns",
    "to_byte",
]

_HALF = np.float32(0.5)
_QUARTER = np.float32(0.25)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_ZERO = np.float32(0.0)
_WHITE = np.float32(255.0)
_TINY = np.float32(1e-30)
# Adding and subtracting 1.5 * 2**23 rounds a float32 of magnitude below 2**22 to an integer.
_ROUND = np.float32(12582912.0)

_MANTISSA_BITS = np.int32(23)
_SQRT_HALF_BITS = np.int32(0x3F3504F3)
_EXPONENT_BIAS = np.int32(127)

_L0 = np.float32(2.88539008)
_L1 = np.float32(0.96179884)
_L2 = np.float32(0.57671545)
_L3 = np.float32(0.43170744)

_E0 = np.float32(1.0)
_E1 = np.float32(6.93147207e-01)
_E2 = np.float32(2.40226512e-01)
_E3 = np.float32(5.55032721e-02)
_E4 = np.float32(9.61802560e-03)
_E5 = np.float32(1.34004322e-03)
_E6 = np.float32(1.54697320e-04)

_S0 = np.float32(6.28318531)
_S1 = np.float32(-41.34170212)
_S2 = np.float32(81.60522621)
_S3 = np.float32(-76.70428132)
_S4 = np.float32(42.00980573)
_S5 = np.float32(-14.39413538)

_A0 = np.float32(0.15915493)
_A1 = np.float32(-0.05304946)
_A2 = np.float32(0.03178203)
_A3 = np.float32(-0.02230809)
_A4 = np.float32(0.01576604)
_A5 = np.float32(-0.00944857)
_A6 = np.float32(0.00384617)
_A7 = np.float32(-0.00074306)


@inlined
def nearest_integer(x):
    """Round a float32 of magnitude below 2**22 to the nearest integer, ties to even."""
    return (x + _ROUND) - _ROUND


@inlined
def to_byte(x):
    """Clip a float32 to 0 to 255 and truncate it to uint8."""
    return np.uint8(np.int32(min(max(x, _ZERO), _WHITE)))


@inlined
def log2(x):
    """Return log2 of a positive, normal float32; absolute error below 2e-6 for results to 20."""
    bits = np.float32(x).view(np.int32)
    # Numba's sums and shifts of int32 are int64, which AVX2 can neither shift nor make floats.
    exponent = np.int32(np.int32(bits - _SQRT_HALF_BITS) >> _MANTISSA_BITS)
    mantissa = np.int32(bits - np.int32(exponent << _MANTISSA_BITS)).view(np.float32)
    ratio = (mantissa - _ONE) / (mantissa + _ONE)
    square = ratio * ratio
    series = ((_L3 * square + _L2) * square + _L1) * square + _L0
    return ratio * series + np.float32(exponent)


@inlined
def exp2(x):
    """Return 2**x of a float32 in [-126, 127]; relative error below 3e-7."""
    whole = nearest_integer(x)
    f = x - whole
    series = (((((_E6 * f + _E5) * f + _E4) * f + _E3) * f + _E2) * f + _E1) * f + _E0
    scale = np.int32((np.int32(whole) + _EXPONENT_BIAS) << _MANTISSA_BITS).view(np.float32)
    return series * scale


@inlined
def sin_turns(t):
    """Return sin(2 pi t) of a float32 of magnitude below 2**20; error below 4e-7 near zero."""
    x = t - nearest_integer(t)
    magnitude = abs(x)
    folded = min(magnitude, _HALF - magnitude)
    square = folded * folded
    series = ((((_S5 * square + _S4) * square + _S3) * square + _S2) * square + _S1) * square + _S0
    value = folded * series
    return value if x >= 0 else -value


@inlined
def cos_turns(t):
    """Return cos(2 pi t) of a float32 of magnitude below 2**20; error below 4e-7 near zero."""
    return sin_turns(t + _QUARTER)


@inlined
def atan2_turns(y, x):
    """Return the angle of (x, y) in turns, in (-0.5, 0.5], from float32; error below 2e-7.

    The angle of (0, 0) is 0.
    """
    height = abs(y)
    width = abs(x)
    slope = min(height, width) / max(max(height, width), _TINY)
    square = slope * slope
    series = ((_A7 * square + _A6) * square + _A5) * square + _A4
    series = (((series * square + _A3) * square + _A2) * square + _A1) * square + _A0
    angle = slope * series
    angle = _QUARTER - angle if height > width else angle
    angle = _HALF - angle if x < 0 else angle
    return -angle if y < 0 else angle


@inlined
def direction(turns):
    """Return cosine and sine of an angle in turns, float64, within 1e-14."""
    quarter = np.int64(np.floor(turns * 4.0 + 0.5))
    angle = (turns - quarter * 0.25) * 6.283185307179586
    x = angle * angle  # below 0.617, so eight terms of the Taylor series suffice
    sine = cosine = 0.0
    for k in (14, 12, 10, 8, 6, 4, 2, 0):
        cosine = 1.0 - cosine * x / ((k + 1) * (k + 2))
        sine = 1.0 - sine * x / ((k + 2) * (k + 3))
    sine *= angle
    turned = quarter & 3
    across = turned & 1
    return (
        (sine if across else cosine) * (-1.0 if turned == 1 or turned == 2 else 1.0),
        (cosine if across else sine) * (-1.0 if turned >= 2 else 1.0),
    )
