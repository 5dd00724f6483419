"""A page of images in columns, with headings, captions and arrows."""

import functools

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["COLUMNS", "GAP", "MARGIN", "TILE", "Page", "column_left"]

COLUMNS = 5
TILE = 224
"""Pixels a side of each image on the page."""
GAP = 34
MARGIN = 72
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
    """A page that is filled from top to bottom; without arguments, 1,400 pixels wide.

    Parameters
    ----------
    columns : int
        Number of images next to each other.
    tile, gap : int
        Side of an image and the space between two, in pixels.
    height : int
        What the contents can fill, in pixels.
    """

    def __init__(
        self, columns: int = COLUMNS, tile: int = TILE, gap: int = GAP, height: int = _HEIGHT
    ) -> None:
        self.y = MARGIN
        """Where the next thing goes, in pixels from the top."""
        self.width = 2 * MARGIN + columns * tile + (columns - 1) * gap
        self._tile, self._gap = tile, gap
        self._image = Image.new("RGB", (self.width, height), _PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def finished(self) -> Image.Image:
        """Return the page, cropped to its contents."""
        return self._image.crop((0, 0, self.width, self.y + MARGIN))

    def title(self, text: str, note: str) -> None:
        """Write the page's title and a line below it."""
        self.write(MARGIN - 2, self.y, text, 44)
        self.write(MARGIN, self.y + 62, note, 19, soft=True)
        self.y += 98

    def heading(self, text: str, note: str) -> None:
        """Open a section: a rule, its name, and a line below it."""
        self.y += 42
        self._draw.line((MARGIN, self.y, self.width - MARGIN - 1, self.y), _RULE, 2)
        self.write(MARGIN, self.y + 26, text, 27)
        self.write(MARGIN, self.y + 67, note, 19, soft=True)
        self.y += 122

    def row(self, name: str, note: str) -> None:
        """Open a row of images: its name, and a note beside it."""
        self.y += 16
        self.write(MARGIN, self.y, name, _NORMAL)
        beside = MARGIN + round(_font(_NORMAL).getlength(name)) + 16
        self.write(beside, self.y + 2, note, _SMALL, soft=True)
        self.y += 34

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
        x = column_left(column, self._tile, self._gap)
        tile = Image.fromarray(pixels).resize((self._tile, self._tile), Image.Resampling.BOX)
        self._image.paste(tile, (x, y))
        if box is not None:
            top, left, height, width = (value * self._tile / len(pixels) for value in box)
            corners = np.round((left + x, top + y, left + width + x, top + height + y)).astype(int)
            for distance, color in ((2, _FRAME_EDGE), (1, _FRAME)):
                outset = (-distance - 1, -distance - 1, distance, distance)
                self._draw.rectangle(tuple(corners + np.array(outset)), outline=color)
        self.caption(column, y + self._tile + 12, *lines)

    def caption(self, column: int, y: int, *lines: str) -> None:
        """Write a dark line and grey ones below it, each trimmed to about an image's width."""
        for i, line in enumerate(lines):
            size = _SMALL if i else _NORMAL
            text = _cut(line, size, self._tile + self._gap // 2)
            self.write(column_left(column, self._tile, self._gap), y, text, size, soft=i > 0)
            y += 22 if i else 27

    def above(self, column: int, y: int, text: str, *, to_right: bool = False) -> None:
        """Write a line above an image at `y`, from its left edge or up to its right one."""
        x = column_left(column, self._tile, self._gap) + (self._tile if to_right else 0)
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


def column_left(column: int, tile: int = TILE, gap: int = GAP) -> int:
    """Return a column's left edge."""
    return MARGIN + column * (tile + gap)


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
