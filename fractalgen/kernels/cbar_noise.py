"""C-bar's random fields: blue noise sample, brownish noise, Perlin noise.

Source of the formulas: Mintun, Kirillov and Xie, "On Interaction Between Augmentations and
Corruptions in Natural Corruption Robustness", NeurIPS 2021. Images are uint8 of shape
(n, size, size, 3), with a 64-bit seed each; `level` is the published strength, 0 to 10.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.cbar_waves import positions
from fractalgen.kernels.elementary import cos_turns, sin_turns, to_byte
from fractalgen.kernels.jit import kernel
from fractalgen.kernels.random_bits import uniform_at
from fractalgen.kernels.spectra import input_order, transform, transpose_rows

__all__ = ["blue_noise_sample", "brownish_noise", "perlin_noise"]

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_THREE = np.float32(3.0)
_WHITE = np.float32(255.0)
_LOUDER = np.float32(1.5)
_OCTAVES = 5


@kernel
def _phase_row(seed, first, step, cosines, sines):
    """Draw the phases numbered `first`, `first` + `step`, ..."""
    for i in range(cosines.size):
        phase = uniform_at(seed, np.uint64(first + step * i))
        cosines[i] = cos_turns(phase)
        sines[i] = sin_turns(phase)


@kernel
def _field(seed, channel, amplitudes, order, re, im):
    """Fill `re` with noise of unit deviation whose spectrum has these amplitudes.

    Phases are symmetric about a point: the centred frequencies at (r, c) and at
    (size - 1 - r, size - 1 - c) share one. So the spectrum is not that of a real field, and only
    the real part is used, as in the published corruptions.
    """
    size = re.shape[0]
    half = size // 2
    last = size * size - 1
    first = channel * (last + 1)
    spectrum_re, spectrum_im = np.empty_like(re), np.empty_like(im)
    cosines, sines = np.empty(size, np.float32), np.empty(size, np.float32)
    for r in range(size):
        if 2 * r < size - 1:
            _phase_row(seed, first + r * size, 1, cosines, sines)
        elif 2 * r == size - 1:
            _phase_row(seed, first + r * size, 1, cosines, sines)
            for c in range(half):
                cosines[size - 1 - c], sines[size - 1 - c] = cosines[c], sines[c]
        else:
            _phase_row(seed, first + last - r * size, -1, cosines, sines)
        row = order[(r + size - half) % size]
        for c in range(size):
            column = (c + size - half) % size
            spectrum_re[row, column] = amplitudes[r, c] * cosines[c]
            spectrum_im[row, column] = amplitudes[r, c] * sines[c]
    transform(spectrum_re, spectrum_im)
    transpose_rows(spectrum_re, order, re)
    transpose_rows(spectrum_im, order, im)
    transform(re, im)
    total = squares = 0.0
    for y in range(size):
        for x in range(size):
            value = np.float64(re[y, x])
            total += value
            squares += value * value
    mean = total / (size * size)
    variance = squares / (size * size) - mean * mean
    scale = np.float32(1.0 / np.sqrt(max(variance, 1e-30)))
    for y in range(size):
        for x in range(size):
            re[y, x] *= scale


@kernel
def _amplitudes(size, blue):
    """Return the amplitude of each centred frequency: |k| if `blue`, or 1 / (|k|^2 + 1)."""
    half = size // 2
    amplitudes = np.empty((size, size), np.float32)
    for r in range(size):
        for c in range(size):
            square = np.float64((r - half) ** 2 + (c - half) ** 2)
            amplitudes[r, c] = np.sqrt(square) if blue else 1.0 / (square + 1.0)
    return amplitudes


@kernel
def blue_noise_sample(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Turn pixels black where blue noise of unit deviation is at most 0.3 `level` - 2.5."""
    size = images.shape[1]
    amplitudes = _amplitudes(size, True)
    order = input_order(size)
    re, im = np.empty((size, size), np.float32), np.empty((size, size), np.float32)
    threshold = np.float32(0.3) * np.float32(level) - np.float32(2.5)
    for i in range(images.shape[0]):
        _field(seeds[i], 0, amplitudes, order, re, im)
        for x in range(size):  # the field's axes are exchanged
            for y in range(size):
                kept = np.uint8(255) if re[x, y] > threshold else np.uint8(0)
                for channel in range(3):
                    out[i, y, x, channel] = images[i, y, x, channel] & kept


