"""Turn a picture of the user's own into 8-bit RGB, or say why it cannot be."""

import contextlib
import functools
import io
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

__all__ = ["MAX_PIXELS", "SUFFIXES", "UnusableError", "guarded", "to_rgb"]

MAX_PIXELS = 100_000_000
"""A picture of more pixels is refused before it is decoded."""

_KINDS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "JPEG2000", "AVIF")
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"}
    | {".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".j2k", ".avif"}
)
"""Ends of the names of files that are taken for pictures, in lower case."""

_EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
_ORIENTATION_TAG = 0x0112


class UnusableError(Exception):
    """A picture that cannot be used; the message is the reason, to follow its name."""


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Keep Pillow from warning of what is handled here. For the whole process: enter it once."""
    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def to_rgb(data: bytes) -> tuple[NDArray[np.uint8], str | None]:
    """Decode a picture.

    Grey, palette, CMYK and 16-bit pictures are converted, an embedded profile of a CMYK picture
    is used, transparent parts are laid over black, and the orientation that a camera noted is
    applied.

    Parameters
    ----------
    data : bytes
        The file.

    Returns
    -------
    rgb : ndarray of uint8, shape (height, width, 3)
        RGB.
    extension : str or None
        ``"jpg"``, ``"png"`` or ``"webp"`` if the file is an 8-bit RGB picture of that kind that
        every reader shows as `rgb`, so that it can be kept as it is; otherwise None.

    Raises
    ------
    UnusableError
        If the file is damaged, not a picture, an animation, or too large.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_kinds()) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise UnusableError(f"{width} x {height} pixels are more than {MAX_PIXELS:,}")
            if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
                raise UnusableError(f"it has {image.n_frames} frames or pages")
            # Of 16 bits a channel Pillow gives the upper 8, and only this tells.
            deep = any(";16" in str(tile) for tile in getattr(image, "tile", ()))
            image.load()
            rgb, extension = _flat(image)
            return rgb, None if deep else extension
    except UnusableError:
        raise
    except UnidentifiedImageError:
        raise UnusableError("not a picture, or damaged at its beginning") from None
    except Image.DecompressionBombError:
        raise UnusableError(f"it has more than {MAX_PIXELS:,} pixels") from None
    except MemoryError:
        raise UnusableError("not enough memory to decode it") from None
    except Exception as error:  # decoders raise anything when a file is damaged
        reason = str(error).strip() or type(error).__name__
        raise UnusableError(f"damaged ({reason})") from None


def _flat(image: Image.Image) -> tuple[NDArray[np.uint8], str | None]:
    turned = image.getexif().get(_ORIENTATION_TAG, 1) not in (0, 1)
    plain = image.mode == "RGB" and not image.has_transparency_data and not turned
    extension = _EXTENSIONS.get(image.format or "") if plain else None
    upright = ImageOps.exif_transpose(image) if turned else image
    if upright.mode.startswith("I"):
        return _from_deep_grey(upright), None
    if upright.mode == "F":
        raise UnusableError("its pixels are floating-point numbers of unknown range")
    if upright.mode == "CMYK":
        upright = _from_cmyk(upright, image.info.get("icc_profile"))
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        upright = Image.new("RGBA", layer.size, (0, 0, 0, 255))
        upright.alpha_composite(layer)
    return np.array(upright.convert("RGB")), extension


@functools.cache
def _kinds() -> list[str]:
    """Return those of the kinds that this Pillow can read."""
    Image.init()
    return [kind for kind in _KINDS if kind in Image.OPEN]


def _from_deep_grey(image: Image.Image) -> NDArray[np.uint8]:
    """Scale 16-bit grey to 8 bits, rounding; 65535 becomes 255."""
    levels = np.asarray(image).astype(np.int64)
    if levels.min() < 0 or levels.max() > 65535:
        raise UnusableError("its grey levels do not fit 16 bits")
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
