"""Noise with a given power spectrum, by an inverse fast Fourier transform.

The transform is decimation in time, along the first axis with the second as vectorised loop: the
odd factor of the length as a sum, the rest with radix 2. A library's transform would give other
last digits on other processors. Source: Cooley and Tukey, "An algorithm for the machine calculation
of complex Fourier series", 1965.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import cos_turns, direction, exp2, log2, sin_turns
from fractalgen.kernels.jit import kernel
from fractalgen.kernels.random_bits import uniform_at

__all__ = ["input_order", "spectral_noise", "transform", "transpose_rows"]

_BLOCK = 32
_HIGHEST = 32768  # frequency; each has its own random phase, whatever the size
_NONE = np.float32(1e-30)


@kernel
def _butterfly(low_re, low_im, high_re, high_im, cosine, sine):
    for i in range(low_re.size):
        re = high_re[i] * cosine - high_im[i] * sine
        im = high_re[i] * sine + high_im[i] * cosine
        high_re[i] = low_re[i] - re
        high_im[i] = low_im[i] - im
        low_re[i] += re
        low_im[i] += im


@kernel
def _odd_factor(n):
    while n > 1 and n % 2 == 0:
        n //= 2
    return n


@kernel
def _add_turned(source_re, source_im, cosine, sine, re, im):
    for i in range(re.size):
        re[i] += source_re[i] * cosine - source_im[i] * sine
        im[i] += source_re[i] * sine + source_im[i] * cosine


@kernel
def _sum_odd(re, im, odd):
    """Transform each `odd` rows in turn by the definition."""
    old_re = np.empty((odd, re.shape[1]), np.float32)
    old_im = np.empty((odd, re.shape[1]), np.float32)
    for top in range(0, re.shape[0], odd):
        old_re[:] = re[top : top + odd]
        old_im[:] = im[top : top + odd]
        re[top : top + odd] = np.float32(0.0)
        im[top : top + odd] = np.float32(0.0)
        for j in range(odd):
            for k in range(odd):
                cosine, sine = direction(j * k % odd / odd)
                turned = np.float32(cosine), np.float32(sine)
                row = top + j
                _add_turned(old_re[k], old_im[k], turned[0], turned[1], re[row], im[row])


@kernel
def transform(re: NDArray[np.float32], im: NDArray[np.float32]) -> None:
    """Transform along the first axis, in place: sum over k of z[k] exp(2 pi i k j / n).

    `re` and `im` are float32 of shape (n, m); row k of the input stands where `input_order` says.
    It is fast if n has a small odd factor.
    """
    n = re.shape[0]
    half = _odd_factor(n)
    if half > 1:
        _sum_odd(re, im, half)
    while half < n:
        for k in range(half):
            wide_cosine, wide_sine = direction(k / (2 * half))
            cosine = np.float32(wide_cosine)
            sine = np.float32(wide_sine)
            for low in range(k, n, 2 * half):
                high = low + half
                _butterfly(re[low], im[low], re[high], im[high], cosine, sine)
        half *= 2


@kernel
def input_order(n: int) -> NDArray[np.int64]:
    """Return the row in which `transform` expects each of `n` inputs.

    With n = odd * 2**bits, input k stands at the last `bits` bits of k, reversed, times `odd`, plus
    the bits before them.
    """
    odd = _odd_factor(n)
    order = np.zeros(n, np.int64)
    size = 1
    while size < n // odd:
        for i in range(size):
            order[i] *= 2
            order[size + i] = order[i] + 1
        size *= 2
    for i in range(n - 1, -1, -1):
        order[i] = order[i % size] * odd + i // size
    return order


@kernel
def _fill_row(stream, code, power, codes, powers, re, im):
    """Fill one row of the spectrum: the amplitude from the frequencies, a random phase."""
    for column in range(re.size):
        phase = uniform_at(stream, code + codes[column])
        amplitude = np.float32(1.0) / (power + powers[column])
        re[column] = amplitude * cos_turns(phase)
        im[column] = amplitude * sin_turns(phase)


@kernel
def transpose_rows(source, order, target):
    """Write target[order[column], row] = source[row, column]."""
    n = source.shape[0]
    for top in range(0, n, _BLOCK):
        for left in range(0, n, _BLOCK):
            for column in range(left, min(left + _BLOCK, n)):
                row_of = order[column]
                for row in range(top, min(top + _BLOCK, n)):
                    target[row_of, row] = source[row, column]


@kernel
def spectral_noise(stream: int, across: float, along: float, fields: NDArray[np.float32]) -> None:
    """Write two fields of noise with the amplitude 1 / (|u| ** across + |v| ** along).

    Parameters
    ----------
    stream : uint64
        The phases are a function of this and of the frequency.
    across, along : float32
        The powers, of frequencies in cycles a side.
    fields : float32 array, shape (2, n, n)
        Written; n is a power of two up to 32768. A larger n shows the same waves and finer ones.
    """
    n = fields.shape[1]
    order = input_order(n)
    powers_across = np.empty(n, np.float32)
    powers_along = np.empty(n, np.float32)
    codes = np.empty(n, np.uint64)
    for k in range(n):
        frequency = k if k < n // 2 else k - n
        logarithm = log2(np.float32(max(abs(frequency), 1)))
        powers_across[k] = exp2(across * logarithm) if frequency != 0 else np.float32(0.0)
        powers_along[k] = exp2(along * logarithm) if frequency != 0 else _NONE
        codes[k] = np.uint64(frequency + _HIGHEST)
    re = np.empty((n, n), np.float32)
    im = np.empty((n, n), np.float32)
    for u in range(n):  # a row per horizontal frequency, as the two axes change places below
        row = order[u]
        code = codes[u] << np.uint64(16)
        _fill_row(np.uint64(stream), code, powers_across[u], codes, powers_along, re[row], im[row])
    re[0, 0] = np.float32(0.0)
    im[0, 0] = np.float32(0.0)
    transform(re, im)
    transpose_rows(re, order, fields[0])
    transpose_rows(im, order, fields[1])
    transform(fields[0], fields[1])