@kernel
def brownish_noise(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Add noise to each channel, of deviation 6.4 `level` and the power spectrum of clouds."""
    size = images.shape[1]
    amplitudes = _amplitudes(size, False)
    order = input_order(size)
    re, im = np.empty((size, size), np.float32), np.empty((size, size), np.float32)
    height = np.float32(6.4) * np.float32(level)
    for i in range(images.shape[0]):
        for channel in range(3):
            _field(seeds[i], channel, amplitudes, order, re, im)
            for x in range(size):
                for y in range(size):
                    value = np.float32(images[i, y, x, channel]) + height * re[x, y]
                    out[i, y, x, channel] = to_byte(value)


@kernel
def _gradients(seed, gradients):
    """Fill a lattice with unit vectors in the directions of random points of a square."""
    n = gradients.shape[0]
    for j in range(n):
        for i in range(n):
            at = np.uint64(2 * (j * n + i))
            x = _TWO * uniform_at(seed, at) - _ONE
            y = _TWO * uniform_at(seed, at + np.uint64(1)) - _ONE
            length = np.sqrt(x * x + y * y)
            gradients[j, i, 0] = x / length if length > _ZERO else _ONE
            gradients[j, i, 1] = y / length if length > _ZERO else _ZERO


@kernel
def _octave_row(x, y, scale, weight, gradients, field):
    """Add the weighted magnitude of one octave of Perlin noise to a row."""
    v = y * scale
    j = np.int64(v)
    v -= np.float32(j)
    down = v * v * (_THREE - _TWO * v)
    for k in range(x.size):
        u = x[k] * scale
        i = np.int64(u)
        u -= np.float32(i)
        across = u * u * (_THREE - _TWO * u)
        a = u * gradients[j, i, 0] + v * gradients[j, i, 1]
        b = (u - _ONE) * gradients[j, i + 1, 0] + v * gradients[j, i + 1, 1]
        c = u * gradients[j + 1, i, 0] + (v - _ONE) * gradients[j + 1, i, 1]
        d = (u - _ONE) * gradients[j + 1, i + 1, 0] + (v - _ONE) * gradients[j + 1, i + 1, 1]
        upper = a + across * (b - a)
        lower = c + across * (d - c)
        field[k] += weight * abs(upper + down * (lower - upper))


@kernel
def _mix_row(source, field, alpha, target):
    for x in range(field.size):
        white = _WHITE * alpha * min(_HALF * field[x] + _HALF, _ONE)
        for channel in range(3):
            target[x, channel] = to_byte((_ONE - alpha) * np.float32(source[x, channel]) + white)


@kernel
def perlin_noise(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Mix with `level` / 20 of Perlin's turbulence: five octaves, from seven cells a side.

    Source: Perlin, "An image synthesizer", SIGGRAPH 1985.
    """
    size = images.shape[1]
    x = positions(size)
    field = np.empty(size, np.float32)
    scale = np.float32(7.0) / np.float32(size)
    nodes = 7 * 2 ** (_OCTAVES - 1) + 2
    gradients = np.empty((nodes, nodes, 2), np.float32)
    alpha = np.float32(0.05) * np.float32(level)
    for i in range(images.shape[0]):
        _gradients(seeds[i], gradients)
        for y in range(size):
            field[:] = _ZERO
            octave = _ONE
            for _ in range(_OCTAVES):
                _octave_row(x, x[y], scale * octave, _LOUDER / octave, gradients, field)
                octave *= _TWO
            _mix_row(images[i, y], field, alpha, out[i, y])
