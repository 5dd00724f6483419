"""The fifteen common corruptions and four extra ones, compiled, at the published strengths.

Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", ICLR 2019. All but frost follow its public code; frost is drawn here, because the
rights to its photographs are unclear.
"""

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import ArgumentError
from fractalgen.evaluation.corruptions import SEVERITIES, Suite
from fractalgen.evaluation.corruptions.strengths import strengths_for
from fractalgen.seeding import rng_for

__all__ = ["COMMON", "CORRUPTIONS", "EXTRA", "GROUPS", "common_suite", "corrupted"]

GROUPS: dict[str, tuple[str, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
"""The four groups of the fifteen corruptions."""

CORRUPTIONS: tuple[str, ...] = tuple(name for names in GROUPS.values() for name in names)
"""The fifteen corruptions that errors are averaged over, in the published order."""

EXTRA: tuple[str, ...] = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
"""Four more for validation, which are not part of the mean."""


def corrupted(
    images: NDArray[np.uint8],
    indices: Sequence[int] | NDArray[np.int64],
    name: str,
    severity: int,
    seed: int,
    table: str | None = None,
) -> NDArray[np.uint8]:
    """Corrupt images; see `Suite.corrupt`.

    Parameters
    ----------
    images : uint8 array of shape (n, size, size, 3)
    indices : n whole numbers
        The images' numbers in the data set.
    name : str
        One of `CORRUPTIONS` or `EXTRA`.
    severity : int
        1 to 5.
    seed : int
        0 or more.
    table : str, optional
        A table of strengths, by default that for the images' size; see `strengths_for`.

    Returns
    -------
    uint8 array of the same shape
        Noise and blurs are truncated to whole numbers, like the published images. The pixels are
        the same on every processor; those of pixelate and JPEG depend on Pillow's version.
    """
    if name not in (*CORRUPTIONS, *EXTRA) or severity not in SEVERITIES:
        raise ArgumentError(f"unknown corruption {name}, severity {severity}")
    if images.ndim != 4 or images.shape[3] != 3 or images.shape[1] != images.shape[2]:
        raise ArgumentError(f"images must have shape (n, size, size, 3), not {images.shape}")
    if len(images) != len(indices):
        raise ArgumentError(f"{len(indices)} indices for {len(images)} images")
    if images.dtype != np.uint8:
        raise ArgumentError(f"images must have dtype uint8, not {images.dtype}")
    from fractalgen.evaluation.corruptions.common_kernels import CORRUPT
    from fractalgen.kernels.corruption_noise import image_seeds

    row = strengths_for(images.shape[1], table).row(name, severity)
    key = rng_for(seed, f"corruption {name} {severity}", 0).integers(2**64, dtype=np.uint64)
    seeds = image_seeds(key, np.array(indices, np.int64))
    writable = np.array(images, order="C")  # kernels are compiled for one kind of array
    out = np.empty_like(writable)
    CORRUPT[name](writable, seeds, row, out)
    return out


def common_suite(table: str | None = None) -> Suite:
    """Return the suite with the strengths of a table, by default that for the images' size."""
    return Suite(
        source="fractalgen with drawn frost",
        names=CORRUPTIONS,
        corrupt=functools.partial(corrupted, table=table),
        distributions=("pillow",),
        version=1,
        extra=EXTRA,
        strengths=lambda size: str(strengths_for(size, table)),
        with_table=common_suite,
    )


COMMON = common_suite()
