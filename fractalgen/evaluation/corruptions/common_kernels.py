"""Which kernel makes each common corruption, and with what numbers from a row of strengths.

See `fractalgen.evaluation.corruptions.common`, which imports this when images are corrupted.
"""

import functools
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.kernels import (
    corruption_blurs,
    corruption_digital,
    corruption_noise,
    corruption_spatter,
    corruption_weather,
    frost_textures,
)

__all__ = ["CORRUPT"]

_Images = NDArray[np.uint8]


def _gaussian_noise(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    corruption_noise.add_noise(images, seeds, np.float32(row[0]), np.float32(0), out)


def _speckle_noise(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    corruption_noise.add_noise(images, seeds, np.float32(0), np.float32(row[0]), out)


_poisson_table = functools.cache(corruption_noise.poisson_table)


def _shot_noise(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    least, at_most, guide = _poisson_table(float(row[0]))
    photons = np.float32(row[0])
    corruption_noise.shot_noise(images, seeds, photons, least, at_most, guide, out)


def _impulse_noise(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    corruption_noise.impulse_noise(images, seeds, np.float32(row[0]), out)


def _defocus_blur(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    rows, columns, weights = corruption_blurs.disk_taps(np.float32(row[0]), np.float32(row[1]))
    corruption_blurs.defocus_blur(images, rows, columns, weights, out)


def _glass_blur(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    sigma, reach, rounds = row
    reach = max(1, round(reach))
    corruption_blurs.glass_blur(images, seeds, np.float32(sigma), reach, int(rounds), out)


def _motion_blur(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    radius, sigma = row
    corruption_blurs.motion_blur(images, seeds, math.ceil(radius), np.float32(sigma), out)


def _zoom_blur(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    zooms = [_zoomed(images.shape[1], float(zoom)) for zoom in np.arange(1, *row)]
    kept, zoomed = np.array(zooms, np.int64).T.copy()
    corruption_blurs.zoom_blur(images, kept, zoomed, out)


def _zoomed(size: int, zoom: float) -> tuple[int, int]:
    """Return how many pixels are enlarged, and to how many, to fill an image."""
    kept = math.ceil(size / zoom)
    return kept, max(size, round(kept * zoom))


def _gaussian_blur(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    corruption_blurs.gaussian_blur(images, np.float32(row[0]), out)


def _snow(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    mean, deviation, zoom, threshold, radius, sigma, share = row
    kept, zoomed = _zoomed(images.shape[1], max(1.0, zoom))
    corruption_weather.snow(
        images,
        seeds,
        np.float32(mean),
        np.float32(deviation),
        kept,
        zoomed,
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
    distance, sigma, reach = (np.float32(sides * images.shape[1]) for sides in row)
    corruption_digital.elastic_transform(images, seeds, distance, sigma, reach, out)


def _spatter(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    mean, deviation, sigma, threshold, strength = (np.float32(value) for value in row[:5])
    is_mud = row[5] == 1
    corruption_spatter.spatter(
        images, seeds, mean, deviation, sigma, threshold, strength, is_mud, out
    )


def _pixelate(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    size = images.shape[1]
    side = max(1, int(size * row[0]))
    for i, pixels in enumerate(images):
        small = Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX)
        out[i] = np.asarray(small.resize((size, size), Image.Resampling.NEAREST))


def _jpeg_compression(images: _Images, seeds: Any, row: Any, out: _Images) -> None:
    for i, pixels in enumerate(images):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=int(row[0]))
        with Image.open(file) as decoded:
            out[i] = np.asarray(decoded)


CORRUPT: dict[str, Callable[[_Images, Any, Any, _Images], None]] = {
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
"""Called with images, uint8 of shape (n, size, size, 3), their seeds, a row of strengths, and the
array for the results."""
