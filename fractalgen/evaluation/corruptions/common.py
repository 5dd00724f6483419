"""The fifteen common corruptions and four extra ones, compiled, at the published strengths.

Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", ICLR 2019. All but frost follow its public code; frost is drawn here, because the
rights to its photographs are unclear.
"""

import functools
import io
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.errors import ArgumentError
from fractalgen.evaluation.corruptions import SEVERITIES, Suite
from fractalgen.evaluation.corruptions.strengths import strengths_for
from fractalgen.kernels import (
    corruption_blurs,
    corruption_digital,
    corruption_noise,
    corruption_spatter,
    corruption_weather,
    frost_textures,
)
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

_Images = NDArray[np.uint8]


def corrupted(
    images: _Images,
    indices: Sequence[int] | NDArray[np.int64],
    name: str,
    severity: int,
    seed: int,
    table: str | None = None,
) -> _Images:
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
    if name not in _KERNELS or severity not in SEVERITIES:
        raise ArgumentError(f"unknown corruption {name}, severity {severity}")
    if images.ndim != 4 or images.shape[3] != 3 or images.shape[1] != images.shape[2]:
        raise ArgumentError(f"images must have shape (n, size, size, 3), not {images.shape}")
    if len(images) != len(indices):
        raise ArgumentError(f"{len(indices)} indices for {len(images)} images")
    if images.dtype != np.uint8:
        raise ArgumentError(f"images must have dtype uint8, not {images.dtype}")
    row = strengths_for(images.shape[1], table).row(name, severity)
    key = rng_for(seed, f"corruption {name} {severity}", 0).integers(2**64, dtype=np.uint64)
    seeds = corruption_noise.image_seeds(key, np.array(indices, np.int64))
    writable = np.array(images, order="C")  # kernels are compiled for one kind of array
    out = np.empty_like(writable)
    _KERNELS[name](writable, seeds, row, out)
    return out


def common_suite(table: str | None = None, extra: bool = False) -> Suite:
    """Return the suite with the strengths of a table, by default that for the images' size."""
    return Suite(
        source="fractalgen",
        names=(*CORRUPTIONS, *EXTRA) if extra else CORRUPTIONS,
        corrupt=functools.partial(corrupted, table=table),
        distributions=("pillow",),
        version=1,
        strengths=lambda size: str(strengths_for(size, table)),
    )


def _gaussian_noise(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    corruption_noise.add_noise(images, seeds, np.float32(row[0]), np.float32(0), out)


def _speckle_noise(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    corruption_noise.add_noise(images, seeds, np.float32(0), np.float32(row[0]), out)


_poisson_table = functools.cache(corruption_noise.poisson_table)


def _shot_noise(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    tables = _poisson_table(float(row[0]))
    corruption_noise.shot_noise(images, seeds, np.float32(row[0]), *tables, out)


def _impulse_noise(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    corruption_noise.impulse_noise(images, seeds, np.float32(row[0]), out)


def _defocus_blur(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    taps = corruption_blurs.disk_taps(np.float32(row[0]), np.float32(row[1]))
    corruption_blurs.defocus_blur(images, *taps, out)


def _glass_blur(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    sigma, reach, rounds = row
    reach = max(1, round(reach))
    corruption_blurs.glass_blur(images, seeds, np.float32(sigma), reach, int(rounds), out)


def _motion_blur(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    radius, sigma = row
    corruption_blurs.motion_blur(images, seeds, math.ceil(radius), np.float32(sigma), out)


def _zoom_blur(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    zooms = [_zoomed(images.shape[1], float(zoom)) for zoom in np.arange(1, *row)]
    corruption_blurs.zoom_blur(images, *np.array(zooms, np.int64).T.copy(), out)


def _zoomed(size: int, zoom: float) -> tuple[int, int]:
    """Return how many pixels are enlarged, and to how many, to fill an image."""
    kept = math.ceil(size / zoom)
    return kept, max(size, round(kept * zoom))


def _gaussian_blur(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    corruption_blurs.gaussian_blur(images, np.float32(row[0]), out)


def _snow(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    mean, deviation, zoom, threshold, radius, sigma, share = row
    corruption_weather.snow(
        images,
        seeds,
        np.float32(mean),
        np.float32(deviation),
        *_zoomed(images.shape[1], max(1.0, zoom)),
        np.float32(threshold),
        math.ceil(radius),
        np.float32(sigma),
        np.float32(share),
        out,
    )


@functools.cache
def _textures() -> _Images:
    return frost_textures.draw_textures()


def _frost(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    share, frost_share, step = (np.float32(value) for value in row)
    corruption_weather.frost(images, seeds, _textures(), step, share, frost_share, out)


def _fog(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    corruption_weather.fog(images, seeds, np.float32(row[0]), np.float32(row[1]), out)


def _brightness(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    corruption_weather.brightness(images, np.float32(row[0]), out)


def _contrast(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    corruption_digital.contrast(images, np.float32(row[0]), out)


def _saturate(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    corruption_digital.saturate(images, np.float32(row[0]), np.float32(row[1]), out)


def _elastic_transform(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    in_pixels = [np.float32(sides * images.shape[1]) for sides in row]
    corruption_digital.elastic_transform(images, seeds, *in_pixels, out)


def _spatter(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    numbers = [np.float32(value) for value in row[:5]]
    corruption_spatter.spatter(images, seeds, *numbers, row[5] == 1, out)


def _pixelate(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    size = images.shape[1]
    side = max(1, int(size * row[0]))
    for i, pixels in enumerate(images):
        small = Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX)
        out[i] = small.resize((size, size), Image.Resampling.NEAREST)


def _jpeg_compression(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    for i, pixels in enumerate(images):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=int(row[0]))
        with Image.open(file) as decoded:
            out[i] = decoded


_KERNELS: dict[str, Callable[[_Images, Any, Any, _Images], None]] = {
    "gaussian_noise": _gaussian_noise,
    "shot_noise": _shot_noise,
    "impulse_noise": _impulse_noise,
    "defocus_blur": _defocus_blur,
    "glass_blur": _glass_blur,
    "motion_blur": _motion_blur,
    "zoom_blur": _zoom_blur,
    "snow": _snow,
    "frost": _frost,
    "fog": _fog,
    "brightness": _brightness,
    "contrast": _contrast,
    "elastic_transform": _elastic_transform,
    "pixelate": _pixelate,
    "jpeg_compression": _jpeg_compression,
    "speckle_noise": _speckle_noise,
    "gaussian_blur": _gaussian_blur,
    "spatter": _spatter,
    "saturate": _saturate,
}

COMMON = common_suite()
