"""The responses of a two-layer bank of oriented filters, without a convolution.

A Gabor filter's response to white noise is, in distribution, a carrier wave times a smooth complex
envelope: ``(a + i b) exp(2 pi i k.x)``, with a and b noise of the filter's bandwidth. So a filter
costs two noise rows and one sine and cosine per pixel at any width, and its local energy ``a^2 +
b^2`` is known without a blur. Both phases, even and odd, are divided by the bank's local energy
(divisive normalisation: Heeger, "Normalization of cell responses in cat striate cortex", 1992),
mixed by signed weights in a second layer, rectified, and mixed into three colour axes.

With C filters and K units a pixel costs about 75 C + 4 C K + 10 K + 40 float32 operations, all in
loops over a row that LLVM vectorises: some 700 for the usual six filters and five units.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.charts import cell_seeds, nearest_seed_row, polar_row
from fractalgen.kernels.elementary import cos_turns, sin_turns
from fractalgen.kernels.jit import kernel
from fractalgen.kernels.noise import noise_row, normal_lattice, pixel_centers

__all__ = ["respond"]

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)


@kernel
def filter_row(wave, u, v, a, b, even, odd, energy):
    """Fill `even` and `odd` with a filter's responses along a row; add its local energy.

    `wave` holds the wave numbers along u and v in cycles per chart unit, the phase in turns, the
    coherence in [0, 1] (the constant share of the envelope), and the gain. `a` and `b` are the
    envelope's noise.
    """
    ku, kv, phase = wave[0], wave[1], wave[2]
    steady = wave[3] * wave[4]
    moving = (_ONE - wave[3]) * wave[4]
    for i in range(u.size):
        turns = ku * u[i] + kv * v[i] + phase
        cosine = cos_turns(turns)
        sine = sin_turns(turns)
        real = steady + moving * a[i]
        imaginary = moving * b[i]
        even[i] = real * cosine - imaginary * sine
        odd[i] = real * sine + imaginary * cosine
        energy[i] += real * real + imaginary * imaginary


@kernel
def mix_row(weights, bias, even, odd, norm, total):
    """Compute one unit of the second layer from the normalised responses of all filters."""
    for i in range(total.size):
        total[i] = _ZERO
    for f in range(even.shape[0]):
        p, q = weights[f, 0], weights[f, 1]
        for i in range(total.size):
            total[i] += p * even[f, i] + q * odd[f, i]
    for i in range(total.size):
        total[i] = max(total[i] * norm[i] - bias, _ZERO)


@kernel
def respond(
    seed: np.uint64,
    chart: NDArray[np.float32],
    bend_cells: int,
    seed_cells: int,
    waves: NDArray[np.float32],
    cells: NDArray[np.int64],
    weights: NDArray[np.float32],
    units: NDArray[np.float32],
    size: int,
    first: int,
    axes: NDArray[np.float32],
) -> None:
    """Fill `axes`, of shape (3, rows, size), with rows of a feature image's colour axes.

    `chart` holds the centre's x and y, the bend, the ripple's amplitude and cycles, polar (0 or 1),
    the jitter, stagger and turn of the cells, and the constant of the divisive normalisation.
    `bend_cells` are the lattice cells of the bending noise along a side; `seed_cells` the cells
    with their own centre along a side, 0 for one centre.

    `waves` (C, 5) are the filters, see `filter_row`; `cells` (C,) the lattice cells of their
    envelopes along a side. `weights` (K, C, 2) are the second layer's weights of even and odd
    responses, `units` (K, 4) its thresholds and its units' weights in the three axes. `first` is
    the number of the first row.
    """
    n_filters = waves.shape[0]
    widest = bend_cells
    for f in range(n_filters):
        widest = max(widest, cells[f])
    lattices = np.empty((2 * n_filters + 2, widest + 3, widest + 3), np.float32)
    for f in range(2 * n_filters):
        normal_lattice(seed, f, cells[f // 2], lattices[f])
    for f in range(2 * n_filters, 2 * n_filters + 2):
        normal_lattice(seed, f, bend_cells, lattices[f])
    seeds = cell_seeds(seed, max(seed_cells, 1), chart[6], chart[7], chart[8])

    centers = pixel_centers(size)
    upsampled = np.empty((2 * n_filters + 2, 4, size), np.float32)
    held = np.empty(2 * n_filters + 2, np.int64)
    for f in range(2 * n_filters + 2):
        held[f] = -4
    rows = np.empty((8, size), np.float32)
    u, v, a, b = rows[0], rows[1], rows[2], rows[3]
    energy, total, x, y_bent = rows[4], rows[5], rows[6], rows[7]
    even = np.empty((n_filters, size), np.float32)
    odd = np.empty((n_filters, size), np.float32)

    for r in range(axes.shape[1]):
        y = (np.float32(first + r) + _HALF) / np.float32(size)
        for f in range(2 * n_filters, 2 * n_filters + 2):
            row = a if f == 2 * n_filters else b
            held[f] = noise_row(lattices[f], bend_cells, y, centers, upsampled[f], held[f], row)
        for i in range(size):
            x[i] = centers[i] + chart[2] * a[i]
            y_bent[i] = y + chart[2] * b[i] + chart[3] * sin_turns(chart[4] * x[i])
        if seed_cells > 0:
            nearest_seed_row(seeds, y, x, y_bent, u, v)
        else:
            for i in range(size):
                u[i] = x[i] - chart[0]
                v[i] = y_bent[i] - chart[1]
        if chart[5] > _HALF:
            polar_row(u, v)

        for i in range(size):
            energy[i] = chart[9]
        for f in range(n_filters):
            for g in range(2 * f, 2 * f + 2):
                row = a if g == 2 * f else b
                held[g] = noise_row(lattices[g], cells[f], y, centers, upsampled[g], held[g], row)
            filter_row(waves[f], u, v, a, b, even[f], odd[f], energy)
        for i in range(size):
            energy[i] = _ONE / np.sqrt(energy[i])
            axes[0, r, i] = _ZERO
            axes[1, r, i] = _ZERO
            axes[2, r, i] = _ZERO
        for k in range(units.shape[0]):
            mix_row(weights[k], units[k, 0], even, odd, energy, total)
            for c in range(3):
                ink = units[k, c + 1]
                for i in range(size):
                    axes[c, r, i] += ink * total[i]
