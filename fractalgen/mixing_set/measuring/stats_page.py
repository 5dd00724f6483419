"""A page of histograms of a folder's statistics."""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fractalgen.mixing_set.measuring.image_measures import MEASURES
from fractalgen.mixing_set.measuring.perceptual_hash import NEAR_DISTANCE
from fractalgen.mixing_set.measuring.stats import Stats

__all__ = ["histograms"]

_SCALE = 2  # the page is drawn larger and reduced, for smooth outlines
_WIDTH = 1400
_MARGIN = 72
_COLUMNS = 2
_GAP = 64
_PANEL = (_WIDTH - 2 * _MARGIN - _GAP) // _COLUMNS  # width
_PLOT = 200  # height
_BINS = 48
_MAX_TICKS = 8
_MAX_DISTANCE = 32  # on the axis of near duplicates

_PAPER = (250, 249, 246)
_INK = (29, 29, 31)
_SOFT = (104, 104, 110)
_RULE = (222, 220, 214)
# Okabe and Ito's colours, which colour-blind readers can tell apart, with yellow left out.
_COLORS = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (230, 159, 0),
)
_OTHERS = (140, 140, 146)
_FILL = 44  # opacity below an outline, of 255


class _Series(NamedTuple):
    """The values of one group, or of several that share a color."""

    name: str
    n_images: int
    color: tuple[int, int, int]
    values: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class _Panel:
    """A histogram's name in the series' values, its texts, its axis and its unit."""

    key: str
    title: str
    note: str
    axis: tuple[float, float]
    n_bins: int = _BINS
    percent: bool = False
    mark: float | None = None


def histograms(stats: Stats) -> Image.Image:
    """Draw a histogram of each measure, with one color per group.

    The axes are the same for every folder, so that two pages can be compared; they are widened
    where more than a few values lie beyond. The outermost bars include the values beyond the axis.
    If there are many groups, the largest have colors of their own.
    """
    series = _series(stats)
    panels = [
        _Panel(name, one.title, one.note, one.axis, percent=one.percent)
        for name, one in MEASURES.items()
    ]
    panels.append(
        _Panel(
            "nearest",
            "Near duplicates",
            "bits that differ from the most similar image's hash; near duplicates "
            f"({NEAR_DISTANCE} or fewer): {stats.total.near_duplicates:.2%}",
            (-1, _MAX_DISTANCE + 1),
            n_bins=_MAX_DISTANCE // 2 + 1,  # half the bits are 1, so that distances are even
            mark=NEAR_DISTANCE + 1,
        )
    )
    page = _Page()
    page.title(stats, series)
    top = page.y
    for place, panel in enumerate(panels):
        row, column = divmod(place, _COLUMNS)
        x = _MARGIN + column * (_PANEL + _GAP)
        page.panel(x, top + row * (_PLOT + 150), panel, series)
    page.y = top + math.ceil(len(panels) / _COLUMNS) * (_PLOT + 150) - 40
    return page.finished()


def _series(stats: Stats) -> list[_Series]:
    """Return the groups in the order of the table, with the smallest merged if there are many."""
    groups = [group for group in stats.groups if group.n_images]
    by_size = sorted(groups, key=lambda group: -group.n_images)
    shown = by_size if len(groups) <= len(_COLORS) else by_size[: len(_COLORS) - 1]
    series: list[_Series] = []
    rest: list[dict[str, NDArray[np.float64]]] = []
    for group in groups:
        values = {**group.values, "nearest": group.nearest.astype(np.float64)}
        if group in shown and len(series) < len(shown):
            series.append(_Series(group.name, group.n_images, _COLORS[len(series)], values))
        else:
            rest.append(values)
    if rest:
        values = {key: np.concatenate([one[key] for one in rest]) for key in rest[0]}
        name = f"{len(rest):,} other groups"
        series.append(_Series(name, len(values["nearest"]), _OTHERS, values))
    return series


