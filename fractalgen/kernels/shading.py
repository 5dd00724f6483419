"""From normalised fields to pixels: two gradients, one blended over the other, and relief.

Everything is done in linear light, a pixel's samples are averaged there, and the average is
turned to sRGB by a table.
"""

import numpy as np

from fractalgen.kernels.escape_time import DISTANCE, SMOOTH
from fractalgen.kernels.jit import inlined, kernel

__all__ = ["BLENDS", "shade"]

BLENDS = ("normal", "screen", "multiply", "soft-light")

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_THREE = np.float32(3.0)


@inlined
def _normalized(value, low, scale, table, field):
    """Look a field's value up in its table of coordinates, with linear interpolation."""
    last = table.shape[1] - 1
    position = min(max((value - low) * scale, _ZERO), np.float32(last))
    index = min(np.int64(position), last - 1)
    fraction = position - np.float32(index)
    start = table[field, index]
    return start + (table[field, index + 1] - start) * fraction


@inlined
def _gradient_index(position, n):
    """Turn a position along an endless gradient into one of its `n` entries; n a power of two."""
    return np.int64(np.floor(position * np.float32(n))) & (n - 1)


@inlined
def _blended(below, above, opacity, blend):
    """Blend one channel of the layer above over the layer below."""
    mixed = above
    if blend == 1:
        mixed = _ONE - (_ONE - below) * (_ONE - above)
    elif blend == 2:
        mixed = below * above * _TWO
    elif blend == 3:
        mixed = below * (below + _TWO * above * (_ONE - below))
    return below + (mixed - below) * opacity


@kernel
def shade(
    fields, ranges, tables, weights, phases, gradients, blend, cover, relief, light, to_srgb, out
):
    """Colour every sample, average the samples of each pixel, and write sRGB.

    Parameters
    ----------
    fields : float32 array, shape (4, side, side)
        As `fractalgen.kernels.normalization.compress_fields` leaves them.
    ranges : float32 array, shape (4, 2)
        Each field's least and greatest value.
    tables : float32 array, shape (4, n)
        Each field's normaliser: coordinates at n values evenly spaced over its range.
    weights : float32 array, shape (3, 4)
        How far each normalised field moves along the gradient: of the base layer, of the trap
        layer, and of samples that did not escape (which use the base's gradient).
    phases : float32 array, shape (3,)
        Where the layers' gradients begin.
    gradients : float32 array, shape (2, m, 3)
        The base's and the trap layer's gradients in linear light, cyclic; m a power of two.
    blend : int
        Index into `BLENDS`.
    cover : float32 array, shape (2,)
        The trap layer's opacity at distance coordinate 0, and the coordinate where it reaches 0.
    relief : float32
        Strength of the light on the surface whose height is the distance's coordinate; 0 is none.
    light : float32 array, shape (2,)
        The light's direction, towards greater columns and rows.
    to_srgb : uint8 array, shape (k,)
        sRGB values of linear light in k equal steps from 0 to 1.
    out : uint8 array, shape (size, size, 3)
        Written; `side` is a multiple of `size`.
    """
    size = out.shape[0]
    side = fields.shape[1]
    supersample = side // size
    n_entries = gradients.shape[1]
    share = _ONE / np.float32(supersample * supersample)
    steps = np.float32(to_srgb.size - 1)
    last = np.float32(tables.shape[1] - 1)
    scales = np.empty(4, np.float32)
    for field in range(4):
        span = ranges[field, 1] - ranges[field, 0]
        scales[field] = last / span if span > _ZERO else _ZERO
    slope_scale = relief * np.float32(side)
    coordinates = np.empty(4, np.float32)
    color = np.empty(3, np.float32)
    for row in range(size):
        for column in range(size):
            red = _ZERO
            green = _ZERO
            blue = _ZERO
            for sample in range(supersample * supersample):
                y = row * supersample + sample // supersample
                x = column * supersample + sample % supersample
                for field in range(4):
                    coordinates[field] = _normalized(
                        fields[field, y, x], ranges[field, 0], scales[field], tables, field
                    )
                which = 0 if fields[SMOOTH, y, x] >= _ZERO else 2
                base_position = phases[which]
                trap_position = phases[1]
                for field in range(4):
                    base_position += weights[which, field] * coordinates[field]
                    trap_position += weights[1, field] * coordinates[field]
                base = _gradient_index(base_position, n_entries)
                trap = _gradient_index(trap_position, n_entries)
                nearness = max(_ONE - coordinates[DISTANCE] / cover[1], _ZERO)
                opacity = cover[0] * nearness * nearness * (_THREE - _TWO * nearness)
                for channel in range(3):
                    color[channel] = _blended(
                        gradients[0, base, channel], gradients[1, trap, channel], opacity, blend
                    )
                if relief > _ZERO:
                    height = coordinates[DISTANCE]
                    beside = _normalized(
                        fields[DISTANCE, y, min(x + 1, side - 1)],
                        ranges[DISTANCE, 0],
                        scales[DISTANCE],
                        tables,
                        DISTANCE,
                    )
                    below = _normalized(
                        fields[DISTANCE, min(y + 1, side - 1), x],
                        ranges[DISTANCE, 0],
                        scales[DISTANCE],
                        tables,
                        DISTANCE,
                    )
                    across = (beside - height) * slope_scale
                    down = (below - height) * slope_scale
                    facing = across * light[0] + down * light[1]
                    lit = _ONE + facing / np.sqrt(_ONE + across * across + down * down) * _HALF
                    for channel in range(3):
                        color[channel] *= lit
                red += color[0]
                green += color[1]
                blue += color[2]
            red = min(max(red * share, _ZERO), _ONE)
            green = min(max(green * share, _ZERO), _ONE)
            blue = min(max(blue * share, _ZERO), _ONE)
            out[row, column, 0] = to_srgb[np.int64(red * steps + _HALF)]
            out[row, column, 1] = to_srgb[np.int64(green * steps + _HALF)]
            out[row, column, 2] = to_srgb[np.int64(blue * steps + _HALF)]
