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
    "ORIENTATION_TAG",
    "check_hash",
    "despite_warnings",
    "looks_like_image",
    "opened",
    "read_image_file",
    "to_rgb",
    "to_rgb_image",
]

T = TypeVar("T")

MAX_BYTES = 256 << 20
"""A longer file is refused before it is read."""

MAX_PIXELS = 100_000_000
"""An image of more pixels is refused before it is decoded."""

_KINDS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "JPEG2000", "AVIF")

_EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
ORIENTATION_TAG = 0x0112
_MAX_WARNINGS = 100  # of one image


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
        raise ImageError("it differs from its record; run 'fractalgen verify'")


def opened(data: bytes, kinds: Iterable[str] = _KINDS) -> ImageFile.ImageFile:
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
    image, extension = despite_warnings(lambda: _decoded(data))
    return np.array(image), extension


def to_rgb_image(data: bytes) -> Image.Image:
    """Decode an image file's contents as `to_rgb` does, without a copy into an array."""
    return despite_warnings(lambda: _decoded(data))[0]


def despite_warnings(decode: Callable[[], T]) -> T:
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
        with opened(data) as image:
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
    turned = image.getexif().get(ORIENTATION_TAG, 1) not in (0, 1)
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
