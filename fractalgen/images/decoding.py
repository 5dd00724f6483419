"""Read image files of any kind as 8-bit RGB, or say why that is not possible."""

import contextlib
import hashlib
import io
import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, ImageOps

from fractalgen.errors import ImageError
from fractalgen.files.regular_file import open_regular

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "Box",
    "check_hash",
    "looks_like_image",
    "part_of",
    "read_image_file",
    "read_square",
    "square",
    "to_rgb",
    "to_rgb_image",
]

T = TypeVar("T")

Box = tuple[int, int, int, int]
"""The left, top, right and bottom edges of a part of an image, in pixels."""

MAX_BYTES = 256 << 20
"""A longer file is refused before it is read."""

MAX_PIXELS = 100_000_000
"""An image of more pixels is refused before it is decoded."""

_KINDS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "JPEG2000", "AVIF")

_EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
_ORIENTATION_TAG = 0x0112
# Orientations in which a file's image lies on its side, begins at its right, and at its bottom.
_ON_SIDE, _FROM_RIGHT, _FROM_BOTTOM = (5, 6, 7, 8), (2, 3, 7, 8), (3, 4, 6, 7)
_MAX_WARNINGS = 100  # of one image
_SPARE = 2  # a JPEG is decoded at least at this many times the requested size


def read_image_file(path: Path, sha256: str | None = None) -> bytes:
    """Read an image's file.

    Raises ImageError, with the reason, if it cannot be read, is not a file, is too large, or does
    not have the hash `sha256`.
    """
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise ImageError(f"larger than {MAX_BYTES >> 20} MiB")
            data = file.read()
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from None
    check_hash(data, sha256)
    return data


def check_hash(data: bytes, sha256: str | None) -> None:
    """Raise ImageError if an image file's contents do not have the hash `sha256`."""
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise ImageError("it differs from the manifest's record; run 'fractalgen verify'")


def read_square(path: Path, size: int, sha256: str | None = None) -> NDArray[np.uint8]:
    """Read an image's file and return its centre; see `read_image_file` and `square`."""
    return square(read_image_file(path, sha256), size)


def _opened(data: bytes, kinds: Iterable[str] = _KINDS) -> ImageFile.ImageFile:
    """Read an image's header like `PIL.Image.open`, but without a limit on the size.

    Pillow's own limit on the size holds for the whole process, as do the filters of the warning
    that it gives. Neither is touched here: check the size, then decode. Formats that this Pillow
    cannot read are passed over.
    """
    Image.init()
    for kind in kinds:
        if kind not in Image.OPEN:
            continue
        factory, accept = Image.OPEN[kind]
        try:
            accepted = accept is None or accept(data[:16])
            if accepted and not isinstance(accepted, str):  # a string names a missing library
                return factory(io.BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error):  # Pillow's sign for "not mine"
            continue
    raise ImageError("not an image, or its header is damaged")


def looks_like_image(head: bytes) -> bool:
    """Whether a file that begins with these bytes may be an image; text never is.

    Only the signature is compared, of the kinds of images that have one.
    """
    if len(head) < 16:
        return False
    Image.init()
    accepts = [Image.OPEN[kind][1] for kind in _KINDS if kind in Image.OPEN]
    return any(accept is not None and bool(accept(head[:16])) for accept in accepts)


def to_rgb(data: bytes) -> tuple[NDArray[np.uint8], str | None]:
    """Decode an image file's contents.

    Grey, palette, CMYK and 16-bit images are converted. The embedded profile of a CMYK image is
    used, transparent parts are laid over black, and the orientation that a camera noted is applied.

    Returns
    -------
    rgb : ndarray of uint8, shape (height, width, 3)
        RGB.
    extension : str or None
        ``"jpg"``, ``"png"`` or ``"webp"`` if the file is an 8-bit RGB image of that kind that
        every reader shows as `rgb`, so it can be copied unchanged; otherwise None.

    Raises
    ------
    ImageError
        If the file is damaged, not an image, an animation, or too large.
    """
    image, extension = _despite_warnings(lambda: _decoded(data))
    return np.array(image), extension


def to_rgb_image(data: bytes) -> Image.Image:
    """Decode an image file's contents as `to_rgb` does, without a copy into an array."""
    return _despite_warnings(lambda: _decoded(data))[0]


def _despite_warnings(decode: Callable[[], T]) -> T:
    """Call what decodes an image until no warning from Pillow ends it.

    Warnings do that if the user's filters turn them into errors. Odd metadata is not a reason to
    leave an image out, and a library should not touch filters, which belong to the whole process.
    But each module keeps a registry of the warnings that it has given, to give them only once: the
    warning that ended the call is noted there.
    """
    for _ in range(_MAX_WARNINGS):
        try:
            return decode()
        except Warning as warning:  # noqa: PERF203 - hardly ever, and then a few times
            _note_as_given(warning)
            reason = str(warning)
    raise ImageError(f"damaged ({reason})")


def _note_as_given(warning: Warning) -> None:
    """Note a warning in the registries of the modules that it passed through."""
    trace = warning.__traceback__
    while trace is not None:
        registry = trace.tb_frame.f_globals.get("__warningregistry__")
        if registry is not None:
            registry[str(warning), type(warning), trace.tb_lineno] = True
        trace = trace.tb_next


def _decoded(data: bytes) -> tuple[Image.Image, str | None]:
    try:
        with _opened(data) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ImageError(f"{width} x {height} pixels are more than {MAX_PIXELS:,}")
            if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
                raise ImageError(f"it has {image.n_frames} frames or pages")
            # Pillow returns the upper 8 of 16 bits per channel, and only this reveals it.
            deep = any(";16" in str(tile) for tile in getattr(image, "tile", ()))
            image.load()
            rgb, extension = _flat(image)
            return rgb, None if deep else extension
    except (ImageError, Warning):
        raise
    except MemoryError:
        raise ImageError("not enough memory to decode it") from None
    except Exception as error:  # decoders raise anything when a file is damaged
        reason = str(error).strip() or type(error).__name__
        raise ImageError(f"damaged ({reason})") from None


