"""From normalised fields to pixels: two gradients, one blended over the other, and relief.

Everything is done in linear light, a pixel's samples are averaged there, and the average is
turned to sRGB by a table. The work goes row by row through small buffers that stay in the
nearest cache, one step to a loop, so that LLVM vectorises each step.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.normalization import ANGLE, DISTANCE, HIT, SMOOTH

__all__ = ["BLENDS", "shade"]

BLENDS = ("normal", "screen", "multiply", "soft-light")
_BASE, _TRAP, _INTERIOR = range(3)

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_THREE = np.float32(3.0)


@inlined
def _normalize_row(values, low, high, table, coordinates):
    """Look a row of a field up in the field's table of coordinates, interpolating linearly."""
    n_steps = table.size - 1
    last = np.float32(n_steps)
    scale = last / (high - low) if high > low else _ZERO
    for x in range(values.size):
        position = min(max((values[x] - low) * scale, _ZERO), last)
        index = np.uint32(min(np.int32(position), np.int32(n_steps - 1)))
        fraction = position - np.float32(index)
        start = table[index]
        coordinates[x] = start + (table[index + np.uint32(1)] - start) * fraction


@inlined
def _add_scaled(coordinates, weight, positions):
    if weight != _ZERO:
        for x in range(coordinates.size):
            positions[x] += weight * coordinates[x]


@inlined
def _light_row(heights, heights_below, strength, light_x, light_y, lit):
    """Light a surface of these heights; see `shade`."""
    side = heights.size
    for x in range(side - 1):
        across = (heights[x + 1] - heights[x]) * strength
        down = (heights_below[x] - heights[x]) * strength
        facing = across * light_x + down * light_y
        lit[x] = _ONE + _HALF * facing / np.sqrt(_ONE + across * across + down * down)
    lit[side - 1] = lit[side - 2]


@inlined
def _blended(below, above, opacity, blend):
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
    n_entries = np.float32(gradients.shape[2])
    mask = np.uint32(gradients.shape[2] - 1)
    share = _ONE / np.float32(supersample * supersample)
    steps = np.float32(to_srgb.size - 1)
    strength = relief * np.float32(side)
    heights = np.empty(side, np.float32)
    heights_below = np.empty(side, np.float32)
    other = np.empty(side, np.float32)
    lit = np.ones(side, np.float32)
    opacity = np.empty(side, np.float32)
    positions = np.empty((3, side), np.float32)
    entries = np.empty((2, side), np.uint32)
    samples = np.empty(side, np.float32)
    totals = np.empty((3, size), np.float32)
    _normalize_row(
        fields[DISTANCE, 0],
        ranges[DISTANCE, 0],
        ranges[DISTANCE, 1],
        tables[DISTANCE],
        heights_below,
    )
    for row in range(side):
        heights, heights_below = heights_below, heights
        _normalize_row(
            fields[DISTANCE, min(row + 1, side - 1)],
            ranges[DISTANCE, 0],
            ranges[DISTANCE, 1],
            tables[DISTANCE],
            heights_below,
        )
        for layer in range(3):
            for x in range(side):
                positions[layer, x] = phases[layer]
            _add_scaled(heights, weights[layer, DISTANCE], positions[layer])
        for field in (SMOOTH, HIT, ANGLE):
            used = max(abs(weights[0, field]), abs(weights[1, field]), abs(weights[2, field]))
            if used > _ZERO:
                _normalize_row(
                    fields[field, row], ranges[field, 0], ranges[field, 1], tables[field], other
                )
                for layer in range(3):
                    _add_scaled(other, weights[layer, field], positions[layer])
        if relief > _ZERO:
            _light_row(heights, heights_below, strength, light[0], light[1], lit)
        for x in range(side):
            escaped = fields[SMOOTH, row, x] >= _ZERO
            base = positions[_BASE, x] if escaped else positions[_INTERIOR, x]
            entries[0, x] = np.uint32(np.int32(base * n_entries)) & mask
            entries[1, x] = np.uint32(np.int32(positions[_TRAP, x] * n_entries)) & mask
            nearness = max(_ONE - heights[x] / cover[1], _ZERO)
            opacity[x] = cover[0] * nearness * nearness * (_THREE - _TWO * nearness)
        for channel in range(3):
            base_gradient = gradients[0, channel]
            trap_gradient = gradients[1, channel]
            for x in range(side):
                below = base_gradient[entries[0, x]]
                above = trap_gradient[entries[1, x]]
                samples[x] = _blended(below, above, opacity[x], blend) * lit[x]
            fresh = row % supersample == 0
            for column in range(size):
                total = _ZERO if fresh else totals[channel, column]
                for x in range(column * supersample, (column + 1) * supersample):
                    total += samples[x]
                totals[channel, column] = total
        if row % supersample == supersample - 1:
            for column in range(size):
                for channel in range(3):
                    light_level = min(max(totals[channel, column] * share, _ZERO), _ONE)
                    out[row // supersample, column, channel] = to_srgb[
                        np.uint32(np.int32(light_level * steps + _HALF))
                    ]
