"""PRIME's maximum-entropy operations: random filters, tone curves and warps.

Source: Modas et al., "PRIME: A few primitives can boost robustness to common corruptions", ECCV
2022; the warps are those of Petrini et al., "Relative stability toward diffeomorphisms indicates
performance in deep nets", NeurIPS 2021. The n-th normal number of an operation depends only on its
seed and n. Sums run in a fixed order.
"""

import numpy as np

from fractalgen.kernels.distributions import normal_at
from fractalgen.kernels.elementary import cos_turns, log2, sin_turns
from fractalgen.kernels.jit import inlined, kernel

__all__ = ["deform", "filter_image", "tone_table"]

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TOP = np.float32(255.0)
_TWO_PERIODS = np.float32(1.0 / 510.0)
_LN_2 = np.float32(0.69314718)
_PI = np.float32(3.1415927)
_FOUR_PER_PI_CUBED = np.float32(4.0 / np.pi**3)


@inlined
def _nth_normal(seed, n):
    """Return a stream's `n`-th normal number, which takes two of its uniform ones."""
    return normal_at(seed, n + n)


@inlined
def _as_byte(value):
    return np.uint8(np.int32(min(max(value, _ZERO), _TOP) + _HALF))


@kernel
def _add_scaled(weight, source, total):
    for i in range(total.size):
        total[i] += weight * source[i]


@kernel
def _add_four(one, two, three, four, sources, total):
    """Add four rows with weights, as four calls of `_add_scaled` would, in one pass."""
    first, second, third, fourth = sources[0], sources[1], sources[2], sources[3]
    for i in range(total.size):
        value = total[i] + one * first[i]
        value += two * second[i]
        value += three * third[i]
        total[i] = value + four * fourth[i]


@kernel
def _add_weighted(weights, sources, total):
    """Add all rows of `sources` with weights, one after another."""
    n = weights.size
    fours = n - n % 4
    for k in range(0, fours, 4):
        rows = sources[k : k + 4]
        _add_four(weights[k], weights[k + 1], weights[k + 2], weights[k + 3], rows, total)
    for k in range(fours, n):
        _add_scaled(weights[k], sources[k], total)


@kernel
def _clear(total):
    for i in range(total.size):
        total[i] = _ZERO


@kernel
def _to_floats(source, target):
    for i in range(target.size):
        target[i] = np.float32(source[i])


@kernel
def _to_bytes(source, target):
    for i in range(target.size):
        target[i] = _as_byte(source[i])


@kernel
def filter_image(sigma, side, seed, width, box, source, target):
    """Correlate with the identity plus `side` x `side` normal numbers of deviation `sigma`.

    Outside of the image all is black. Fills the rows of `box` (top, left, height, width).
    """
    row = 3 * width
    height = source.size // row
    margin = side // 2
    weights = np.empty(side * side, np.float32)
    for i in range(side * side):
        weights[i] = sigma * _nth_normal(seed, np.uint64(i))
    weights[side * margin + margin] += _ONE
    padded = np.zeros((height + 2 * margin, row + 6 * margin), np.float32)
    for y in range(height):
        _to_floats(source[y * row : y * row + row], padded[y + margin, 3 * margin :][:row])
    total = np.empty(row, np.float32)
    for y in range(np.int64(box[0]), np.int64(box[0]) + np.int64(box[2])):
        _clear(total)
        for down in range(side):
            for across in range(side):
                there = padded[y + down, 3 * across : 3 * across + row]
                _add_scaled(weights[side * down + across], there, total)
        _to_bytes(total, target[y * row : y * row + row])


@kernel
def _add_wave(one, two, three, sine, cosine, step_sine, step_cosine, totals):
    """Add a wave to three curves, and go on to the next frequency by the angles' sum."""
    for v in range(256):
        s, c = sine[v], cosine[v]
        totals[v] += one * s
        totals[256 + v] += two * s
        totals[512 + v] += three * s
        sine[v] = s * step_cosine[v] + c * step_sine[v]
        cosine[v] = c * step_cosine[v] - s * step_sine[v]


@kernel
def _fill_waves(frequency, sine, cosine):
    per_value = np.float32(frequency) * _TWO_PERIODS
    for v in range(256):
        turns = np.float32(np.int32(v)) * per_value
        sine[v] = sin_turns(turns)
        cosine[v] = cos_turns(turns)


@kernel
def tone_table(temperature, first, last, seed):
    """Return 256 levels for each channel: x plus sines of pi k x, for k from `first` to `last`.

    Their weights are normal, of variance `temperature`; x is from 0 to 1.
    """
    waves = np.empty((4, 256), np.float32)
    _fill_waves(first, waves[0], waves[1])
    _fill_waves(1, waves[2], waves[3])
    totals = np.zeros(768, np.float32)
    deviation = np.sqrt(temperature) * _TOP
    n = last - first + 1
    for k in range(n):
        one = deviation * _nth_normal(seed, np.uint64(k))
        two = deviation * _nth_normal(seed, np.uint64(n + k))
        three = deviation * _nth_normal(seed, np.uint64(2 * n + k))
        _add_wave(one, two, three, waves[0], waves[1], waves[2], waves[3], totals)
    table = np.empty(768, np.uint8)
    for i in range(768):
        table[i] = _as_byte(totals[i] + np.float32(np.int32(i & 255)))
    return table


