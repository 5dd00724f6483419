"""The wavelet transform against filters written out, and the marginals that it is for."""

import numpy as np
import pytest

from fractalgen.kernels.spectra import spectral_noise
from fractalgen.kernels.wavelets import analyze, reshape_marginals, synthesize

# The analysis filters of CDF 9/7 from their centres outwards, as published (means sum to 1, as in
# JPEG 2000); the transform here scales both by the square root of two, or its inverse.
LOW = (0.602949018236, 0.266864118443, -0.078223266529, -0.016864118443, 0.026748757411)
HIGH = (1.115087052457, -0.591271763114, -0.057543526229, 0.091271763114)


def filtered(z, taps, axis):
    total = taps[0] * z
    for distance, tap in enumerate(taps[1:], 1):
        total += tap * (np.roll(z, distance, axis) + np.roll(z, -distance, axis))
    return total


def split(z, axis):
    """One level along an axis: the means of even places, then the details of odd ones."""
    low, high = filtered(z, LOW, axis) * 2**0.5, filtered(z, HIGH, axis) / 2**0.5
    return np.concatenate(
        [low.take(range(0, z.shape[axis], 2), axis), high.take(range(1, z.shape[axis], 2), axis)],
        axis,
    )


def noise(n=256, power=1.3, stream=5):
    fields = np.empty((2, n, n), np.float32)
    spectral_noise(np.uint64(stream), np.float32(power), np.float32(power), fields)
    return fields[0]


def kurtosis(values):
    centred = values.astype(float) - values.mean()
    return (centred**4).mean() / (centred**2).mean() ** 2


def bands(plane, half):
    high = slice(half, 2 * half)
    return plane[:half, high], plane[high, :half], plane[high, high]


def test_the_transform_is_that_of_the_published_filters():
    z = np.random.default_rng(1).normal(size=(64, 64))
    wanted = split(split(z, 0), 1)
    wanted[:32, :32] = split(split(wanted[:32, :32], 0), 1)
    plane = z.astype(np.float32)
    analyze(plane, 16)
    np.testing.assert_allclose(plane, wanted, atol=2e-5)


@pytest.mark.parametrize(("n", "coarsest"), [(256, 4), (16, 1), (32, 32), (8, 16)])
def test_synthesis_undoes_the_analysis(n, coarsest):
    z = np.random.default_rng(n).normal(size=(n, n)).astype(np.float32)
    plane = z.copy()
    analyze(plane, coarsest)
    assert (plane != z).any() == (n > coarsest)
    synthesize(plane, coarsest)
    np.testing.assert_allclose(plane, z, atol=1e-5)


@pytest.mark.parametrize("power", [0.5, 1.0, 1.5, 2.0, 2.5])
def test_coefficients_have_the_marginals_asked_for(power):
    """E z^4p / (E z^2p)^2 of a normal z, by sums over a fine grid; and the deviations asked for."""
    z = np.linspace(-12, 12, 200_001)
    weights = np.exp(-z * z / 2)
    weights /= weights.sum()
    sizes = np.abs(z) ** power
    wanted = (weights * sizes**4).sum() / (weights * sizes**2).sum() ** 2
    before = noise()
    marginals = np.full((6, 3, 2), (power, 0.5), np.float32)
    marginals[:, 2, 1] = 2.0
    after = before.copy()
    reshape_marginals(after, 4, marginals)
    analyze(before, 4)
    analyze(after, 4)
    found = []
    for half in (32, 64, 128):
        pairs = zip(bands(before, half), bands(after, half), (0.5, 0.5, 2.0), strict=True)
        for old, new, gain in pairs:
            np.testing.assert_allclose(np.sqrt((new**2).mean() / (old**2).mean()), gain, rtol=1e-3)
            assert (np.sign(old) == np.sign(new)).mean() > 0.99
            found.append(kurtosis(new))
    assert np.median(found) == pytest.approx(wanted, rel=0.25)


def test_powers_and_gains_of_one_change_nothing_and_coarse_bands_stay():
    z = noise(64)
    plane = z.copy()
    reshape_marginals(plane, 8, np.ones((2, 3, 2), np.float32))
    np.testing.assert_allclose(plane, z, atol=1e-4 * np.abs(z).max())
    reshape_marginals(plane, 8, np.full((2, 3, 2), (2.0, 0.0), np.float32))
    analyze(z, 8)
    analyze(plane, 8)
    np.testing.assert_allclose(plane[:8, :8], z[:8, :8], atol=1e-4 * np.abs(z).max())
    plane[:8, :8] = 0
    assert np.abs(plane).max() < 1e-4 * np.abs(z).max()


def test_a_flat_field_stays_flat():
    plane = np.zeros((32, 32), np.float32)
    reshape_marginals(plane, 4, np.full((1, 3, 2), 2.0, np.float32))
    assert not plane.any()
