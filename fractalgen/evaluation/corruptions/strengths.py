"""The published strengths of the common corruptions, for three sizes of images.

Sources: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", ICLR 2019: the scripts that made CIFAR-10-C and Tiny-ImageNet-C; for ImageNet-C the
strengths of the package ``imagecorruptions``, against which the suite is tested.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fractalgen.registry import Registry

__all__ = ["STRENGTHS", "Strengths", "strengths_for"]

_Row = tuple[float, ...]


@dataclass(frozen=True)
class Strengths:
    """A table of strengths: for each corruption five rows of numbers, severity 1 first.

    Attributes
    ----------
    name : str
        Name of the table.
    size : int
        Side of the images that it is for, in pixels.
    rows : mapping of str to 5 tuples
        Their numbers are explained at `LENGTHS`.
    scale : float
        Factor by which all lengths in pixels have been multiplied.
    """

    name: str
    size: int
    rows: Mapping[str, tuple[_Row, ...]]
    scale: float = 1.0

    def row(self, corruption: str, severity: int) -> _Row:
        """Return the numbers of one corruption at one severity, 1 to 5."""
        return self.rows[corruption][severity - 1]

    def scaled(self, size: int) -> "Strengths":
        """Return the table for another size: lengths grow with the side of the images."""
        scale = size / self.size
        rows = {
            name: tuple(
                tuple(
                    value * scale if place in LENGTHS.get(name, ()) else value
                    for place, value in enumerate(row)
                )
                for row in own
            )
            for name, own in self.rows.items()
        }
        return replace(self, size=size, rows=rows, scale=self.scale * scale)

    def __str__(self) -> str:
        by = "" if self.scale == 1 else f" scaled by {self.scale:.4g}"
        return f"{self.name} strengths{by}"


LENGTHS: Mapping[str, tuple[int, ...]] = {
    "defocus_blur": (0,),  # radius, sigma of the edge
    "glass_blur": (0, 1),  # sigma, reach, rounds
    "motion_blur": (0, 1),  # radius, sigma
    "snow": (2, 4, 5),  # mean, deviation, enlargement, threshold, radius and sigma of motion, share
    "gaussian_blur": (0,),  # sigma
    "spatter": (2,),  # mean, deviation, sigma, threshold, strength, mud or not
}
"""The places in a row that are lengths in pixels; for each row the meaning of its numbers.

