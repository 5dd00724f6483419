"""Times a feature picture against NumPy convolving noise with the same filters alone."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fractalgen.families.feature_parts import Filter
from fractalgen.families.features import Features
from fractalgen.families.spec import sample_spec

__all__ = ["time_feature_picture"]


def _best_ms(call: Callable[[], object], rounds: int) -> float:
    best = np.inf
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best * 1e3


def _convolved(filters: tuple[Filter, ...], noise: NDArray[np.float32]) -> None:
    """Answer every filter by convolving noise with a separable complex kernel of 17 taps.

    Filters of the usual bandwidth reach farther than that, so this favours the baseline.
    """
    size = noise.shape[0]
    taps = np.arange(-8, 9, dtype=np.float32)
    bell = np.exp(-taps * taps / np.float32(32))
    for one in filters:
        waves = [bell * np.exp(2j * np.pi * k * taps / size) for k in (one.u, one.v)]
        across, down = (wave.astype(np.complex64) for wave in waves)
        wide = np.pad(noise, 8, mode="wrap")
        rows = sum(across[i] * wide[:, i : i + size] for i in range(17))
        sum(down[i] * rows[i : i + size] for i in range(17))


def time_feature_picture(
    size: int = 256, n_pictures: int = 60, rounds: int = 5
) -> dict[str, float]:
    """Return milliseconds a picture, means over pictures of the best of several rounds.

    Returns
    -------
    dict of float
        ``sample``: drawing the parameters and the gate's probe; ``render``: the picture;
        ``slowest``: the slowest picture; ``baseline``: the first layer alone as convolutions in
        NumPy; ``ratio``: baseline / render.
    """
    family = Features()
    params = [sample_spec(family, 0, index).params for index in range(n_pictures)]
    for one in params[:3]:
        family.render(one, 16)

    def sample_all() -> None:
        for index in range(n_pictures):
            sample_spec(family, 0, index)

    renders = [_best_ms(lambda one=one: family.render(one, size), rounds) for one in params]
    noise = np.random.default_rng(0).standard_normal((size, size), np.float32)
    baselines = [_best_ms(lambda one=one: _convolved(one.filters, noise), 2) for one in params]
    render, baseline = float(np.mean(renders)), float(np.mean(baselines))
    return {
        "sample": _best_ms(sample_all, rounds) / n_pictures,
        "render": render,
        "slowest": max(renders),
        "baseline": baseline,
        "ratio": baseline / render,
    }


if __name__ == "__main__":
    for name, value in time_feature_picture().items():
        print(f"{name:10s}{value:8.2f}" + ("" if name == "ratio" else " ms"))
