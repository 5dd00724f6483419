import math

import numpy as np
import pytest

from fractalgen.kernels.formulas import FORMULAS, MAX_LEVELS, approach_boundary


def approach(formula, target, seed, constant=None):
    picks = np.random.default_rng(seed).random((MAX_LEVELS, 3))
    c = constant or 0j
    julia = constant is not None
    steps = FORMULAS[formula].steps
    x, y = approach_boundary(*steps, julia, c.real, c.imag, -0.3, 0.0, 3.6, target, 400, picks)
    return complex(x, y)


def escape_count(z, c, max_iter):
    for n in range(max_iter):
        if abs(z) > 4:
            return n
        z = z * z + c
    return max_iter


@pytest.mark.parametrize("seed", range(20))
def test_the_place_is_outside_the_mandelbrot_set_and_close_to_it(seed):
    target = 1e-3
    c = approach("power-2", target, seed)
    assert escape_count(0, c, 5_000) < 5_000
    # Koebe's quarter theorem: the boundary is within twice the estimate |z| ln|z| / |z'|.
    z, derivative = 0j, 0j
    while abs(z) < 1e10:
        z, derivative = z * z + c, 2 * z * derivative + 1
    assert 2 * abs(z) * math.log(abs(z)) / abs(derivative) < 4 * target


def test_a_julia_set_of_a_constant_far_outside_has_escaping_places_only():
    z = approach("power-2", 0.1, 3, constant=0.5 + 0.5j)
    assert escape_count(z, 0.5 + 0.5j, 1_000) < 1_000


@pytest.mark.parametrize("formula", FORMULAS)
def test_picks_decide_the_place(formula):
    places = {approach(formula, 1e-2, seed) for seed in range(8)}
    assert len(places) >= 6
    assert approach(formula, 1e-2, 0) == approach(formula, 1e-2, 0)
