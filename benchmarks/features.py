"""How long a feature image takes, against NumPy convolving noise with the same filters alone."""

import functools

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import Row, paired_seconds
from benchmarks.vectors import vector_bits
from fractalgen.families.base import sample_spec
from fractalgen.families.features import Features
from fractalgen.families.features.filters import Filter
from fractalgen.kernels.filter_banks import respond

SIZE = 256
N_IMAGES = 40
TAPS = 17  # filters of the usual bandwidth reach farther, so this favours the baseline


def convolve(filters: tuple[Filter, ...], noise: NDArray[np.float32]) -> None:
    """Answer every filter by convolving noise with a separable complex kernel."""
    size = noise.shape[0]
    taps = np.arange(TAPS, dtype=np.float32) - TAPS // 2
    bell = np.exp(-taps * taps / np.float32(32))
    for one in filters:
        waves = [bell * np.exp(2j * np.pi * k * taps / size) for k in (one.u, one.v)]
        across, down = (wave.astype(np.complex64) for wave in waves)
        wide = np.pad(noise, TAPS // 2, mode="wrap")
        rows = sum(across[i] * wide[:, i : i + size] for i in range(TAPS))
        sum(down[i] * rows[i : i + size] for i in range(TAPS))


def rows(n_runs: int = 5) -> list[Row]:
    family = Features()
    noise = np.random.default_rng(0).standard_normal((SIZE, SIZE), np.float32)
    pairs = []
    for index in range(N_IMAGES):
        params = sample_spec(family, 0, index).params
        layer = functools.partial(convolve, params.filters, noise)
        image = functools.partial(family.render, params, SIZE)
        pairs.append(paired_seconds(layer, image, n_runs))
    layer_ms, image_ms = (1e3 * sum(column) / N_IMAGES for column in zip(*pairs, strict=True))
    return [
        Row(
            "a feature image",
            f"{image_ms:.2f} ms",
            f"NumPy convolving with its first layer alone, {layer_ms:.2f} ms",
            f"{layer_ms / image_ms:.1f}x",
            vector_bits(respond),
        )
    ]
