import io
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from fractalgen.errors import ImageError
from fractalgen.images.decoding import MAX_PIXELS, to_rgb

RGB = np.zeros((4, 6, 3), np.uint8)
RGB[:, :3] = (200, 30, 60)
RGB[0, 0] = (255, 255, 255)


def encoded(image, file_format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def png_chunks(*chunks):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def png_16_bit(rgb):
    height, width, _ = rgb.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rgb)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return png_chunks((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


@pytest.mark.parametrize(
    ("file_format", "options", "extension"),
    [
        ("PNG", {}, "png"),
        ("WEBP", {"lossless": True}, "webp"),
        ("JPEG", {}, "jpg"),
        ("BMP", {}, None),
        ("TIFF", {}, None),
        ("PPM", {}, None),
    ],
)
def test_plain_rgb_stays_as_it_is_where_every_reader_knows_its_kind(
    file_format, options, extension
):
    rgb, found = to_rgb(encoded(Image.fromarray(RGB), file_format, **options))
    assert found == extension
    if file_format != "JPEG":
        assert np.array_equal(rgb, RGB)


def test_grey_becomes_three_equal_channels():
    grey = RGB[:, :, 0]
    rgb, extension = to_rgb(encoded(Image.fromarray(grey)))
    assert extension is None
    assert np.array_equal(rgb, np.stack([grey] * 3, axis=2))


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(file_format):
    levels = np.array([[0, 128, 129, 257, 40000, 65535]], np.uint16)
    rgb, extension = to_rgb(encoded(Image.fromarray(levels), file_format))
    assert extension is None
    assert rgb[0, :, 0].tolist() == [0, 0, 1, 1, 156, 255]
    assert np.array_equal(rgb[:, :, 0], rgb[:, :, 2])


def test_sixteen_bit_colour_is_not_kept_as_it_is():
    rgb, extension = to_rgb(png_16_bit(RGB.astype(np.uint16) * 257))
    assert extension is None
    assert np.array_equal(rgb, RGB)


def test_a_palette_is_resolved():
    rgb, extension = to_rgb(encoded(Image.fromarray(RGB).quantize(8)))
    assert extension is None
    assert np.abs(rgb.astype(int) - RGB).max() <= 2


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_black(mode):
    image = Image.new("RGBA", (4, 4), (200, 200, 200, 255))
    image.paste((200, 200, 200, 0), (0, 0, 2, 4))
    rgb, extension = to_rgb(encoded(image.convert(mode)))
    assert extension is None
    assert (rgb[:, :2] == 0).all()
    assert (rgb[:, 2:] == 200).all()


def test_half_transparent_is_half_as_light():
    rgb, _ = to_rgb(encoded(Image.new("RGBA", (2, 2), (200, 100, 50, 128))))
    assert np.abs(rgb[0, 0].astype(int) - (100, 50, 25)).max() <= 1


def test_a_transparent_colour_of_plain_rgb_becomes_black():
    data = encoded(Image.fromarray(RGB), transparency=(200, 30, 60))
    rgb, extension = to_rgb(data)
    assert extension is None
    assert (rgb[1] == 0).all()
    assert (rgb[0, 0] == 255).all()


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_cameras_orientation_is_applied(orientation):
    """The stored image is white in one corner; upright it lies where the tag's meaning says."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb, extension = to_rgb(encoded(Image.fromarray(RGB), exif=exif))
    assert extension is None
    corner = {2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}
    assert rgb.shape == ((4, 6, 3) if orientation < 5 else (6, 4, 3))
    assert (rgb[corner[orientation]] == 255).all()
    assert (rgb == 255).all(axis=2).sum() == 1


def test_cmyk_is_converted_as_ink_on_paper():
    ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    for file_format in ("JPEG", "TIFF"):
        rgb, extension = to_rgb(encoded(ink, file_format))
        assert extension is None
        assert np.abs(rgb[4, 4].astype(int) - (255, 0, 0)).max() <= 4


def test_an_unusable_profile_does_not_stop_a_cmyk_image():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for data in (profile, b"nonsense"):
        ink = Image.new("CMYK", (8, 8), (0, 0, 0, 255))
        rgb, _ = to_rgb(encoded(ink, "TIFF", icc_profile=data))
        assert rgb.max() <= 4


def test_a_second_view_in_a_phones_jpeg_is_no_animation():
    first = Image.fromarray(RGB)
    data = encoded(first, "MPO", save_all=True, append_images=[first.rotate(180)])
    rgb, extension = to_rgb(data)
    assert rgb.shape == RGB.shape
    assert extension is None


def huge_png():
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return png_chunks((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))


def large_png():
    side = int(MAX_PIXELS**0.5) + 1
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return png_chunks((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))


def animation(file_format):
    frames = [Image.fromarray(np.roll(RGB, i, axis=1)) for i in range(3)]
    return encoded(frames[0], file_format, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an image"),
        (b"hello" * 100, "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (encoded(Image.effect_noise((64, 64), 50).convert("RGB"), "JPEG")[:-400], "damaged"),
        (encoded(Image.effect_noise((64, 64), 50).convert("RGB"))[:-400], "damaged"),
        (encoded(Image.fromarray(RGB)).replace(b"IDAT", b"IDAX"), "damaged"),
        (huge_png(), "more than"),
        (large_png(), "more than"),
        (animation("GIF"), "3 frames"),
        (animation("PNG"), "3 frames"),
        (animation("WEBP"), "3 frames"),
        (animation("TIFF"), "3 frames or pages"),
        (encoded(Image.new("F", (4, 4)), "TIFF"), "floating-point"),
        (encoded(Image.fromarray(np.full((4, 4), 2**20, np.int32)), "TIFF"), "16 bits"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused_with_a_reason(data, message):
    with pytest.raises(ImageError, match=message):
        to_rgb(data)


def test_what_pillow_limits_is_not_the_limit(monkeypatch):
    """The process's own limit stays the user's, and decides nothing here."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    assert np.array_equal(to_rgb(encoded(Image.fromarray(RGB)))[0], RGB)
    assert Image.MAX_IMAGE_PIXELS == 5


def odd_metadata(image=None):
    """A camera's block that ends too early: Pillow warns of it, and the pixels are sound."""
    image = image or Image.fromarray(RGB)
    exif = Image.Exif()
    exif[0x010E] = "a description that is long enough to lie outside of its entry"
    block = exif.tobytes()[:-50]
    return encoded(image, "JPEG", exif=block, quality=95, subsampling="4:4:4")


def test_pillow_has_something_to_say_of_odd_metadata():
    data = io.BytesIO(odd_metadata())
    with pytest.warns(UserWarning, match=r"(?i)data"), Image.open(data) as image:
        image.getexif()


@pytest.mark.parametrize("action", ["error", "always", "ignore"])
def test_the_users_filters_decide_nothing(action):
    plain = to_rgb(encoded(Image.fromarray(RGB), "JPEG", quality=95, subsampling="4:4:4"))
    with warnings.catch_warnings(record=True):
        warnings.simplefilter(action)
        before = list(warnings.filters)
        rgb, extension = to_rgb(odd_metadata())
        with pytest.raises(ImageError, match="more than"):
            to_rgb(large_png())
        assert warnings.filters == before
    assert np.array_equal(rgb, plain[0])
    assert extension == "jpg"


def test_two_at_once_leave_the_process_as_it_was():
    """Each ends while the other is under way, whatever the order."""
    before = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    during = []
    noise = Image.effect_noise((600, 600), 50)
    data = [encoded(noise), encoded(noise.convert("RGB"), "JPEG"), odd_metadata()] * 4
    begin = threading.Barrier(3)

    def work(mine):
        begin.wait()
        for one in mine:
            to_rgb(one)
            during.append((Image.MAX_IMAGE_PIXELS, list(warnings.filters)))
            with pytest.raises(ImageError, match="more than"):
                to_rgb(huge_png())

    threads = [threading.Thread(target=work, args=(data[i:],)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(during) == 12 + 11 + 10
    assert all(seen == before for seen in during)
    assert (Image.MAX_IMAGE_PIXELS, list(warnings.filters)) == before