Of the other corruptions these are: the standard deviation of noise (Gaussian, speckle), photons at
white (shot), a share of values (impulse); the enlargements from 1 up to a number, and their step
(zoom blur); the image's and the frost's share and the texture's pixels per pixel (frost); the
amount and the decay of the noise (fog); what is added (brightness); a factor (contrast, and added:
saturate); distance, sigma and reach in sides of the image (elastic); a share of the side
(pixelate); a quality (JPEG).
"""


def _each(*values: float) -> tuple[_Row, ...]:
    return tuple((value,) for value in values)


def _zooms(step: float, *ends: float) -> tuple[_Row, ...]:
    return tuple((end, step) for end in ends)


def _frost(scale: float, *shares: tuple[float, float]) -> tuple[_Row, ...]:
    return tuple((*each, 1 / scale) for each in shares)


_CIFAR = Strengths(
    "cifar",
    32,
    {
        "gaussian_noise": _each(0.04, 0.06, 0.08, 0.09, 0.10),
        "shot_noise": _each(500, 250, 100, 75, 50),
        "impulse_noise": _each(0.01, 0.02, 0.03, 0.05, 0.07),
        "defocus_blur": ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
        "glass_blur": ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
        "motion_blur": ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
        "zoom_blur": _zooms(0.01, 1.06, 1.11, 1.16, 1.21, 1.26),
        "snow": (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
        "frost": _frost(0.2, (1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
        "fog": ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
        "brightness": _each(0.05, 0.1, 0.15, 0.2, 0.3),
        "contrast": _each(0.75, 0.5, 0.4, 0.3, 0.15),
        "elastic_transform": (
            (0, 0, 0.08),
            (0.05, 0.2, 0.07),
            (0.08, 0.06, 0.06),
            (0.1, 0.04, 0.05),
            (0.1, 0.03, 0.03),
        ),
        "pixelate": _each(0.95, 0.9, 0.85, 0.75, 0.65),
        "jpeg_compression": _each(80, 65, 58, 50, 40),
        "speckle_noise": _each(0.06, 0.1, 0.12, 0.16, 0.2),
        "gaussian_blur": _each(0.4, 0.6, 0.7, 0.8, 1),
        "spatter": (
            (0.62, 0.1, 0.7, 0.7, 0.5, 0),
            (0.65, 0.1, 0.8, 0.7, 0.5, 0),
            (0.65, 0.3, 1, 0.69, 0.5, 0),
            (0.65, 0.1, 0.7, 0.69, 0.6, 1),
            (0.65, 0.1, 0.5, 0.68, 0.6, 1),
        ),
        "saturate": ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
    },
)

_TINY = Strengths(
    "tiny",
    64,
    {
        "gaussian_noise": _each(0.04, 0.08, 0.12, 0.15, 0.18),
        "shot_noise": _each(250, 100, 50, 30, 15),
        "impulse_noise": _each(0.01, 0.02, 0.05, 0.08, 0.14),
        "defocus_blur": ((0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)),
        "glass_blur": ((0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)),
        "motion_blur": ((10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)),
        "zoom_blur": _zooms(0.01, 1.06, 1.11, 1.16, 1.21, 1.26),
        "snow": (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.8),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.8),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.7),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.65),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.6),
        ),
        "frost": _frost(0.3, (1, 0.3), (0.9, 0.4), (0.8, 0.45), (0.75, 0.5), (0.7, 0.55)),
        "fog": ((0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)),
        "brightness": _each(0.1, 0.2, 0.3, 0.4, 0.5),
        "contrast": _each(0.4, 0.3, 0.2, 0.1, 0.05),
        "elastic_transform": (
            (0, 0, 0.08),
            (0.05, 0.3, 0.06),
            (0.1, 0.08, 0.06),
            (0.1, 0.03, 0.03),
            (0.16, 0.03, 0.02),
        ),
        "pixelate": _each(0.9, 0.8, 0.7, 0.6, 0.5),
        "jpeg_compression": _each(65, 58, 50, 40, 25),
        "speckle_noise": _each(0.15, 0.2, 0.25, 0.3, 0.35),
        "gaussian_blur": _each(0.5, 0.75, 1, 1.25, 1.5),
        "spatter": (
            (0.62, 0.1, 0.7, 0.7, 0.6, 0),
            (0.65, 0.1, 0.8, 0.7, 0.6, 0),
            (0.65, 0.3, 1, 0.69, 0.6, 0),
            (0.65, 0.1, 0.7, 0.68, 0.6, 1),
            (0.65, 0.1, 0.5, 0.67, 0.6, 1),
        ),
        "saturate": ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (30, 0.2)),
    },
)

_IMAGENET = Strengths(
    "imagenet",
    224,
    {
        "gaussian_noise": _each(0.08, 0.12, 0.18, 0.26, 0.38),
        "shot_noise": _each(60, 25, 12, 5, 3),
        "impulse_noise": _each(0.03, 0.06, 0.09, 0.17, 0.27),
        "defocus_blur": ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
        "glass_blur": ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
        "motion_blur": ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
        "zoom_blur": ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
        "snow": (
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
        "frost": _frost(1.1, (1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
        "fog": ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
        "brightness": _each(0.1, 0.2, 0.3, 0.4, 0.5),
        "contrast": _each(0.4, 0.3, 0.2, 0.1, 0.05),
        "elastic_transform": tuple(
            (distance, 0.01, 0) for distance in (0.0625, 0.08125, 0.10625, 0.125, 0.15)
        ),
        "pixelate": _each(0.6, 0.5, 0.4, 0.3, 0.25),
        "jpeg_compression": _each(25, 18, 15, 10, 7),
        "speckle_noise": _each(0.15, 0.2, 0.35, 0.45, 0.6),
        "gaussian_blur": _each(1, 2, 3, 4, 6),
        "spatter": (
            (0.65, 0.3, 4, 0.69, 0.6, 0),
            (0.65, 0.3, 3, 0.68, 0.6, 0),
            (0.65, 0.3, 2, 0.68, 0.5, 0),
            (0.65, 0.3, 1, 0.65, 1.5, 1),
            (0.67, 0.4, 1, 0.65, 1.5, 1),
        ),
        "saturate": ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
    },
)

STRENGTHS: Registry[Strengths] = Registry("table of strengths")
"""The tables, by name."""

for _table in (_CIFAR, _TINY, _IMAGENET):
    STRENGTHS.add(_table.name, _table)


def strengths_for(size: int, name: str | None = None) -> Strengths:
    """Return the strengths for images of `size` pixels a side.

    These are those of the nearest published size, by ratio, or of the table called `name`. At any
    other size, lengths in pixels are multiplied by the ratio of the sides; all else stays.
    """
    if name is None:
        tables = STRENGTHS.values()
        table = min(tables, key=lambda each: (abs(math.log(size / each.size)), each.size))
    else:
        table = STRENGTHS[name]
    return table if size == table.size else table.scaled(size)
