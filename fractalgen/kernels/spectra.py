"""Noise with a given power spectrum, by an inverse fast Fourier transform.

The transform is radix 2, decimation in time, along the first axis with the second as vectorised
loop. A library's transform would give other last digits on other processors. Source: Cooley and
Tukey, "An algorithm for the machine calculation of complex Fourier series", 1965.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import cos_turns, direction, exp2, log2, sin_turns
from fractalgen.kernels.jit import kernel
from fractalgen.kernels.random_bits import uniform_at

__all__ = ["spectral_noise", "transform"]

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
def transform(re: NDArray[np.float32], im: NDArray[np.float32]) -> None:
    """Transform along the first axis, in place: sum over k of z[k] exp(2 pi i k j / n).

    `re` and `im` are float32 of shape (n, m), n a power of two; row k of the input stands where the
    bits of k, reversed, say.
    """
    n = re.shape[0]
    half = 1
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
def _reversed_bits(n):
    order = np.zeros(n, np.int64)
    size = 1
    while size < n:
        for i in range(size):
            order[i] *= 2
            order[size + i] = order[i] + 1
        size *= 2
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
def _transpose_rows(source, order, target):
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
    order = _reversed_bits(n)
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
    _transpose_rows(re, order, fields[0])
    _transpose_rows(im, order, fields[1])
    transform(fields[0], fields[1])
