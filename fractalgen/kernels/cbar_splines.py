"""C-bar's corruptions by cubic splines: circular motion blur, transverse chromatic aberration.

Source of the formulas: Mintun, Kirillov and Xie, "On Interaction Between Augmentations and
Corruptions in Natural Corruption Robustness", NeurIPS 2021; splines: Unser, "Splines: a perfect fit
for signal and image processing", IEEE Signal Processing Magazine, 1999. Images are uint8 of shape
(n, size, size, 3), with a 64-bit seed each; `level` is the published strength, 0 to 10.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import direction, exp2, to_byte
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import uniform_at

__all__ = ["circular_motion_blur", "transverse_chromatic_abberation"]

_HALF = np.float32(0.5)
_POLE = np.float32(np.sqrt(3.0) - 2.0)
_ANGLES = 21
_BLOCK = 16  # images at a time, so that loops over them and their channels are vectorised


@inlined
def _mirrored(index, size):
    """Return the index inside of an image mirrored about its outermost pixels."""
    period = max(2 * size - 2, 1)
    index %= period
    return min(index, period - index)


@inlined
def _spline_weights(share, weights):
    """Write the four weights of a cubic B-spline `share` after the second sample."""
    rest = 1.0 - share
    weights[0] = rest * rest * rest / 6.0
    weights[1] = (4.0 - 6.0 * share * share + 3.0 * share * share * share) / 6.0
    weights[2] = (4.0 - 6.0 * rest * rest + 3.0 * rest * rest * rest) / 6.0
    weights[3] = share * share * share / 6.0


@kernel
def _add_scaled(source, factor, target):
    for i in range(target.size):
        target[i] += factor * source[i]


@kernel
def _scale(factor, target):
    for i in range(target.size):
        target[i] *= factor


@kernel
def _prefilter(rows):
    """Turn samples into a cubic spline's coefficients, in place, along the first axis."""
    n = rows.shape[0]
    if n < 2:
        return
    _scale(np.float32(6.0), rows.reshape(rows.size))
    first = rows[0].copy()
    power, back = np.float64(_POLE), np.float64(_POLE) ** 2
    for _ in range(n - 2):
        back *= np.float64(_POLE)
    whole = 1.0 / (1.0 - (back / np.float64(_POLE)) ** 2)
    back /= np.float64(_POLE)  # the pole to the power of n - 1
    _add_scaled(rows[n - 1], np.float32(back), first)
    for k in range(1, n - 1):
        _add_scaled(rows[k], np.float32(power + back * back / power), first)
        power *= np.float64(_POLE)
    rows[0] = first
    _scale(np.float32(whole), rows[0])
    for k in range(1, n):
        _add_scaled(rows[k - 1], _POLE, rows[k])
    _add_scaled(rows[n - 2], _POLE, rows[n - 1])
    _scale(_POLE / (_POLE * _POLE - np.float32(1.0)), rows[n - 1])
    for k in range(n - 2, -1, -1):
        _scale(np.float32(-1.0), rows[k])
        _add_scaled(rows[k + 1], np.float32(1.0), rows[k])
        _scale(_POLE, rows[k])


@kernel
def _rotation_taps(size, level, starts, taps, weights):
    """Write, for each pixel, the coefficients that its mean over 21 rotations needs.

    Those of pixel p are `taps` with `weights` from starts[p] to starts[p + 1]; return how many
    there are, or would be if the arrays had room.
    """
    middle = (size - 1) / 2.0
    shares = np.empty(_ANGLES)
    turns = np.empty((_ANGLES, 2))
    whole = 0.0
    for k in range(_ANGLES):
        place = 2.0 * k / (_ANGLES - 1) - 1.0
        shares[k] = np.float64(exp2(np.float32(-2.88539008 * place * place)))  # exp(-2 place^2)
        whole += shares[k]
        turns[k, 0], turns[k, 1] = direction(place * level * 1.5 / 360.0)
    added = np.zeros(size * size)
    touched = np.empty(_ANGLES * 16, np.int64)
    down, across = np.empty(4), np.empty(4)
    n = 0
    starts[0] = 0
    for row in range(size):
        for column in range(size):
            count = 0
            for k in range(_ANGLES):
                cosine, sine = turns[k, 0], turns[k, 1]
                y = cosine * (row - middle) + sine * (column - middle) + middle
                x = cosine * (column - middle) - sine * (row - middle) + middle
                if not (0.0 <= y <= size - 1 and 0.0 <= x <= size - 1):
                    continue
                top, left = np.int64(y), np.int64(x)
                _spline_weights(y - top, down)
                _spline_weights(x - left, across)
                for j in range(4):
                    base = _mirrored(top - 1 + j, size) * size
                    for i in range(4):
                        tap = base + _mirrored(left - 1 + i, size)
                        if added[tap] == 0.0:
                            touched[count] = tap
                            count += 1
                        added[tap] += shares[k] * down[j] * across[i] + 1e-30
            for i in range(count):
                if n < taps.size:
                    taps[n] = touched[i]
                    weights[n] = np.float32(added[touched[i]] / whole)
                n += 1
                added[touched[i]] = 0.0
            starts[row * size + column + 1] = n
    return n


