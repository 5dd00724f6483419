"""Averages along an orbit: stripes, the triangle inequality, and curvature.

Each iterate from z_3 on gives a term in [0, 1], and the terms of an orbit that escapes are averaged
(Härkönen, "On Smooth Fractal Coloring Techniques", 2007):

- stripes: (1 + sin(k arg z_n)) / 2, with k stripes around 0. The sine is the imaginary part of
  (z_n / |z_n|) ** k.
- triangle inequality: where |z_n| lies between the least and the greatest that
  |f(z_{n-1}) ** p| and |c| allow. As z_n is f(z_{n-1}) ** p + c, these are the two sides'
  difference and sum, and the first side is |z_n - c|.
- curvature: the orbit's turn at z_{n-1}, as a share of a half turn.

Terms are computed for all the iterates of a stride, in the distances' runs, which the traps then
overwrite; a sum takes those of iterates that the orbit has reached.
"""

import numpy as np

from fractalgen.kernels.elementary import atan2_turns
from fractalgen.kernels.jit import inlined, inlined_early, kernel
from fractalgen.kernels.lanes import (
    C_IM,
    C_RE,
    COUNT,
    DISTANCE,
    EARLIER_IM,
    EARLIER_RE,
    IM,
    LANES,
    LAST_TERM,
    NEXT_COUNT,
    OLD_IM,
    OLD_RE,
    ORBIT_IM,
    ORBIT_RE,
    RE,
    STRIDE,
    SUM,
)

__all__ = ["CURVATURE", "MAX_STRIPES", "NO_AVERAGE", "TRIANGLE", "add_terms", "record_averages"]

# What a kernel is told to average; a positive number is that of stripes.
NO_AVERAGE, TRIANGLE, CURVATURE = 0, -1, -2
MAX_STRIPES = 7

_FIRST = 3  # the first iterate that gives a term
_TINY = 1e-30


@inlined
def _length(x, y):
    return np.sqrt(x * x + y * y)


@inlined
def _times(a, b, x, y):
    return a * x - b * y, a * y + b * x


@inlined_early
def _stripe_terms(s, stripes):
    real = s.dtype.type
    half = real(0.5)
    one = real(1.0)
    zero = real(0.0)
    # z ** k = ((z ** b2) ** 2 * z ** b1) ** 2 * z ** b0, with the bits b of k: a factor is z or 1.
    b2 = one if stripes & 4 else zero
    b1 = one if stripes & 2 else zero
    b0 = one if stripes & 1 else zero
    for at in range(np.uint64(STRIDE) * LANES):
        x = s[ORBIT_RE + at]
        y = s[ORBIT_IM + at]
        scale = one / (_length(x, y) + real(_TINY))
        x *= scale
        y *= scale
        a = one + b2 * (x - one)
        b = b2 * y
        a, b = _times(a, b, a, b)
        a, b = _times(a, b, one + b1 * (x - one), b1 * y)
        a, b = _times(a, b, a, b)
        b = a * (b0 * y) + b * (one + b0 * (x - one))
        s[DISTANCE + at] = half + half * b


@inlined_early
def _triangle_terms(s):
    real = s.dtype.type
    for step in range(np.uint64(STRIDE)):
        for lane in range(LANES):
            at = step * LANES + lane
            x = s[ORBIT_RE + at]
            y = s[ORBIT_IM + at]
            c_re = s[C_RE + lane]
            c_im = s[C_IM + lane]
            raised = _length(x - c_re, y - c_im)
            constant = _length(c_re, c_im)
            least = abs(raised - constant)
            spread = raised + constant - least
            share = (_length(x, y) - least) / (spread + real(_TINY))
            s[DISTANCE + at] = min(max(share, real(0.0)), real(1.0))


@inlined_early
def _curvature_terms(s):
    real = s.dtype.type
    for lane in range(np.uint64(2) * LANES):
        s[EARLIER_RE + lane] = s[OLD_RE + lane]
        s[EARLIER_IM + lane] = s[OLD_IM + lane]
    for lane in range(LANES):
        s[EARLIER_RE + LANES + lane] = s[RE + lane]
        s[EARLIER_IM + LANES + lane] = s[IM + lane]
    for at in range(np.uint64(STRIDE) * LANES):
        before = at + LANES
        now = before + LANES
        x = s[EARLIER_RE + before]
        y = s[EARLIER_IM + before]
        u = x - s[EARLIER_RE + at]
        v = y - s[EARLIER_IM + at]
        x = s[EARLIER_RE + now] - x
        y = s[EARLIER_IM + now] - y
        turn = atan2_turns(np.float32(u * y - v * x), np.float32(u * x + v * y))
        s[DISTANCE + at] = real(abs(turn + turn))
    last = np.uint64(STRIDE) * LANES
    for lane in range(LANES):
        s[OLD_RE + lane] = s[EARLIER_RE + last + lane]
        s[OLD_IM + lane] = s[EARLIER_IM + last + lane]


@kernel
def add_terms(s, average):
    """Add the terms of this stride's iterates to the lanes' sums.

    `average` is the number of stripes, `TRIANGLE` or `CURVATURE`.
    """
    if average > 0:
        _stripe_terms(s, average)
    elif average == TRIANGLE:
        _triangle_terms(s)
    else:
        _curvature_terms(s)
    real = s.dtype.type
    zero = real(0.0)
    one = real(1.0)
    first = real(_FIRST)
    for lane in range(LANES):
        count = s[COUNT + lane]
        reached = s[NEXT_COUNT + lane]
        total = s[SUM + lane]
        last = max(s[LAST_TERM + lane], zero)
        for step in range(np.uint64(STRIDE)):
            count += one
            term = max(s[DISTANCE + step * LANES + lane], zero)
            counts = (count >= first) & (count <= reached)
            total += term if counts else zero
            last = term if counts else last
        s[SUM + lane] = total
        s[LAST_TERM + lane] = last


@inlined_early
def record_averages(s, run, run_before):
    """Write the averages of all terms, and of all but the last, into two runs.

    The average of no terms is 1/2, so that both are continuous where an orbit gets its first.
    """
    real = s.dtype.type
    half = real(0.5)
    one = real(1.0)
    for lane in range(LANES):
        n = s[COUNT + lane] - real(_FIRST - 1)
        total = s[SUM + lane]
        before = total - s[LAST_TERM + lane]
        s[run + lane] = total / max(n, one) if n >= one else half
        s[run_before + lane] = before / max(n - one, one) if n >= real(2.0) else half