def _flat(image: Image.Image) -> tuple[Image.Image, str | None]:
    turned = image.getexif().get(_ORIENTATION_TAG, 1) not in (0, 1)
    plain = image.mode == "RGB" and not image.has_transparency_data and not turned
    extension = _EXTENSIONS.get(image.format or "") if plain else None
    upright = ImageOps.exif_transpose(image) if turned else image
    if upright.mode.startswith("I"):
        return Image.fromarray(_from_deep_grey(upright)), None
    if upright.mode == "F":
        raise ImageError("its pixels are floating-point numbers of unknown range")
    if upright.mode == "CMYK":
        upright = _from_cmyk(upright, image.info.get("icc_profile"))
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        upright = Image.new("RGBA", layer.size, (0, 0, 0, 255))
        upright.alpha_composite(layer)
    return upright if upright.mode == "RGB" else upright.convert("RGB"), extension


def _from_deep_grey(image: Image.Image) -> NDArray[np.uint8]:
    """Scale 16-bit grey to 8 bits, rounding; 65535 becomes 255."""
    levels = np.asarray(image).astype(np.int64)
    if levels.min() < 0 or levels.max() > 65535:
        raise ImageError("its grey levels do not fit 16 bits")
    grey = ((levels + 128) // 257).astype(np.uint8)
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)


def _from_cmyk(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert by the embedded profile if it can be used, by the plain formula otherwise."""
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
            if converted is not None:
                return converted
    return image.convert("RGB")


def square(data: bytes, size: int) -> NDArray[np.uint8]:
    """Decode an image file's contents, resize its shorter side to `size`, and keep the centre.

    The filter is Pillow's bicubic, which averages when it reduces. A JPEG is decoded at the
    smallest scale that leaves twice `size`. That differs from decoding all of it by about a third
    of a grey level, and takes half the time. Raises ImageError as `to_rgb` does.
    """
    found = _despite_warnings(lambda: _square_of_jpeg(data, size))
    if found is None:
        image = to_rgb_image(data)
        found = _resized_centre(image, *image.size, size)
    return np.asarray(found)


def _resized_centre(image: Image.Image, width: float, height: float, size: int) -> Image.Image:
    """Resize only the centre, which is a small part of a long strip."""
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BICUBIC, box)


def _square_of_jpeg(data: bytes, size: int) -> Image.Image | None:
    """Decode a plain JPEG at a fraction of its scale; return None for anything else."""

    def decode(image: ImageFile.ImageFile) -> Image.Image:
        # The last pixels reach beyond the image if the scale does not divide its sides.
        scaled = image.draft(None, (_SPARE * size, _SPARE * size))
        _, (_, _, inner_width, inner_height) = scaled or ("", (0, 0, *image.size))
        found = _resized_centre(image, inner_width, inner_height, size)
        return ImageOps.exif_transpose(found)

    return _from_plain_jpeg(data, decode)


def _from_plain_jpeg(
    data: bytes, decode: Callable[[ImageFile.ImageFile], Image.Image]
) -> Image.Image | None:
    """Return as RGB what is decoded from a plain JPEG; None for anything else.

    If that fails, `to_rgb` explains what is wrong with the file.
    """
    if not data.startswith(b"\xff\xd8"):
        return None
    try:
        with _opened(data, ["JPEG"]) as image:
            width, height = image.size
            if image.mode not in ("RGB", "L") or width * height > MAX_PIXELS:
                return None
            found = decode(image)
            return found if found.mode == "RGB" else found.convert("RGB")
    except Warning:
        raise
    except Exception:  # decoders raise anything when a file is damaged
        return None


def _as_stored(box: Box, width: int, height: int, orientation: int) -> Box:
    """Return where a part of the upright image lies in the file's, of this width and height."""
    left, top, right, bottom = box
    if orientation in _ON_SIDE:
        left, top, right, bottom = top, left, bottom, right
    if orientation in _FROM_RIGHT:
        left, right = width - right, width - left
    if orientation in _FROM_BOTTOM:
        top, bottom = height - bottom, height - top
    return left, top, right, bottom


def part_of(data: bytes, choose: Callable[[int, int], Box], size: int) -> Image.Image:
    """Decode the part of an image that will be resized to `size`, as RGB.

    `choose` returns the part for a width and height; it may be called again. A JPEG is decoded at
    the smallest scale that leaves the part twice `size`, which changes the resized part by one to
    two grey levels on average. Raises ImageError as `to_rgb` does.
    """

    def decode(image: ImageFile.ImageFile) -> Image.Image:
        width, height = image.size
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
        box = choose(height, width) if orientation in _ON_SIDE else choose(width, height)
        spare = max(1, min(box[2] - box[0], box[3] - box[1]) // (_SPARE * size))
        scaled = image.draft(None, (width // spare, height // spare)) if spare > 1 else None
        scale = width / scaled[1][2] if scaled else 1
        # Cropped, then turned: where the scale does not divide a side, its last pixel reaches
        # beyond the image, and would come first in one that is turned round.
        left, top, right, bottom = (
            round(edge / scale) for edge in _as_stored(box, width, height, orientation)
        )
        part = image.crop((left, top, right, bottom))
        return ImageOps.exif_transpose(part) if orientation not in (0, 1) else part

    found = _despite_warnings(lambda: _from_plain_jpeg(data, decode))
    if found is None:
        whole = to_rgb_image(data)
        found = whole.crop(choose(*whole.size))
    return found
