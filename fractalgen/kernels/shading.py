"""From normalised fields to pixels: two gradients, one blended over the other, and relief.

Everything is done in linear light, a pixel's samples are averaged there, and the average is
turned to sRGB by a table. The work goes row by row through small buffers that stay in the
nearest cache, one step to a loop, so that LLVM vectorises each step.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.jit import kernel
from fractalgen.kernels.normalization import ANGLE, DISTANCE, HIT, SMOOTH

__all__ = ["BLENDS", "shade"]

BLENDS = ("normal", "screen", "multiply", "soft-light")
_BASE, _TRAP, _INTERIOR = range(3)

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_THREE = np.float32(3.0)


@kernel
def _normalize_row(values, low, high, table, entries, ahead, coordinates):
    """Look a row of a field up in the field's table of coordinates, interpolating linearly.

    `entries` (int32) and `ahead` (float32) are scratch of the row's length. Look-ups have loops of
    their own, so that the arithmetic around them is vectorised.
    """
    last = np.float32(table.size - 2)
    scale = np.float32(table.size - 1) / (high - low) if high > low else _ZERO
    for x in range(values.size):
        position = max((values[x] - low) * scale, _ZERO)
        whole = np.int32(min(position, last))
        entries[x] = whole
        coordinates[x] = min(position - np.float32(whole), _ONE)
    for x in range(values.size):
        entry = np.uint32(entries[x])
        values_at = table[entry]
        ahead[x] = table[entry + np.uint32(1)] - values_at
        entries[x] = np.float32(values_at).view(np.int32)
    for x in range(values.size):
        coordinates[x] = np.int32(entries[x]).view(np.float32) + ahead[x] * coordinates[x]


@kernel
def _add_scaled(coordinates, weight, positions):
    for x in range(coordinates.size):
        positions[x] += weight * coordinates[x]


@kernel
def _light_row(heights, heights_below, strength, light_x, light_y, lit):
    """Light a surface of these heights; see `shade`."""
    side = heights.size
    for x in range(side - 1):
        across = (heights[x + 1] - heights[x]) * strength
        down = (heights_below[x] - heights[x]) * strength
        facing = across * light_x + down * light_y
        lit[x] = _ONE + _HALF * facing / np.sqrt(_ONE + across * across + down * down)
    lit[side - 1] = lit[side - 2]


@kernel
def _gradient_entries(escaped, positions, interior_positions, n_entries, entries):
    """Turn positions along an endless gradient into its entries, a power of two in number."""
    mask = np.int32(n_entries - 1)
    scale = np.float32(n_entries)
    for x in range(entries.size):
        position = positions[x] if escaped[x] >= _ZERO else interior_positions[x]
        entries[x] = np.int32(position * scale) & mask


@kernel
def _look_up(table, entries, values):
    for x in range(entries.size):
        values[x] = table[np.uint32(entries[x])]


@kernel
def _blend_rows(below, above, opacity, lit, blend, samples):
    """Blend a channel of one layer over that of another, and light the result."""
    for x in range(below.size):
        under = below[x]
        mixed = above[x]
        if blend == 1:
            mixed = _ONE - (_ONE - under) * (_ONE - mixed)
        elif blend == 2:
            mixed = under * mixed * _TWO
        elif blend == 3:
            mixed = under * (under + _TWO * mixed * (_ONE - under))
        samples[x] = (under + (mixed - under) * opacity[x]) * lit[x]


@kernel
def _add_every(samples, first, step, totals):
    for column in range(totals.size):
        totals[column] += samples[np.uint32(column * step + first)]


@kernel
def _opacity_row(heights, strongest, end, opacity):
    for x in range(heights.size):
        nearness = max(_ONE - heights[x] / end, _ZERO)
        opacity[x] = strongest * nearness * nearness * (_THREE - _TWO * nearness)


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
    """Colour every sample, average the samples of each pixel, and write sRGB.

    Parameters
    ----------
    fields : float32 array, shape (4 or more, side, side)
        As `fractalgen.kernels.normalization.measure_orbits` leaves them.
    ranges : float32 array, shape (4, 2)
        Each field's least and greatest value.
    tables : float32 array, shape (4, n)
        Each field's normaliser: coordinates in [0, 1] at n values evenly spaced over its range.
    weights : float32 array, shape (3, 4)
        How far each normalised field moves along the gradient: of the base layer, of the trap
        layer, and of samples that did not escape (which use the base's gradient).
    phases : float32 array, shape (3,)
        Where the layers' gradients begin, 1 or more plus the most that negative weights take away.
    gradients : float32 array, shape (2, 3, m)
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
    n_entries = gradients.shape[2]
    share = _ONE / np.float32(supersample * supersample)
    steps = np.float32(to_srgb.size - 1)
    strength = relief * np.float32(side)
    heights = np.empty(side, np.float32)
    heights_below = np.empty(side, np.float32)
    coordinates = np.empty(side, np.float32)
    lit = np.ones(side, np.float32)
    opacity = np.empty(side, np.float32)
    positions = np.empty((3, side), np.float32)
    entries = np.empty((2, side), np.int32)
    below = np.empty(side, np.float32)
    above = np.empty(side, np.float32)
    totals = np.zeros((3, size), np.float32)
    for row in range(-1, side):
        heights, heights_below = heights_below, heights
        _normalize_row(
            fields[DISTANCE, min(row + 1, side - 1)],
            ranges[DISTANCE, 0],
            ranges[DISTANCE, 1],
            tables[DISTANCE],
            entries[0],
            below,
            heights_below,
        )
        if row < 0:
            continue
        for layer in range(3):
            positions[layer, :] = phases[layer]
            _add_scaled(heights, weights[layer, DISTANCE], positions[layer])
        for field in (SMOOTH, HIT, ANGLE):
            used = max(abs(weights[0, field]), abs(weights[1, field]), abs(weights[2, field]))
            if used > _ZERO:
                _normalize_row(
                    fields[field, row],
                    ranges[field, 0],
                    ranges[field, 1],
                    tables[field],
                    entries[0],
                    below,
                    coordinates,
                )
                for layer in range(3):
                    _add_scaled(coordinates, weights[layer, field], positions[layer])
        if relief > _ZERO:
            _light_row(heights, heights_below, strength, light[0], light[1], lit)
        escaped = fields[SMOOTH, row]
        _gradient_entries(
            escaped, positions[_BASE], positions[_INTERIOR], n_entries, entries[_BASE]
        )
        _gradient_entries(escaped, positions[_TRAP], positions[_TRAP], n_entries, entries[_TRAP])
        _opacity_row(heights, cover[0], cover[1], opacity)
        for channel in range(3):
            _look_up(gradients[_BASE, channel], entries[_BASE], below)
            _look_up(gradients[_TRAP, channel], entries[_TRAP], above)
            _blend_rows(below, above, opacity, lit, blend, below)
            for sample in range(supersample):
                _add_every(below, sample, supersample, totals[channel])
        if row % supersample == supersample - 1:
            for column in range(size):
                for channel in range(3):
                    light_level = min(max(totals[channel, column] * share, _ZERO), _ONE)
                    out[row // supersample, column, channel] = to_srgb[
                        np.uint32(np.int32(light_level * steps + _HALF))
                    ]
            totals[:] = _ZERO