class _Page:
    """A page that is drawn at twice its size. Coordinates are those of the finished page."""

    def __init__(self) -> None:
        self.y: int = _MARGIN
        self._image = Image.new("RGB", (_WIDTH * _SCALE, 1800 * _SCALE), _PAPER)
        self._draw = ImageDraw.Draw(self._image, "RGBA")

    def finished(self) -> Image.Image:
        """Return the page, cut below what is on it."""
        height = self.y + _MARGIN // 2
        page = self._image.crop((0, 0, _WIDTH * _SCALE, height * _SCALE))
        return page.resize((_WIDTH, height), Image.Resampling.BOX)

    def title(self, stats: Stats, series: list[_Series]) -> None:
        """Write what was measured, and the groups with their colors."""
        name = stats.folder if len(stats.folder) <= 48 else "..." + stats.folder[-45:]
        self._write(_MARGIN - 2, self.y, name, 38)
        n = stats.total.n_images
        note = f"{n:,} image{'' if n == 1 else 's'}"
        if stats.unreadable:
            note += f", {len(stats.unreadable):,} unreadable"
        note += "; heights are shares of a group's images, triangles are means"
        self._write(_MARGIN, self.y + 54, note, 19, soft=True)
        self.y += 100
        x: float = _MARGIN
        for one in series:
            label = one.name if len(one.name) <= 40 else one.name[:37] + "..."
            width = 26 + _font(19).getlength(label) / _SCALE
            count = f"{one.n_images:,}"
            width += 8 + _font(19).getlength(count) / _SCALE
            if x > _MARGIN and x + width > _WIDTH - _MARGIN:
                x = _MARGIN
                self.y += 32
            self._rectangle((x, self.y + 4, x + 16, self.y + 20), one.color)
            self._write(x + 26, self.y, label, 19)
            self._write(x + width, self.y, count, 19, soft=True, anchor="ra")
            x += width + 36
        self.y += 32 + 44

    def panel(self, x: float, y: float, panel: _Panel, series: list[_Series]) -> None:
        """Draw one measure's histograms, each scaled so that its bars add up to 1."""
        self._write(x, y, panel.title, 23)
        self._write(x, y + 33, panel.note, 15, soft=True)
        top, bottom = y + 66, y + 66 + _PLOT
        values = [one.values[panel.key] for one in series]
        values = [these[np.isfinite(these)] for these in values]
        low, high = _widened(panel, values)
        edges = np.linspace(low, high, panel.n_bins + 1)
        shares = [
            np.histogram(np.clip(these, low, high), edges)[0] / max(1, len(these))
            for these in values
        ]
        peak = max(max(float(bars.max()) for bars in shares), 1e-9)

        def across(value: float) -> float:
            return x + (value - low) / (high - low) * _PANEL

        for tick in _ticks(low, high):
            self._line([(across(tick), top), (across(tick), bottom)], _RULE, 1)
            text = f"{tick * 100:.0f}%" if panel.percent else f"{tick:.10g}"
            self._write(across(tick), bottom + 14, text, 15, soft=True, anchor="ma")
        if panel.mark is not None:
            self._line([(across(panel.mark), top), (across(panel.mark), bottom)], _INK, 1.5)
        for one, bars in reversed(list(zip(series, shares, strict=True))):
            outline = [(across(edges[0]), bottom)]
            for left, right, share in zip(edges[:-1], edges[1:], bars, strict=True):
                height = bottom - _PLOT * 0.96 * float(share) / peak
                outline += [(across(left), height), (across(right), height)]
            outline.append((across(edges[-1]), bottom))
            self._polygon(outline, (*one.color, _FILL))
            self._line(outline, one.color, 2)
        self._line([(x, bottom), (x + _PANEL, bottom)], _INK, 1.5)
        for one, these in reversed(list(zip(series, values, strict=True))):
            if len(these):
                mean = across(min(max(float(these.mean()), low), high))
                self._polygon(
                    [(mean, bottom + 1), (mean - 6, bottom + 12), (mean + 6, bottom + 12)],
                    one.color,
                )

    def _write(
        self, x: float, y: float, text: str, size: int, *, soft: bool = False, anchor: str = "la"
    ) -> None:
        place = (x * _SCALE, y * _SCALE)
        text = text.encode("utf-8", "replace").decode()  # file names may hold undecodable bytes
        self._draw.text(place, text, _SOFT if soft else _INK, _font(size), anchor)

    def _rectangle(self, box: tuple[float, ...], color: tuple[int, ...]) -> None:
        left, top, right, bottom = (value * _SCALE for value in box)
        self._draw.rectangle((left, top, right - 1, bottom - 1), color)

    def _line(
        self, points: list[tuple[float, float]], color: tuple[int, ...], width: float
    ) -> None:
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        self._draw.line(scaled, color, round(width * _SCALE), "curve")

    def _polygon(self, points: list[tuple[float, float]], color: tuple[int, ...]) -> None:
        self._draw.polygon([(x * _SCALE, y * _SCALE) for x, y in points], color)


def _widened(panel: _Panel, values: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Return the panel's axis, widened to the 99.5th percentile of values that lie beyond it."""
    low, high = panel.axis
    if panel.key == "nearest":
        return low, high
    known = np.concatenate(values)
    if len(known):
        least, greatest = np.percentile(known, (0.5, 99.5))
        step = (high - low) / 16
        low -= max(0, math.ceil((low - least) / step)) * step
        high += max(0, math.ceil((greatest - high) / step)) * step
    return low, high


def _ticks(low: float, high: float) -> Iterator[float]:
    """Yield round values between two, a step of 1, 2 or 5 times a power of 10 apart."""
    step = 10 ** math.floor(math.log10((high - low) / _MAX_TICKS))
    factor = next(f for f in (1, 2, 5, 10) if (high - low) / (f * step) <= _MAX_TICKS)
    for i in range(math.ceil(low / (factor * step)), math.floor(high / (factor * step)) + 1):
        yield i * factor * step


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * _SCALE)
