"""A page of images in columns, with headings, captions and arrows."""

import functools

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["COLUMNS", "GAP", "TILE", "WIDTH", "Page"]

WIDTH = 1400
COLUMNS = 5
TILE = 224
"""Pixels a side of each image on the page."""
GAP = 34
_MARGIN = (WIDTH - COLUMNS * TILE - (COLUMNS - 1) * GAP) // 2
_HEIGHT = 4000  # of the page while it is being drawn

_PAPER = (250, 249, 246)
_INK = (29, 29, 31)
_SOFT = (104, 104, 110)
_RULE = (222, 220, 214)
_ARROW = (140, 140, 146)
_FRAME = (255, 255, 255)
_FRAME_EDGE = (40, 40, 44)
_NORMAL, _SMALL = 20, 17  # sizes of captions


class Page:
    """A page that is filled from top to bottom."""

    def __init__(self) -> None:
        self.y = _MARGIN
        """Where the next thing goes, in pixels from the top."""
        self._image = Image.new("RGB", (WIDTH, _HEIGHT), _PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def finished(self) -> Image.Image:
        """Return the page, cropped to its contents."""
        return self._image.crop((0, 0, WIDTH, self.y + _MARGIN))

    def title(self, text: str, note: str) -> None:
        """Write the page's title and a line below it."""
        self.write(_MARGIN - 2, self.y, text, 44)
        self.write(_MARGIN, self.y + 62, note, 19, soft=True)
        self.y += 98

    def heading(self, text: str, note: str) -> None:
        """Open a section: a rule, its name, and a line below it."""
        self.y += 42
        self._draw.line((_MARGIN, self.y, WIDTH - _MARGIN - 1, self.y), _RULE, 2)
        self.write(_MARGIN, self.y + 26, text, 27)
        self.write(_MARGIN, self.y + 67, note, 19, soft=True)
        self.y += 122

    def image(
        self,
        column: int,
        y: int,
        pixels: NDArray[np.uint8],
        *lines: str,
        box: tuple[int, ...] | None = None,
    ) -> None:
        """Show an image with its upper edge at `y`, and a caption below it.

        `box` is a patch of the image to frame: top, left, height and width.
        """
        x = column_left(column)
        tile = Image.fromarray(pixels).resize((TILE, TILE), Image.Resampling.BOX)
        self._image.paste(tile, (x, y))
        if box is not None:
            top, left, height, width = (value * TILE / len(pixels) for value in box)
            corners = np.round((left + x, top + y, left + width + x, top + height + y)).astype(int)
            for distance, color in ((2, _FRAME_EDGE), (1, _FRAME)):
                outset = (-distance - 1, -distance - 1, distance, distance)
                self._draw.rectangle(tuple(corners + np.array(outset)), outline=color)
        self.caption(column, y + TILE + 12, *lines)

    def caption(self, column: int, y: int, *lines: str) -> None:
        """Write a dark line and grey ones below it, each trimmed to about an image's width."""
        for i, line in enumerate(lines):
            size = _SMALL if i else _NORMAL
            text = _cut(line, size, TILE + GAP // 2)
            self.write(column_left(column), y, text, size, soft=i > 0)
            y += 22 if i else 27

    def above(self, column: int, y: int, text: str, *, to_right: bool = False) -> None:
        """Write a line above an image at `y`, from its left edge or up to its right one."""
        x = column_left(column) + (TILE if to_right else 0)
        self.write(x, y - 11, text, _NORMAL, anchor="rs" if to_right else "ls")

    def write(
        self, x: int, y: int, text: str, size: int, *, soft: bool = False, anchor: str = "la"
    ) -> None:
        """Write a line of text; `anchor` is Pillow's."""
        self._draw.text((x, y), text, _SOFT if soft else _INK, _font(size), anchor)

    def label(self, x: int, y: int, text: str) -> None:
        """Write a label, centred on a drawn line, with a blank margin."""
        half = _font(_SMALL).getlength(text) / 2 + 14
        self._draw.rectangle((x - half, y - 12, x + half, y + 12), _PAPER)
        self.write(x, y, text, _SMALL, soft=True, anchor="mm")

    def arrow(self, *points: tuple[int, int]) -> None:
        """Draw an arrow through some points; the last segment points to the right."""
        x, y = points[-1]
        self._draw.line([*points[:-1], (x - 6, y)], _ARROW, 2, "curve")
        self._draw.polygon([(x, y), (x - 10, y - 6), (x - 10, y + 6)], _ARROW)

    def line(self, *points: tuple[int, int]) -> None:
        """Draw a line through some points."""
        self._draw.line(list(points), _ARROW, 2, "curve")


def column_left(column: int) -> int:
    """Return a column's left edge."""
    return _MARGIN + column * (TILE + GAP)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _cut(text: str, size: int, width: int) -> str:
    """Drop the start of a text that is too wide, because the end of a path says more."""
    if _font(size).getlength(text) <= width:
        return text
    while text and _font(size).getlength("..." + text) > width:
        text = text[1:]
    return "..." + text
