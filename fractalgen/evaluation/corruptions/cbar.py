"""C-bar: corruptions unlike ImageNet-C's, generated with the published strengths.

There are two published sets of ten, for small and for large images; they share five. Source:
Mintun, Kirillov and Xie, "On Interaction Between Augmentations and Corruptions in Natural
Corruption Robustness", NeurIPS 2021.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.corruptions import SEVERITIES, Suite
from fractalgen.seeding import bits_at, seed_for

__all__ = ["CIFAR_LEVELS", "C_BAR", "IMAGENET_LEVELS", "corrupted"]

_Levels = Mapping[str, tuple[float, ...]]

CIFAR_LEVELS: _Levels = {
    "blue_noise_sample": (0.7, 1.4, 2.1, 3.5, 4.2),
    "brownish_noise": (2.5, 4.0, 5.5, 6.5, 7.0),
    "checkerboard_cutout": (1.0, 2.0, 3.0, 4.0, 5.0),
    "inverse_sparkles": (1.0, 1.5, 2.5, 4.5, 5.0),
    "pinch_and_twirl": (5.5, 6.0, 6.5, 8.5, 10.0),
    "ripple": (5.5, 6.0, 6.5, 7.5, 8.0),
    "circular_motion_blur": (2.8, 3.6, 4.4, 5.2, 6.0),
    "lines": (0.5, 1.0, 1.5, 2.0, 2.5),
    "sparkles": (0.7, 3.5, 5.6, 6.3, 7.0),
    "transverse_chromatic_abberation": (1.0, 2.0, 5.0, 9.0, 10.0),
}
"""Strengths of CIFAR-10-C-bar at severities 1 to 5."""

IMAGENET_LEVELS: _Levels = {
    "blue_noise_sample": (0.8, 1.6, 2.4, 4.0, 5.6),
    "brownish_noise": (1.0, 2.0, 3.0, 4.0, 5.0),
    "caustic_refraction": (2.35, 3.2, 4.9, 6.6, 9.15),
    "checkerboard_cutout": (2.0, 3.0, 4.0, 5.0, 6.0),
    "cocentric_sine_waves": (3.0, 5.0, 8.0, 9.0, 10.0),
    "inverse_sparkles": (1.0, 2.0, 4.0, 9.0, 10.0),
    "perlin_noise": (4.6, 5.2, 5.8, 7.6, 8.8),
    "plasma_noise": (4.75, 7.0, 8.5, 9.25, 10.0),
    "single_frequency_greyscale": (1.0, 1.5, 2.0, 4.5, 5.0),
    "sparkles": (1.0, 2.0, 3.0, 5.0, 6.0),
}
"""Strengths of ImageNet-C-bar at severities 1 to 5."""

_LARGEST_SMALL = 64


def corrupted(
    levels: _Levels,
    images: NDArray[np.uint8],
    indices: Sequence[int] | NDArray[np.int64],
    name: str,
    severity: int,
    seed: int,
) -> NDArray[np.uint8]:
    """Corrupt images of any size with one set's strengths; see `Suite.corrupt`."""
    if name not in levels or severity not in SEVERITIES:
        raise ValueError(f"unknown corruption {name}, severity {severity}")
    if images.ndim != 4 or images.shape[3] != 3 or images.shape[1] != images.shape[2]:
        raise ValueError(f"images must have shape (n, size, size, 3), not {images.shape}")
    if images.dtype != np.uint8 or len(images) != len(indices):
        raise ValueError(f"{len(indices)} indices for {len(images)} images of {images.dtype}")
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    stream = np.uint64(seed_for(seed, number, severity))
    seeds = bits_at(np.asarray(indices, np.uint64) + stream, 0)
    read = np.ascontiguousarray(images).view()
    read.flags.writeable = False  # one type, so that a kernel is compiled once
    out = np.empty(images.shape, np.uint8)
    _kernel(name)(read, seeds, np.float32(levels[name][severity - 1]), out)
    return out


@functools.cache
def _kernel(name: str) -> Callable[..., None]:
    from fractalgen.kernels import cbar_noise, cbar_overlays, cbar_splines, cbar_warps, cbar_waves

    rooms: tuple[ModuleType, ...] = (
        cbar_noise,
        cbar_overlays,
        cbar_splines,
        cbar_warps,
        cbar_waves,
    )
    kernel: Callable[..., None] = next(getattr(room, name) for room in rooms if hasattr(room, name))
    return kernel


def _suite(published: str, levels: _Levels, larger: tuple[int, Suite] | None = None) -> Suite:
    return Suite(
        source=f"generated {published}",
        names=tuple(levels),
        corrupt=functools.partial(corrupted, levels),
        distributions=(),
        version=1,
        larger=larger,
    )


C_BAR = _suite(
    "CIFAR-10-C-bar",
    CIFAR_LEVELS,
    (_LARGEST_SMALL + 1, _suite("ImageNet-C-bar", IMAGENET_LEVELS)),
)
"""CIFAR-10-C-bar's ten corruptions up to 64 pixels, ImageNet-C-bar's ten above."""
