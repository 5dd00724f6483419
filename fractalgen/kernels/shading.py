"""From fields to pixels: two gradients, one blended over the other, and relief.

All arithmetic is in linear light: a pixel's samples are averaged there, and a table turns the
average into sRGB. The work goes row by row through small buffers that stay in the nearest cache,
one loop per step, so that LLVM vectorises each step.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.orbit_fields import ANGLE, AVERAGE, DISTANCE, HIT, SMOOTH

__all__ = ["BLENDS", "shade"]

_NORMAL, _SCREEN, _MULTIPLY, _SOFT_LIGHT = range(4)
BLENDS = {
    "normal": _NORMAL,
    "screen": _SCREEN,
    "multiply": _MULTIPLY,
    "soft-light": _SOFT_LIGHT,
}
_BASE, _TRAP, _INTERIOR = range(3)

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_THREE = np.float32(3.0)


@kernel
def _pair_up(table, pairs):
    """Store each entry of a table next to the step to the next one, so one load fetches both."""
    for entry in range(pairs.shape[0]):
        pairs[entry, 0] = table[entry]
        pairs[entry, 1] = table[entry + 1] - table[entry]


@kernel
def _normalize_row(values, low, high, pairs, entries, found, coordinates):
    """Look up a row of a field in the field's table of coordinates, interpolating linearly.

    `pairs` is the table from `_pair_up`. `entries` (int32) and `found` (float32, twice as long) are
    scratch. Look-ups have their own loop, so that the arithmetic around them is vectorised; they
    move a pair as one 64-bit number.
    """
    last = np.float32(pairs.shape[0] - 1)
    scale = np.float32(pairs.shape[0]) / (high - low) if high > low else _ZERO
    for x in range(values.size):
        position = max((values[x] - low) * scale, _ZERO)
        whole = np.int32(min(position, last))
        entries[x] = whole
        coordinates[x] = min(position - np.float32(whole), _ONE)
    whole_pairs = pairs.reshape(pairs.size).view(np.uint64)
    whole_found = found.view(np.uint64)
    for x in range(values.size):
        whole_found[x] = whole_pairs[np.uint32(entries[x])]
    for x in range(values.size):
        place = np.uint64(2) * np.uint64(x)
        coordinates[x] = found[place] + found[place + np.uint64(1)] * coordinates[x]


@kernel
def _light_row(heights, heights_below, strength, light_x, light_y, lit):
    """Light a surface with these heights; see `shade`."""
    side = heights.size
    for x in range(side - 1):
        across = (heights[x + 1] - heights[x]) * strength
        down = (heights_below[x] - heights[x]) * strength
        facing = across * light_x + down * light_y
        lit[x] = _ONE + _HALF * facing / np.sqrt(_ONE + across * across + down * down)
    lit[side - 1] = lit[side - 2]


@inlined
def _moved(phase, weights, distance, smooth, hit, angle, average):
    """Return a position along a gradient."""
    position = phase + weights[DISTANCE] * distance
    position += weights[SMOOTH] * smooth
    position += weights[HIT] * hit
    position += weights[ANGLE] * angle
    return position + weights[AVERAGE] * average


@kernel
def _find_entries(escaped, coordinates, heights, weights, phases, n_entries, entries):
    """Turn normalised fields into entries of the two cyclic gradients.

    `n_entries` is a power of two. `entries` (int32, two rows) are the base's and the trap layer's.
    """
    mask = np.int32(n_entries - 1)
    scale = np.float32(n_entries)
    smooth, hit, angle = coordinates[SMOOTH], coordinates[HIT], coordinates[ANGLE]
    average = coordinates[AVERAGE]
    for x in range(heights.size):
        fields = heights[x], smooth[x], hit[x], angle[x], average[x]
        base = _moved(phases[_BASE], weights[_BASE], *fields)
        interior = _moved(phases[_INTERIOR], weights[_INTERIOR], *fields)
        trap = _moved(phases[_TRAP], weights[_TRAP], *fields)
        position = base if escaped[x] >= _ZERO else interior
        entries[_BASE, x] = np.int32(position * scale) & mask
        entries[_TRAP, x] = np.int32(trap * scale) & mask


@kernel
def _look_up(gradient, entries, colors):
    """Fetch the three channels of a row of a gradient's entries."""
    for x in range(entries.size):
        entry = np.uint32(entries[x])
        red, green, blue = gradient[0, entry], gradient[1, entry], gradient[2, entry]
        colors[0, x] = red
        colors[1, x] = green
        colors[2, x] = blue


@kernel
def _blend_rows(below, above, opacity, lit, blend, samples):
    """Blend one channel of a layer over another layer's, and light the result."""
    for x in range(below.size):
        under = below[x]
        mixed = above[x]
        if blend == _SCREEN:
            mixed = _ONE - (_ONE - under) * (_ONE - mixed)
        elif blend == _MULTIPLY:
            mixed = under * mixed * _TWO
        elif blend == _SOFT_LIGHT:
            mixed = under * (under + _TWO * mixed * (_ONE - under))
        samples[x] = (under + (mixed - under) * opacity[x]) * lit[x]


@inlined
def _add_groups(samples, n, totals):
    for column in range(totals.size):
        total = totals[column]
        for place in range(n):
            total += samples[np.uint32(column * n + place)]
        totals[column] = total


