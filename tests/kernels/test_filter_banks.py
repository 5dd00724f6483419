import numpy as np
import pytest

from fractalgen.kernels.filter_banks import respond
from fractalgen.kernels.noise import noise_row, normal_lattice, pixel_centers

PLAIN = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1e-6)
SEED = 99


def answers(waves, cells, weights, units, size=64, chart=PLAIN, first=0, n_rows=None):
    axes = np.empty((3, size if n_rows is None else n_rows, size), np.float32)
    respond(
        np.uint64(SEED),
        np.array(chart, np.float32),
        2,
        0,
        np.array(waves, np.float32),
        np.array(cells, np.int64),
        np.array(weights, np.float32),
        np.array(units, np.float32),
        size,
        first,
        axes,
    )
    return axes


def one_filter(wave, cells=2, constant=1e-6):
    """Return the even answer of a single filter: a unit that never cuts, less its offset."""
    chart = (*PLAIN[:9], constant)
    units = [(-50.0, 1.0, 0.0, 0.0)]
    return answers([wave], [cells], [[(1.0, 0.0)]], units, size=128, chart=chart)[0] - 50.0


def spectrum(field):
    return np.abs(np.fft.fft2(field.astype(float) - field.astype(float).mean())) ** 2


def noise_field(field, cells, size):
    lattice = np.zeros((cells + 3, cells + 3), np.float32)
    normal_lattice(np.uint64(SEED), field, cells, lattice)
    centers, spread, held = pixel_centers(size), np.empty((4, size), np.float32), -4
    out = np.empty((size, size), np.float32)
    for y in range(size):
        held = noise_row(lattice, cells, centers[y], centers, spread, held, out[y])
    return out.astype(float)


@pytest.mark.parametrize(("u", "v"), [(9.0, 0.0), (0.0, 21.0), (7.0, 12.0), (13.0, -5.0)])
def test_a_coherent_filter_is_a_grating_of_its_frequency_and_orientation(u, v):
    power = spectrum(one_filter((u, v, 0.3, 1.0, 1.0)))
    peak = np.unravel_index(np.argmax(power), power.shape)
    found = {peak, tuple((-np.array(peak)) % 128)}
    assert (int(v) % 128, int(u) % 128) in found
    assert power[int(v), int(u)] * 2 > 0.99 * power.sum()


def test_a_broader_filter_spreads_around_the_same_frequency():
    window = np.outer(np.hanning(128), np.hanning(128))
    ky, kx = np.meshgrid(*[np.fft.fftfreq(128, 1 / 128)] * 2, indexing="ij")
    distance = np.hypot(kx - 24, ky - 10)
    radii = []
    for cells in (3, 12):
        answer = one_filter((24.0, 10.0, 0.0, 0.0, 1.0), cells, constant=1.0)
        power = np.where(kx > 0, spectrum(answer * window), 0.0)
        # The radius around the wave number that holds half of the power.
        order = np.argsort(distance, axis=None)
        held = np.cumsum(power.ravel()[order]) / power.sum()
        radii.append(distance.ravel()[order][np.searchsorted(held, 0.5)])
    assert radii[0] < 3
    assert 1.5 * radii[0] < radii[1] < 8


def test_division_by_local_energy_evens_out_contrast():
    wave = (20.0, 0.0, 0.0, 0.0, 1.0)
    blocks = one_filter(wave, 6).reshape(8, 16, 8, 16).astype(float).std(axis=(1, 3))
    plain = one_filter(wave, 6, constant=90.0).reshape(8, 16, 8, 16).astype(float).std(axis=(1, 3))
    assert blocks.min() / blocks.max() > 0.7
    assert plain.min() / plain.max() < 0.5


def test_two_layers_match_float64_arithmetic():
    rng = np.random.default_rng(5)
    size, n_filters, n_units = 48, 3, 4
    waves = rng.uniform(-6, 6, (n_filters, 5))
    waves[:, 3] = (0.0, 0.4, 1.0)
    waves[:, 4] = (1.0, 0.5, 0.8)
    cells = [2, 5, 9]
    weights = rng.normal(size=(n_units, n_filters, 2))
    units = rng.normal(size=(n_units, 4)) * (0.3, 1, 1, 1)
    bend, ripple, cycles, constant = 0.03, 0.02, 2.0, 0.1
    chart = (0.4, 0.6, bend, ripple, cycles, 0.0, 0.0, 0.0, 0.0, constant)

    place = (np.arange(size) + 0.5) / size
    y, x = np.meshgrid(place, place, indexing="ij")
    x = x + bend * noise_field(6, 2, size)
    y = y + bend * noise_field(7, 2, size) + ripple * np.sin(2 * np.pi * cycles * x)
    answer, energy = [], constant
    for f, (u, v, phase, coherence, gain) in enumerate(waves):
        real = gain * (coherence + (1 - coherence) * noise_field(2 * f, cells[f], size))
        imaginary = gain * (1 - coherence) * noise_field(2 * f + 1, cells[f], size)
        turns = u * (x - 0.4) + v * (y - 0.6) + phase
        answer.append((real + 1j * imaginary) * np.exp(2j * np.pi * turns))
        energy = energy + real**2 + imaginary**2
    expected = np.zeros((3, size, size))
    for k in range(n_units):
        total = sum(
            weights[k, f, 0] * answer[f].real + weights[k, f, 1] * answer[f].imag
            for f in range(n_filters)
        )
        unit = np.maximum(total / np.sqrt(energy) - units[k, 0], 0.0)
        expected += units[k, 1:, None, None] * unit

    axes = answers(waves, cells, weights, units, size=size, chart=chart)
    np.testing.assert_allclose(axes, expected, atol=2e-4)


def test_a_strip_is_the_same_rows_of_the_whole():
    bank = ([(5.0, 3.0, 0.1, 0.2, 1.0)], [4], [[(1.0, 0.5)]], [(0.1, 1.0, -1.0, 0.5)])
    np.testing.assert_array_equal(answers(*bank, first=20, n_rows=7), answers(*bank)[:, 20:27])
