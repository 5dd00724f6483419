"""Image operations that change values in place: tables, histograms and blends.

Images are flat rows of R, G, B bytes, so that loops run over bytes. The numbers are those of
Pillow's ImageOps and ImageEnhance: tables are counted in integers and float64, and blends in
float32 with the fraction cut off.
"""

import numpy as np

from fractalgen.kernels.jit import inlined, kernel

__all__ = [
    "blend_with_grey",
    "color",
    "level_table",
    "look_up",
    "mask_and_invert",
    "mean_luma",
    "mirror",
    "sharpness",
]

_ZERO = np.float32(0.0)
_WHITE = np.float32(255.0)
_U1 = np.uint64(1)
_U2 = np.uint64(2)
_U3 = np.uint64(3)
_U6 = np.uint64(6)
_GREENS = np.uint64(256)
_BLUES = np.uint64(512)
_LEVELS = np.uint64(256)
_ONE_MORE = np.int32(1)

# ITU-R 601 luma in 16-bit fixed point.
_LUMA = (19595, 38470, 7471)
_LUMA_RED, _LUMA_GREEN, _LUMA_BLUE = (np.int32(weight) for weight in _LUMA)
_LUMA_HALF = np.int32(0x8000)
_LUMA_BITS = np.int32(16)

# The luma of a byte's pixel is a weighted sum of the byte, the two before and the two after it;
# which weights depends on its channel, and repeats every three bytes.
_LANES = 48
_LUMA_AT = np.zeros((5, _LANES), np.int32)
for _lane in range(_LANES):
    for _channel, _weight in enumerate(_LUMA):
        _LUMA_AT[2 + _channel - _lane % 3, _lane] = _weight
_LUMA_BEFORE_2, _LUMA_BEFORE, _LUMA_HERE, _LUMA_AFTER, _LUMA_AFTER_2 = _LUMA_AT.copy()

# n * 5042 >> 16 is n // 13 for n to 8737; the nine values of a smoothed pixel sum to 3315.
_SIX = np.int32(6)
_FOUR = np.int32(4)
_THIRTEENTH = np.int32(5042)
_THIRTEENTH_BITS = np.int32(16)


@inlined
def _blend(start, factor, value):
    """Interpolate or extrapolate from `start`, an int32, towards a uint8, and truncate."""
    way = np.float32(np.int32(np.int32(value) - start))  # Numba would make it an int64
    return np.uint8(np.int32(min(max(np.float32(start) + factor * way, _ZERO), _WHITE)))


@kernel
def mask_and_invert(mask, threshold, source, target):
    """Keep the bits of `mask`, a uint8, and invert values of `threshold`, an int, or more."""
    least = np.uint8(min(threshold, 255))
    flip = np.uint8(255) if threshold <= 255 else np.uint8(0)
    for i in range(source.size):
        value = source[i]
        target[i] = (value & mask) ^ (flip if value >= least else np.uint8(0))


@kernel
def mirror(width, box, source, target):
    """Swap left and right within `box` (top, left, height, width) of the target."""
    row = 3 * width
    left, n = np.int64(box[1]), np.uint64(box[3])
    for y in range(np.int64(box[0]), np.int64(box[0]) + np.int64(box[2])):
        start = np.uint64(y * row + 3 * left)
        end = np.uint64(y * row + 3 * (width - left - 1))
        for x in range(n):
            here = start + _U3 * x
            there = end - _U3 * x
            target[here] = source[there]
            target[here + _U1] = source[there + _U1]
            target[here + _U2] = source[there + _U2]


