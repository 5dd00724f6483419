"""Measures of one image."""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "EDGE_THRESHOLD",
    "MEASURES",
    "Measure",
    "bits_per_pixel",
    "colorfulness",
    "edge_density",
    "entropy",
    "spectrum_slope",
]

RGB = NDArray[np.uint8]

EDGE_THRESHOLD = 128
"""Sobel magnitude above which a pixel is an edge: that of a step of 32 grey levels."""

_BAND_PIXELS = 1 << 16
_MAX_SPECTRUM_SIDE = 1024  # of the square that the spectrum is computed of
_MIN_SPECTRUM_SIDE = 16
_MIN_RADIUS = 2  # the window spreads the lowest frequency over its neighbours


def entropy(rgb: RGB) -> float:
    """Return the entropy of the luminance in bits: 0 for a flat image, 8 at most.

    It is -sum p log2 p over the shares p of the 256 grey levels (Shannon 1948).
    """
    counts = np.array(Image.fromarray(rgb).convert("L").histogram())
    shares = counts[counts > 0] / counts.sum()
    return max(0.0, -float(np.sum(shares * np.log2(shares))))


def edge_density(rgb: RGB) -> float:
    """Return the share of pixels whose Sobel magnitude exceeds `EDGE_THRESHOLD`.

    The magnitude is sqrt(x^2 + y^2) of the 3 x 3 Sobel responses x and y to the luminance, with
    the weights 1, 2, 1. Border pixels are repeated outwards.
    """
    padded = np.pad(_luminance(rgb), 1, mode="edge")
    n_edges = 0
    for start, stop in _bands(rgb):
        rows = padded[start : stop + 2].astype(np.int16)
        down = rows[:-2] + 2 * rows[1:-1] + rows[2:]
        right = rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]
        x = (down[:, 2:] - down[:, :-2]).astype(np.int32)
        y = (right[2:] - right[:-2]).astype(np.int32)
        n_edges += np.count_nonzero(x * x + y * y > EDGE_THRESHOLD**2)
    return n_edges / (rgb.size // 3)


def spectrum_slope(rgb: RGB) -> float:
    """Return the slope of the luminance's amplitude spectrum: 0 for white noise, -1 for 1/f noise.

    It is the least-squares slope of the log amplitude over the log frequency, with one point per
    whole number of cycles from 2 to half the side: the mean over the ring of that radius (Field
    1987; van der Schaaf and van Hateren 1996). The spectrum is that of the central square, of at
    most 1,024 pixels, less its mean, under a Hann window. NaN if the square is flat or smaller
    than 16 pixels.
    """
    height, width = rgb.shape[:2]
    side = min(height, width, _MAX_SPECTRUM_SIDE)
    if side < _MIN_SPECTRUM_SIDE:
        return float("nan")
    top, left = (height - side) // 2, (width - side) // 2
    square = _luminance(rgb[top : top + side, left : left + side]).astype(np.float32)
    window, rings, weights, log_radii = _spectrum_tables(side)
    # The weighted mean, so that nothing of it is left at the lowest frequencies.
    square -= np.sum(square * window) / np.sum(window)
    amplitudes = np.abs(np.fft.rfft2(square * window))
    means = np.bincount(rings, amplitudes.ravel() * weights)[_MIN_RADIUS : side // 2 + 1]
    if means.min() < 1e-3:  # rounding errors alone
        return float("nan")
    return float(np.sum(log_radii * np.log(means)) / np.sum(log_radii**2))


@functools.lru_cache(maxsize=16)
def _spectrum_tables(side: int) -> tuple[NDArray[Any], ...]:
    """Return the window, each frequency's ring and weight in its mean, and centred log radii."""
    hann = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2
    down = np.fft.fftfreq(side, 1 / side)[:, np.newaxis]
    right = np.fft.rfftfreq(side, 1 / side)[np.newaxis]
    rings = np.rint(np.hypot(down, right)).astype(np.int64).ravel()
    # A real image's spectrum is symmetric, and rfft2 leaves out the mirrored columns.
    mirrored = np.where((right == 0) | (right == side / 2), 1, 2)
    counts = np.broadcast_to(mirrored, (side, right.size)).ravel()
    weights = counts / np.bincount(rings, counts)[rings]
    log_radii = np.log(np.arange(_MIN_RADIUS, side // 2 + 1))
    window = np.outer(hann, hann).astype(np.float32)
    return window, rings, weights, log_radii - log_radii.mean()


def colorfulness(rgb: RGB) -> float:
    """Return how colourful an image looks: 0 for grey, 15 slightly, 45 averagely, 109 extremely.

    This is M3 of Hasler and Suesstrunk, "Measuring colourfulness in natural images" (2003): with
    rg = R - G and yb = (R + G) / 2 - B, sqrt(var rg + var yb) + 0.3 sqrt(mean(rg)^2 + mean(yb)^2).
    """
    n = rgb.size // 3
    sums, squares = [0, 0], [0, 0]
    for start, stop in _bands(rgb):
        red, green, blue = np.moveaxis(rgb[start:stop].astype(np.int32), 2, 0)
        for i, values in enumerate((red - green, red + green - 2 * blue)):
            sums[i] += int(values.sum(dtype=np.int64))
            squares[i] += int((values * values).sum(dtype=np.int64))
    rg, yb = sums[0] / n, sums[1] / n / 2  # the second of the values is twice yb
    rg_variance, twice_yb_variance = (
        (n * square - total**2) / n**2 for total, square in zip(sums, squares, strict=True)
    )
    return math.sqrt(rg_variance + twice_yb_variance / 4) + 0.3 * math.hypot(rg, yb)


def bits_per_pixel(rgb: RGB, n_bytes: int) -> float:
    """Return the length of an image's file in bits, divided by the number of pixels."""
    return 8 * n_bytes / (rgb.size // 3)


def _bands(rgb: RGB) -> Iterator[tuple[int, int]]:
    """Yield where bands of rows start and stop, so that a large one needs less memory."""
    height, width = rgb.shape[:2]
    step = max(1, _BAND_PIXELS // width)
    for start in range(0, height, step):
        yield start, min(start + step, height)


def _luminance(rgb: RGB) -> NDArray[np.uint8]:
    """Return 0.299 R + 0.587 G + 0.114 B, rounded."""
    return np.asarray(Image.fromarray(rgb).convert("L"))


@dataclass(frozen=True)
class Measure:
    """A measure, and how it is shown.

    Attributes
    ----------
    function : callable
        Takes an RGB image and its file's length in bytes.
    heading : str
        Its column's heading in a table.
    title, note : str
        Its name, and a line on how to read it.
    axis : tuple of float
        Range of a histogram, which is widened if there are values beyond it.
    decimals : int
        Number of decimals to show.
    percent : bool
        Whether it is a share.
    """

    function: Callable[[RGB, int], float]
    heading: str
    title: str
    note: str
    axis: tuple[float, float]
    decimals: int
    percent: bool = False

    def number(self, value: float) -> str:
        """Return a value as text, in percent if it is a share, without a sign for it."""
        text = f"{value * 100 if self.percent else value:.{self.decimals}f}"
        return text.removeprefix("-") if not float(text) else text


MEASURES = {
    "entropy": Measure(
        lambda rgb, _: entropy(rgb),
        "entropy",
        "Entropy",
        "bits of the luminance; 8 if all grey levels are equally frequent",
        (4, 8),
        2,
    ),
    "edge_density": Measure(
        lambda rgb, _: edge_density(rgb),
        "edges",
        "Edge density",
        f"share of pixels with a Sobel magnitude above {EDGE_THRESHOLD}",
        (0, 1),
        0,
        percent=True,
    ),
    "spectrum_slope": Measure(
        lambda rgb, _: spectrum_slope(rgb),
        "slope",
        "Spectrum slope",
        "of log amplitude; 0 is white noise, photographs are near -1",
        (-2.5, 0.5),
        2,
    ),
    "colorfulness": Measure(
        lambda rgb, _: colorfulness(rgb),
        "colour",
        "Colourfulness",
        "Hasler and Suesstrunk; 15 is slight, 45 average, 109 extreme",
        (0, 160),
        0,
    ),
    "bits_per_pixel": Measure(
        bits_per_pixel,
        "bits/px",
        "Bits per pixel",
        "length of the file; it depends on the format and its quality",
        (0, 14),
        2,
    ),
}
"""The measures by name. An entry here is a column of every table and a panel of every page."""