@kernel
def _add_samples(samples, supersample, totals):
    """Add up the samples of each pixel in a row; common numbers of samples have their own loop."""
    if supersample == 1:
        _add_groups(samples, 1, totals)
    elif supersample == 2:
        _add_groups(samples, 2, totals)
    elif supersample == 4:
        _add_groups(samples, 4, totals)
    else:
        _add_groups(samples, supersample, totals)


@kernel
def _opacity_row(heights, strongest, end, opacity):
    for x in range(heights.size):
        nearness = max(_ONE - heights[x] / end, _ZERO)
        opacity[x] = strongest * nearness * nearness * (_THREE - _TWO * nearness)


@kernel
def _encode_row(totals, share, to_srgb, levels, row):
    """Turn a row of totals of linear light into sRGB; `levels` (int32) is scratch."""
    steps = np.float32(to_srgb.size - 1)
    for channel in range(3):
        for column in range(levels.size):
            light_level = min(max(totals[channel, column] * share, _ZERO), _ONE)
            levels[column] = np.int32(light_level * steps + _HALF)
        for column in range(levels.size):
            row[column, channel] = to_srgb[np.uint32(levels[column])]


@kernel
def shade(
    fields: NDArray[np.float32],
    ranges: NDArray[np.float32],
    tables: NDArray[np.float32],
    weights: NDArray[np.float32],
    phases: NDArray[np.float32],
    gradients: NDArray[np.float32],
    blend: int,
    cover: NDArray[np.float32],
    relief: np.float32,
    light: NDArray[np.float32],
    to_srgb: NDArray[np.uint8],
    out: NDArray[np.uint8],
) -> None:
    """Colour every sample, average the samples of each pixel, and write sRGB to `out`.

    `fields`, of shape (4 or, with an average, 5, rows, side), are what
    `fractalgen.kernels.orbit_fields` measures: the samples of `out`, and one more row below unless
    the image ends there. `ranges` (5, 2) are their minima and maxima, `tables` (5, n) their
    coordinates in [0, 1] at n values evenly spaced over these ranges.

    `weights` (3, 5) say how far each field moves along the gradient in the base layer, in the trap
    layer, and for samples that did not escape, which use the base's gradient; `phases` (3,) say
    where each starts, high enough that no position falls below 1. `gradients` (2, 3, m) are the
    base's and the trap layer's, in linear light, cyclic, with m a power of two.

    `blend` is a value of `BLENDS`. `cover` holds the trap layer's opacity at distance 0, and the
    distance where it fades to 0. `relief` is the strength of the light on a surface whose height is
    the distance, 0 for none; `light` its direction, towards greater columns and rows. `to_srgb`
    (k,) are the sRGB values of linear light in k equal steps from 0 to 1. `out` has the shape
    (height, size, 3), and `side` is a multiple of `size`.
    """
    size = out.shape[1]
    side = fields.shape[2]
    supersample = side // size
    share = _ONE / np.float32(supersample * supersample)
    strength = relief * np.float32(side)
    heights = np.empty(side, np.float32)
    heights_below = np.empty(side, np.float32)
    coordinates = np.zeros((5, side), np.float32)  # unused fields stay at 0
    lit = np.ones(side, np.float32)
    opacity = np.empty(side, np.float32)
    entries = np.empty((2, side), np.int32)
    found = np.empty(2 * side, np.float32)
    below = np.empty((3, side), np.float32)
    above = np.empty((3, side), np.float32)
    samples = np.empty(side, np.float32)
    totals = np.zeros((3, size), np.float32)
    levels = np.empty(size, np.int32)
    pairs = np.empty((5, tables.shape[1] - 1, 2), np.float32)
    for field in range(fields.shape[0]):
        _pair_up(tables[field], pairs[field])
    last = fields.shape[1] - 1
    for row in range(-1, out.shape[0] * supersample):
        heights, heights_below = heights_below, heights
        _normalize_row(
            fields[DISTANCE, min(row + 1, last)],
            ranges[DISTANCE, 0],
            ranges[DISTANCE, 1],
            pairs[DISTANCE],
            entries[0],
            found,
            heights_below,
        )
        if row < 0:
            continue
        for field in (SMOOTH, HIT, ANGLE, AVERAGE):
            used = max(abs(weights[0, field]), abs(weights[1, field]), abs(weights[2, field]))
            if used > _ZERO:
                _normalize_row(
                    fields[field, row],
                    ranges[field, 0],
                    ranges[field, 1],
                    pairs[field],
                    entries[0],
                    found,
                    coordinates[field],
                )
        if relief > _ZERO:
            _light_row(heights, heights_below, strength, light[0], light[1], lit)
        _find_entries(
            fields[SMOOTH, row], coordinates, heights, weights, phases, gradients.shape[2], entries
        )
        _opacity_row(heights, cover[0], cover[1], opacity)
        _look_up(gradients[_BASE], entries[_BASE], below)
        _look_up(gradients[_TRAP], entries[_TRAP], above)
        for channel in range(3):
            _blend_rows(below[channel], above[channel], opacity, lit, blend, samples)
            _add_samples(samples, supersample, totals[channel])
        if row % supersample == supersample - 1:
            _encode_row(totals, share, to_srgb, levels, out[row // supersample])
            totals[:] = _ZERO