@inlined
def _even_levels(counts, n_pixels, table):
    """Fill a channel's 256 entries so that its values, except the last, are spread evenly."""
    last = 255
    while counts[last] == 0:
        last -= 1
    step = (n_pixels - counts[last]) // 255
    if step == 0:  # one value, or few pixels: no change
        for i in range(256):
            table[i] = np.uint8(i)
        return
    below = np.int32(step // 2)
    for i in range(256):
        here = counts[i]
        counts[i] = below
        below += here
    size = np.float64(step)
    for i in range(256):  # float64 quotients of integers are cut off where the integers' would be
        table[i] = np.uint8(np.int32(min(np.float64(counts[i]) / size, 255.0)))


@inlined
def _stretched_levels(counts, table):
    """Fill a channel's 256 entries so that its values cover the whole range."""
    low, high = 0, 255
    while counts[low] == 0:
        low += 1
    while counts[high] == 0:
        high -= 1
    scale = 255.0 / np.float64(high - low) if high > low else 1.0
    offset = -np.float64(low) * scale if high > low else 0.0
    for i in range(256):
        level = min(max(np.float64(i) * scale + offset, 0.0), 255.0)
        table[i] = np.uint8(np.int32(level))


@kernel
def level_table(evenly, source):
    """Return a table that equalizes each channel if `evenly` is true, otherwise stretches it.

    Two pixels are counted at a time in separate counters, because a counter that was just written
    cannot be read again immediately.
    """
    counts = np.zeros(1536, np.int32)
    last = source.size // 6 * 6
    for first in range(np.uint64(0), np.uint64(last), _U6):
        for channel in range(_U6):
            counts[_LEVELS * channel + np.uint64(source[first + channel])] += _ONE_MORE
    for channel in range(source.size - last):
        counts[256 * channel + np.int64(source[last + channel])] += _ONE_MORE
    for i in range(768):
        counts[i] += counts[768 + i]
    table = np.empty(768, np.uint8)
    for first in range(0, 768, 256):
        channel_counts, levels = counts[first : first + 256], table[first : first + 256]
        if evenly:
            _even_levels(channel_counts, source.size // 3, levels)
        else:
            _stretched_levels(channel_counts, levels)
    return table


@kernel
def look_up(table, source, target):
    """Replace each value by its entry in `table`, which has 256 for each channel in turn."""
    for red in range(np.uint64(0), np.uint64(source.size), _U3):
        target[red] = table[np.uint64(source[red])]
        target[red + _U1] = table[_GREENS + np.uint64(source[red + _U1])]
        target[red + _U2] = table[_BLUES + np.uint64(source[red + _U2])]


@kernel
def mean_luma(source):
    """Return the mean luma, rounded: an int32."""
    total = np.int64(0)
    for i in range(0, source.size, 3):
        luma = _LUMA_RED * np.int32(source[i]) + _LUMA_GREEN * np.int32(source[i + 1])
        luma += _LUMA_BLUE * np.int32(source[i + 2]) + _LUMA_HALF
        total += np.int32(luma) >> _LUMA_BITS
    return np.int32(np.float64(total) / np.float64(source.size // 3) + 0.5)


@kernel
def blend_with_grey(grey, factor, source, target):
    """Blend with the value `grey`, an int32, by a float32 `factor`."""
    for i in range(source.size):
        target[i] = _blend(grey, factor, source[i])


@kernel
def color(factor, source, target):
    """Blend with the grey image by a float32 `factor`."""
    first = 3  # a pixel at either end is left to the plain loop below
    last = first + max(source.size - 6, 0) // _LANES * _LANES
    for start in range(first, last, _LANES):
        for j in range(_LANES):
            i = np.uint64(start + j)
            luma = _LUMA_BEFORE_2[j] * np.int32(source[i - _U2])
            luma += _LUMA_BEFORE[j] * np.int32(source[i - _U1])
            luma += _LUMA_HERE[j] * np.int32(source[i])
            luma += _LUMA_AFTER[j] * np.int32(source[i + _U1])
            luma += _LUMA_AFTER_2[j] * np.int32(source[i + _U2]) + _LUMA_HALF
            target[i] = _blend(np.int32(np.int32(luma) >> _LUMA_BITS), factor, source[i])
    for pixel in range(0, source.size, 3):
        if first <= pixel < last:
            continue
        luma = _LUMA_RED * np.int32(source[pixel]) + _LUMA_GREEN * np.int32(source[pixel + 1])
        luma += _LUMA_BLUE * np.int32(source[pixel + 2]) + _LUMA_HALF
        for i in range(pixel, pixel + 3):
            target[i] = _blend(np.int32(np.int32(luma) >> _LUMA_BITS), factor, source[i])


@kernel
def sharpness(factor, width, box, source, target):
    """Blend with the mean of 3 x 3 pixels, the middle one five times, by a float32 `factor`.

    The outermost pixels stay as they are. Only the rows of `box` (top, left, height, width) are
    filled.
    """
    row = _U3 * np.uint64(width)
    size = np.uint64(source.size)
    start = np.uint64(box[0]) * row
    end = start + np.uint64(box[2]) * row
    for i in range(start, end):
        target[i] = source[i]
    if width < 3 or size < _U3 * row:
        return
    start, end = max(start, row), min(end, size - row)
    for i in range(start + _U3, end - _U3):  # over the ends of rows, which are mended below
        above = i - row
        below = i + row
        total = np.int32(source[above - _U3]) + np.int32(source[above])
        total += np.int32(source[above + _U3]) + np.int32(source[i - _U3])
        total += np.int32(source[i]) + np.int32(source[i + _U3])
        total += np.int32(source[below - _U3]) + np.int32(source[below])
        total += np.int32(source[below + _U3])
        total += _FOUR * np.int32(source[i]) + _SIX
        smooth = np.int32(np.int32(total * _THIRTEENTH) >> _THIRTEENTH_BITS)
        target[i] = _blend(smooth, factor, source[i])
    for first in range(start, end, row):
        for i in range(first, first + _U3):
            target[i] = source[i]
            target[i + row - _U3] = source[i + row - _U3]
