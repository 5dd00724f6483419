"""Noise whose spectrum falls with the frequency, as that of natural images does.

Source: Baradad et al., "Learning to see by looking at noise", NeurIPS 2021: random slopes for each
axis, a random colour model, and the wavelet marginal model (WMM).
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import one_of
from fractalgen.color.palettes import choose, resolve
from fractalgen.color.spaces import exposure_of, srgb_gradient
from fractalgen.families.base import check_colors, check_within, log_uniform, rounded
from fractalgen.kernels.color_spaces import opponents_to_rgb
from fractalgen.kernels.spectra import spectral_noise
from fractalgen.kernels.wavelets import reshape_marginals

__all__ = ["MARGINALS", "Spectrum", "SpectrumParams"]

MARGINALS = ("any", "gaussian", "sparse")
"""What the option `marginals` can be."""

Band = tuple[float, float]
"""A wavelet band's power and gain; see `reshape_marginals`."""

_MAX_SIDE = 2048  # of the transform; larger images are this one enlarged
_MAX_POWER = 1.75
_PROBE_SIZE = 64
_N_COLORS = 1024
_PALETTE_SHARE = 0.4  # of the images, if the palette is "any"
_SPARSE_SHARE = 0.5  # of the images, if the marginals are "any"
_COARSEST = 4  # wavelets a side in the coarsest bands that are changed
_N_LEVELS = 7


@dataclass(frozen=True)
class SpectrumParams:
    """One image of noise."""

    across: float  # power with which amplitudes fall with the horizontal frequency
    along: float  # the same for the vertical frequency
    stream: int  # the random stream of all phases
    spread: tuple[float, float, float]  # of intensity, blue-red and green-magenta
    mean: tuple[float, float, float]  # of the same
    colors: tuple[str, ...]  # a gradient in place of opponent colours; empty for none
    # By scale, from coarse to fine: bands of details across, along and diagonally; empty for none.
    marginals: tuple[tuple[Band, Band, Band], ...] = ()

    def __post_init__(self) -> None:
        check_within("a power of the spectrum", 0.0, 6.0, self.across, self.along)
        check_within("the stream", 0, 2**62, self.stream)
        check_within("the spread and mean of the colours", -4.0, 4.0, *self.spread, *self.mean)
        if self.colors:
            check_colors("colors", self.colors)
        check_within("the number of scales", 0, 16, len(self.marginals))
        for power, gain in (band for bands in self.marginals for band in bands):
            check_within("the power of a wavelet band", 0.25, 4.0, power)
            check_within("the gain of a wavelet band", 0.0, 8.0, gain)


@dataclass(frozen=True)
class Spectrum:
    """The family of noise with a falling spectrum.

    Parameters
    ----------
    palette : str
        What `fractalgen.color.palettes.resolve` understands. With "any", six images out of ten have
        three independent fields of noise as intensity and opponent colours; the others colour one
        field by a palette.
    marginals : str
        The distribution of the fields' wavelet coefficients: "gaussian", as in noise with random
        phases alone; "sparse", with heavy tails of a random shape and scale in each band, which
        makes edges and blobs; or "any", half of the images each.
    """

    name: ClassVar[str] = "spectrum"
    version: ClassVar[int] = 2
    params_type: ClassVar[type[SpectrumParams]] = SpectrumParams

    palette: str = "any"
    marginals: str = "any"

    def __post_init__(self) -> None:
        one_of("marginals", self.marginals, MARGINALS)
        object.__setattr__(self, "palette", resolve(self.palette))

    def sample_params(self, rng: np.random.Generator) -> SpectrumParams:
        """Draw the slopes, the phases, the colours and the marginals."""
        across = rounded(rng.uniform(0.8, 2.2))
        along = across if rng.random() < 0.5 else rounded(rng.uniform(0.8, 2.2))
        uses_palette = self.palette != "any" or rng.random() < _PALETTE_SHARE
        light, blue_red, green = rng.uniform((0.8, 0.1, 0.05), (1.3, 0.9, 0.5)).tolist()
        drawn = SpectrumParams(
            across=across,
            along=along,
            stream=int(rng.integers(2**62)),
            spread=(rounded(light), rounded(blue_red), rounded(green)),
            mean=(
                rounded(rng.uniform(-0.25, 0.25)),
                rounded(rng.uniform(-0.3, 0.3)),
                rounded(rng.uniform(-0.15, 0.15)),
            ),
            colors=choose(self.palette, rng).colors if uses_palette else (),
        )
        if self.marginals == "any":
            sparse = rng.random() < _SPARSE_SHARE
        else:
            sparse = self.marginals == "sparse"
        return replace(drawn, marginals=_draw_marginals(rng)) if sparse else drawn

    def accepts(self, params: SpectrumParams) -> bool:
        """Refuse what looks like a blurred image, as nothing has a high frequency."""
        return min(params.across, params.along) <= _MAX_POWER

    def render(self, params: SpectrumParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        fields = _fields(params, size)
        exposure = _exposure(params)
        if params.colors:
            colors = srgb_gradient(params.colors, _N_COLORS)
            values = (fields[0] - exposure[0, 0]) * exposure[0, 1] + np.float32(1.0)
            places = np.clip(values * np.float32(0.5 * (_N_COLORS - 1)), 0, _N_COLORS - 1)
            image: NDArray[np.uint8] = colors[places.astype(np.int32)]
            return image
        rgb = np.empty((size, size, 3), np.uint8)
        opponents_to_rgb(fields, exposure, rgb)
        return rgb


def _draw_marginals(rng: np.random.Generator) -> tuple[tuple[Band, Band, Band], ...]:
    mean_power = rng.uniform(1.9, 3.4)

    def band() -> Band:
        return rounded(mean_power + rng.uniform(-0.4, 0.4)), log_uniform(rng, 0.8, 2.6)

    return tuple((band(), band(), band()) for _ in range(_N_LEVELS))


def _fields(params: SpectrumParams, size: int) -> NDArray[np.float32]:
    """Draw the fields of noise, float32 (3, size, size), or (1, size, size) for a palette."""
    side = min(_MAX_SIDE, 1 << (size - 1).bit_length())
    n_pairs = 1 if params.colors else 2
    pairs = np.empty((n_pairs, 2, side, side), np.float32)
    for number, pair in enumerate(pairs):
        stream = np.uint64(2 * params.stream + number)
        spectral_noise(stream, np.float32(params.across), np.float32(params.along), pair)
    fields = pairs.reshape(2 * n_pairs, side, side)[: 1 if params.colors else 3]
    if params.marginals:
        marginals = np.array(params.marginals, np.float32)
        for field in fields:
            reshape_marginals(field, _COARSEST, marginals)
    return fields if side == size else _resized(_resized(fields, size, 1), size, 2)


def _resized(fields: NDArray[np.float32], size: int, axis: int) -> NDArray[np.float32]:
    """Interpolate linearly along an axis; the ends repeat."""
    side = fields.shape[axis]
    places = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(side / size)
    places = np.clip(places - np.float32(0.5), 0, side - 1)
    low = places.astype(np.int64)
    weights = (places - low).reshape((-1, 1) if axis == 1 else (1, -1))
    before = fields.take(low, axis)
    step = fields.take(np.minimum(low + 1, side - 1), axis) - before
    return np.ascontiguousarray(before + step * weights)


@lru_cache(maxsize=32)
def _exposure(params: SpectrumParams) -> NDArray[np.float32]:
    """Return each field's middle, gain and mean, measured on a small probe."""
    fields = _fields(params, _PROBE_SIZE)
    n = len(fields)
    return exposure_of(fields, params.spread[:n], params.mean[:n])