@inlined
def _folded(k, side):
    """Return the mode that equals mode `k`, but for a sign, at `side` points."""
    period = 2 * (side - 1)
    k %= period
    return min(k, period - k)


@kernel
def _fill_deviations(cut, height, width, deviations):
    """Fill the deviations of all modes that differ between pixels; those above are folded in."""
    n_down, n_across = deviations.shape
    for down in range(n_down):
        for across in range(n_across):
            deviations[down, across] = _ZERO
    columns = np.empty(cut + 1, np.int64)
    for j in range(1, cut + 1):
        columns[j] = _folded(j, width) - 1
    limit = cut * cut + cut
    for i in range(1, cut + 1):
        down = _folded(i, height) - 1
        for j in range(1, cut + 1):
            energy = i * i + j * j
            if energy > limit:
                break
            across = columns[j]
            if 0 <= down < n_down and 0 <= across < n_across:
                deviations[down, across] += _ONE / np.float32(energy)
    for down in range(n_down):
        for across in range(n_across):
            deviations[down, across] = np.sqrt(deviations[down, across])


@kernel
def _fill_sine(per_pixel, sine):
    for x in range(sine.size):
        sine[x] = sin_turns(np.float32(np.int32(x)) * per_pixel)


@kernel
def _fill_sines(sines):
    """Fill row k with sin(pi (k + 1) x) at places x from 0 to 1."""
    n, side = sines.shape
    for k in range(n):
        _fill_sine(np.float32(k + 1) / np.float32(2 * (side - 1)), sines[k])


@kernel
def _fill_weights(scale, seed, first, deviations, weights):
    """Fill normal numbers of a stream, from its `first` on, of some deviations times `scale`."""
    for j in range(weights.size):
        drawn = _nth_normal(seed, np.uint64(first + j))
        weights[j] = scale * deviations[j] * drawn


@kernel
def _fill_field(scale, seed, first, deviations, down, across, field):
    """Fill a random field, a sum of products of sines, times `scale`."""
    n_down, n_across = deviations.shape
    width = field.shape[1]
    rows = np.zeros((n_down, width), np.float32)
    weights = np.empty(n_across, np.float32)
    for i in range(n_down):
        _fill_weights(scale, seed, first + i * n_across, deviations[i], weights)
        _add_weighted(weights, across, rows[i])
    heights = np.empty(n_down, np.float32)
    for y in range(field.shape[0]):
        for i in range(n_down):
            heights[i] = down[i, y]
        _clear(field[y])
        _add_weighted(heights, rows, field[y])


@inlined
def _amplitude(share, cut, side):
    """Return the root of the temperature times the side.

    `share` leads from a typical displacement of half a pixel to the highest temperature at which
    the warp stays invertible.
    """
    log = log2(np.float32(cut)) * _LN_2
    least = _ONE / (_PI * side * side * log)
    most = max(least, _FOUR_PER_PI_CUBED / (np.float32(cut) * np.float32(cut) * log))
    return np.sqrt(least + share * (most - least)) * side


@kernel
def deform(share, cut, seed, height, width, box, source, target):
    """Fetch pixels of `box` from places displaced by a smooth random field with `cut` modes."""
    n_down, n_across = max(min(cut, height - 2), 0), max(min(cut, width - 2), 0)
    deviations = np.empty((n_down, n_across), np.float32)
    _fill_deviations(cut, max(height, 2), max(width, 2), deviations)
    down, across = np.empty((n_down, height), np.float32), np.empty((n_across, width), np.float32)
    _fill_sines(down)
    _fill_sines(across)
    scale = _amplitude(share, cut, np.float32(max(height, width)))
    field_x = np.empty((height, width), np.float32)
    field_y = np.empty((height, width), np.float32)
    _fill_field(scale, seed, 0, deviations, down, across, field_x)
    _fill_field(scale, seed, n_down * n_across, deviations, down, across, field_y)
    right, bottom = np.float32(width - 1), np.float32(height - 1)
    for y in range(np.int64(box[0]), np.int64(box[0]) + np.int64(box[2])):
        for x in range(np.int64(box[1]), np.int64(box[1]) + np.int64(box[3])):
            place_x = min(max(np.float32(x) - field_x[y, x], _ZERO), right)
            place_y = min(max(np.float32(y) - field_y[y, x], _ZERO), bottom)
            left, top = np.int64(place_x), np.int64(place_y)
            part_x, part_y = place_x - np.float32(left), place_y - np.float32(top)
            here = 3 * (top * width + left)
            ahead = 3 if left < width - 1 else 0
            below = 3 * width if top < height - 1 else 0
            for i in range(here, here + 3):
                one, two = np.float32(source[i]), np.float32(source[i + ahead])
                three = np.float32(source[i + below])
                four = np.float32(source[i + below + ahead])
                upper = one + part_x * (two - one)
                lower = three + part_x * (four - three)
                target[3 * (y * width + x) + i - here] = _as_byte(upper + part_y * (lower - upper))
