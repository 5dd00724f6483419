import numpy as np
import pytest

from fractalgen.kernels.distributions import beta, gamma, integer, normal_at, uniform_power
from fractalgen.kernels.jit import kernel

N = 40_000


@kernel
def _gammas(seed, shape, out):
    stream = np.zeros(2, np.uint64)
    stream[0] = seed
    for i in range(out.size):
        out[i] = gamma(stream, shape)


@kernel
def _betas(seed, a, b, out):
    stream = np.zeros(2, np.uint64)
    stream[0] = seed
    for i in range(out.size):
        out[i] = beta(stream, a, b)


@kernel
def _powers(seed, exponent, out):
    stream = np.zeros(2, np.uint64)
    stream[0] = seed
    for i in range(out.size):
        out[i] = uniform_power(stream, exponent)


@kernel
def _integers(seed, n, out):
    stream = np.zeros(2, np.uint64)
    stream[0] = seed
    for i in range(out.size):
        out[i] = integer(stream, n)


@kernel
def _normals(seed, out):
    for i in range(out.size):
        out[i] = normal_at(seed, np.uint64(2 * i))


def quantiles(values):
    return np.quantile(values, [0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98])


@pytest.mark.parametrize("shape", [0.3, 1.0, 2.5, 20.0])
def test_gamma_has_numpys_quantiles(shape):
    out = np.empty(N, np.float32)
    _gammas(np.uint64(7), np.float32(shape), out)
    expected = np.random.default_rng(0).gamma(shape, size=400_000)
    np.testing.assert_allclose(quantiles(out), quantiles(expected), rtol=0.06, atol=1e-3)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.5, 0.5), (3.0, 1.0)])
def test_beta_has_numpys_quantiles(a, b):
    out = np.empty(N, np.float32)
    _betas(np.uint64(8), np.float32(a), np.float32(b), out)
    expected = np.random.default_rng(0).beta(a, b, size=400_000)
    np.testing.assert_allclose(quantiles(out), quantiles(expected), atol=0.012)


def test_a_power_of_a_uniform_number_is_beta_distributed():
    out = np.empty(N, np.float32)
    _powers(np.uint64(9), np.float32(1 / 3), out)
    expected = np.random.default_rng(0).beta(3, 1, size=400_000)
    np.testing.assert_allclose(quantiles(out), quantiles(expected), atol=0.012)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_integers_are_even(n):
    out = np.empty(N, np.int64)
    _integers(np.uint64(10), n, out)
    counts = np.bincount(out, minlength=n)
    assert len(counts) == n
    np.testing.assert_allclose(counts, N / n, rtol=0.06)


def test_normal_numbers_have_numpys_quantiles():
    out = np.empty(N, np.float32)
    _normals(np.uint64(9), out)
    expected = np.random.default_rng(0).normal(size=400_000)
    np.testing.assert_allclose(quantiles(out), quantiles(expected), atol=0.04)
