import numpy as np
import pytest

from fractalgen.kernels.spectra import input_order, spectral_noise, transform


@pytest.mark.parametrize("n", [1, 2, 4, 7, 12, 64, 224, 512])
def test_transform_is_the_inverse_fourier_transform(n):
    rng = np.random.default_rng(n)
    z = rng.normal(size=(n, 5)) + 1j * rng.normal(size=(n, 5))
    shuffled = np.empty_like(z)
    shuffled[input_order(n)] = z
    re, im = shuffled.real.astype(np.float32), shuffled.imag.astype(np.float32)
    transform(re, im)
    wanted = np.fft.ifft(z, axis=0) * n
    np.testing.assert_allclose(re + 1j * im, wanted, atol=2e-6 * np.abs(wanted).max())


def noise(n, across, along, stream=5):
    fields = np.empty((2, n, n), np.float32)
    spectral_noise(np.uint64(stream), np.float32(across), np.float32(along), fields)
    return fields[0] + 1j * fields[1]


@pytest.mark.parametrize(("across", "along"), [(1.0, 1.0), (0.5, 2.0), (2.5, 1.25)])
def test_amplitudes_are_the_requested_ones(across, along):
    n = 64
    spectrum = np.fft.fft2(noise(n, across, along).astype(np.complex128)) / n**2
    frequencies = np.abs(np.fft.fftfreq(n, 1 / n))
    v, u = np.meshgrid(frequencies**along, frequencies**across, indexing="ij")
    wanted = 1 / np.maximum(u + v, 1e-30)
    wanted[0, 0] = 0
    np.testing.assert_allclose(np.abs(spectrum), wanted, rtol=1e-3, atol=1e-5)


def test_a_larger_field_has_the_waves_of_a_smaller_one():
    small, large = (np.fft.fft2(noise(n, 1.5, 1.5)) / n**2 for n in (32, 128))
    for v in range(-10, 11):
        for u in range(-10, 11):
            assert abs(small[v, u] - large[v, u]) < 1e-5


def test_phases_are_spread_over_the_circle_and_follow_the_stream():
    phases = np.angle(np.fft.fft2(noise(64, 1.0, 1.0)))[1:, 1:]
    counts, _ = np.histogram(phases, 8, (-np.pi, np.pi))
    assert counts.min() > 0.8 * counts.mean()
    assert np.abs(noise(64, 1.0, 1.0) - noise(64, 1.0, 1.0, stream=6)).max() > 0.1
