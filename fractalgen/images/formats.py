"""The formats of image files: their names and limits. Importing this loads nothing else."""

__all__ = ["FORMATS", "MAX_SIDES", "SUFFIXES"]

FORMATS = {"jpeg": "jpg", "png": "png", "webp": "webp"}
"""The images' formats and the ends of their files' names."""

MAX_SIDES = {"jpeg": 65_500, "webp": 16_383}
"""Pixels a side that a format can hold."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"}
    | {".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".j2k", ".avif"}
)
"""Ends of the names of files that are taken for images, in lower case."""
