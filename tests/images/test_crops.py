import io
import warnings

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from fractalgen.errors import ImageError
from fractalgen.images.crops import read_square, square
from fractalgen.images.decoding import MAX_BYTES, to_rgb
from tests.images.test_decoding import odd_metadata

BICUBIC = Image.Resampling.BICUBIC


def encoded(image, file_format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def photograph(width, height, seed=0):
    """Coloured blotches with some grain: as smooth as photographs are."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 8, 3), np.uint8)
    image = Image.fromarray(coarse).resize((width, height), BICUBIC)
    grain = rng.integers(-6, 7, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("side", [20, 36, 100, 256])
def test_a_square_image_is_what_pillow_makes_of_it(side):
    image = photograph(side, side)
    assert np.array_equal(square(encoded(image), 36), np.asarray(image.resize((36, 36), BICUBIC)))


@pytest.mark.parametrize(("width", "height"), [(144, 72), (72, 216)])
def test_the_shorter_side_is_brought_to_size_and_the_centre_is_kept(width, height):
    image = photograph(width, height)
    whole = np.asarray(image.resize((width // 2, height // 2), BICUBIC))
    top, left = (whole.shape[0] - 36) // 2, (whole.shape[1] - 36) // 2
    assert np.array_equal(square(encoded(image), 36), whole[top : top + 36, left : left + 36])


def test_the_centre_of_a_long_strip_is_enlarged():
    strip = np.zeros((1, 9001, 3), np.uint8)
    strip[:, 4490:4511] = (10, 200, 30)
    assert (square(encoded(Image.fromarray(strip)), 36) == (10, 200, 30)).all()


@pytest.mark.parametrize("side", [36, 71, 72, 256, 700])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_is_close_to_the_whole_of_it_resized(side, mode):
    data = encoded(photograph(side, side + 40).convert(mode), "JPEG", quality=95)
    whole = Image.open(io.BytesIO(data)).convert("RGB")
    box = (0, 20, side, side + 20)
    difference = square(data, 36).astype(int) - np.asarray(whole.resize((36, 36), BICUBIC, box))
    assert np.abs(difference).mean() < 0.6
    assert np.abs(difference).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_cameras_orientation_is_applied_to_a_jpeg(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = photograph(150, 90).filter(ImageFilter.GaussianBlur(2))
    data = encoded(image, "JPEG", quality=95, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    width, height = upright.size
    left, top = (width - 90) // 2, (height - 90) // 2
    expected = upright.resize((36, 36), BICUBIC, (left, top, left + 90, top + 90))
    assert np.abs(square(data, 36).astype(int) - np.asarray(expected)).max() <= 4


@pytest.mark.parametrize(
    "data",
    [
        encoded(photograph(80, 80).convert("CMYK"), "JPEG"),
        encoded(photograph(80, 80).convert("RGBA").rotate(30), "PNG"),
        encoded(photograph(80, 80).quantize(16), "PNG"),
        encoded(Image.fromarray(np.arange(6400, dtype=np.uint16).reshape(80, 80) * 10), "TIFF"),
        encoded(photograph(80, 80), "WEBP", lossless=True),
        encoded(photograph(80, 80), "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))]),
    ],
    ids=["cmyk", "transparent", "palette", "16-bit", "webp", "mpo"],
)
def test_other_kinds_are_converted_before_they_are_resized(data):
    rgb, _ = to_rgb(data)
    expected = np.asarray(Image.fromarray(rgb).resize((36, 36), BICUBIC))
    assert np.abs(square(data, 36).astype(int) - expected).max() <= 4


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not an image"),
        (b"\xff\xd8\xff\xe0 and no more", "not an image|damaged"),
        (encoded(photograph(200, 200), "JPEG")[:-2000], "damaged"),
        (encoded(photograph(200, 200))[:-2000], "damaged"),
    ],
    ids=["empty", "only a jpeg's first bytes", "truncated jpeg", "truncated png"],
)
def test_a_damaged_image_is_refused_with_a_reason(data, reason):
    with pytest.raises(ImageError, match=reason):
        square(data, 36)


def test_a_file_of_another_hash_is_refused(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(photograph(40, 40)))
    with pytest.raises(ImageError, match="differs from its record"):
        read_square(path, 36, "0" * 64)


def test_a_file_of_hundreds_of_megabytes_is_not_read(tmp_path):
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ImageError, match="larger than 256 MiB"):
        read_square(path, 36)


def test_what_is_no_file_is_refused_without_waiting(tmp_path):
    with pytest.raises(ImageError, match="No such file"):
        read_square(tmp_path / "none.png", 36)
    os = pytest.importorskip("posix")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="it is a pipe, not a file"):
        read_square(tmp_path / "pipe.png", 36)


def test_the_users_filters_decide_no_pixel():
    data = odd_metadata(photograph(400, 300))
    found = []
    for action in ("ignore", "error"):
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            found.append(square(data, 24))
    assert np.array_equal(*found)
    whole = Image.fromarray(to_rgb(data)[0]).resize((24, 24), BICUBIC, (50, 0, 350, 300))
    assert not np.array_equal(found[0], np.asarray(whole))  # which is what a JPEG is spared