@kernel
def _load(images, block, columns):
    """Copy images to (size, size, 3 * 16) as float32; absent images are black."""
    size = images.shape[1]
    for k in range(_BLOCK):
        for y in range(size):
            for x in range(size):
                for channel in range(3):
                    there = block + k < images.shape[0]
                    value = images[block + k, y, x, channel] if there else np.uint8(0)
                    columns[y, x, 3 * k + channel] = np.float32(value)


@kernel
def circular_motion_blur(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Average over 21 rotations by up to 1.5 `level` degrees, the middle ones weighing most.

    Outside of the image it is black. Nothing is random.
    """
    size = images.shape[1]
    lanes = 3 * _BLOCK
    starts = np.empty(size * size + 1, np.int64)
    taps, weights = np.empty(0, np.int64), np.empty(0, np.float32)
    room = _rotation_taps(size, np.float64(level), starts, taps, weights)
    taps, weights = np.empty(room, np.int64), np.empty(room, np.float32)
    _rotation_taps(size, np.float64(level), starts, taps, weights)
    columns = np.empty((size, size, lanes), np.float32)
    flat = columns.reshape(size * size, lanes)
    total = np.empty(lanes, np.float32)
    for block in range(0, images.shape[0], _BLOCK):
        _load(images, block, columns)
        _prefilter(columns.reshape(size, size * lanes))
        for y in range(size):
            _prefilter(columns[y])
        for row in range(size):
            for column in range(size):
                total[:] = np.float32(0.0)
                pixel = row * size + column
                for k in range(starts[pixel], starts[pixel + 1]):
                    _add_scaled(flat[taps[k]], weights[k], total)
                for k in range(min(_BLOCK, images.shape[0] - block)):
                    for channel in range(3):
                        value = to_byte(total[3 * k + channel])
                        out[block + k, row, column, channel] = value


@kernel
def _zoom_taps(size, factor, taps, weights):
    """Write the four samples and weights of each row in the middle of an enlarged image."""
    enlarged = np.int64(np.rint(size * factor))
    edge = (enlarged - size) // 2
    scale = (size - 1) / max(enlarged - 1, 1)
    wide = np.empty(4)
    for i in range(size):
        place = (i + edge) * scale
        first = np.int64(place)
        _spline_weights(place - first, wide)
        for k in range(4):
            taps[i, k] = _mirrored(first - 1 + k, size)
            weights[i, k] = np.float32(wide[k])


@kernel
def transverse_chromatic_abberation(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Enlarge two channels, chosen at random, by `level` / 40 and `level` / 20.

    All channels are smoothed by a cubic B-spline, as pixels are taken for its coefficients.
    """
    size = images.shape[1]
    taps = np.empty((3, size, 4), np.int64)
    weights = np.empty((3, size, 4), np.float32)
    for k in range(3):
        _zoom_taps(size, 1.0 + k * np.float64(level) / 40.0, taps[k], weights[k])
    line = np.empty(size, np.float32)
    for i in range(images.shape[0]):
        order = min(np.int64(uniform_at(seeds[i], np.uint64(0)) * np.float32(6.0)), 5)
        for channel in range(3):
            # Of the six orders, three turn the channels, and three mirror them, too.
            k = (order + channel) % 3 if order < 3 else (order - channel) % 3
            for row in range(size):
                for column in range(size):
                    value = np.float32(0.0)
                    for j in range(4):
                        y = taps[k, row, j]
                        value += weights[k, row, j] * np.float32(images[i, y, column, channel])
                    line[column] = value
                for column in range(size):
                    value = _HALF
                    for j in range(4):
                        value += weights[k, column, j] * line[taps[k, column, j]]
                    out[i, row, column, channel] = to_byte(value)
