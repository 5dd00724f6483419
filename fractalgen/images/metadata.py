"""Remove metadata from image files without decoding their pixels."""

from collections.abc import Iterator

__all__ = ["without_metadata"]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_WEBP_KEPT = {b"VP8 ", b"VP8L"}
_JPEG_JFIF, _JPEG_ADOBE, _JPEG_COMMENT, _JPEG_SCAN = 0xE0, 0xEE, 0xFE, 0xDA


def without_metadata(data: bytes, extension: str) -> bytes | None:
    """Return an 8-bit RGB image file with its pixels and nothing else.

    Exif (with places, times and names), XMP, comments, texts, colour profiles, thumbnails, and
    what follows the image are left out; readers that ignore profiles see the same pixels.

    Parameters
    ----------
    data : bytes
        A sound file, opaque and upright, with one frame.
    extension : str
        ``"jpg"``, ``"png"`` or ``"webp"``.

    Returns
    -------
    bytes or None
        None if the file is laid out in a way that is not known here.
    """
    try:
        return b"".join({"jpg": _jpeg, "png": _png, "webp": _webp}[extension](data))
    except (ValueError, IndexError):
        return None


def _jpeg(data: bytes) -> Iterator[bytes]:
    """Keep all segments but APP1 to APP13, APP15 and comments, and scans up to the end mark."""
    yield data[:2]
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0xD9:
            yield data[at : at + 2]
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        kept = not (0xE0 <= marker <= 0xEF or marker == _JPEG_COMMENT)
        jfif = marker == _JPEG_JFIF and data[at + 4 : at + 9] == b"JFIF\0"
        adobe = marker == _JPEG_ADOBE and data[at + 4 : at + 9] == b"Adobe"
        if marker == _JPEG_SCAN:
            end = _end_of_scan(data, end)
        if kept or jfif or adobe:
            yield data[at:end]
        at = end


def _end_of_scan(data: bytes, at: int) -> int:
    """Return where the next marker after a scan's data is, apart from restart marks."""
    while True:
        at = data.index(b"\xff", at)
        if data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7:
            at += 2
        elif data[at + 1] == 0xFF:
            at += 1
        else:
            return at


def _png(data: bytes) -> Iterator[bytes]:
    yield _PNG_SIGNATURE
    at = len(_PNG_SIGNATURE)
    while True:
        kind = data[at + 4 : at + 8]
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            raise ValueError("cut off")
        if kind in _PNG_KEPT:
            yield data[at:end]
        if kind == b"IEND":
            return
        at = end


def _webp(data: bytes) -> Iterator[bytes]:
    """Keep the one chunk of pixels, which makes the simple layout."""
    at, pixels = 12, b""
    while at < len(data) and not pixels:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        if data[at : at + 4] in _WEBP_KEPT:
            pixels = data[at:end]
        at = end
    if not pixels:
        raise ValueError("no pixels")
    yield b"RIFF" + (len(pixels) + 4).to_bytes(4, "little") + b"WEBP" + pixels
