import io

import numpy as np
import pytest
from PIL import Image

from fractalgen.files.atomic import remove_leftovers, write_atomically
from fractalgen.images.encoding import encode
from tests.mixing_set.small_sets import names_in

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize("file_format", ["png", "webp"])
def test_png_and_webp_lose_nothing(file_format):
    with Image.open(io.BytesIO(encode(RGB, file_format))) as image:
        assert image.format.lower() == file_format
        assert np.array_equal(np.asarray(image), RGB)


def test_jpeg_keeps_the_colour_of_every_pixel_column():
    """With chroma at half resolution, red and blue columns would become purple."""
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 255
    with Image.open(io.BytesIO(encode(stripes, "jpeg"))) as image:
        assert np.abs(np.asarray(image).astype(int) - stripes).max() < 40
        assert image.layer[0][1:3] == image.layer[1][1:3] == (1, 1)


def test_the_folder_is_made_and_an_old_file_replaced(tmp_path):
    path = tmp_path / "ifs" / "000000.jpg"
    write_atomically(path, b"old")
    write_atomically(path, b"new", durable=True)
    assert path.read_bytes() == b"new"
    assert names_in(path.parent) == ["000000.jpg"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.jpg"
    path.mkdir()
    with pytest.raises(OSError, match="directory") as caught:
        write_atomically(path, b"data")
    assert caught.value.filename == str(path)
    assert names_in(tmp_path) == ["a.jpg"]


def test_what_a_crash_left_does_not_stand_in_the_way(tmp_path):
    (tmp_path / ".fractalgen-a.png.part").write_bytes(b"half a pic")
    write_atomically(tmp_path / "a.png", b"data")
    assert (tmp_path / "a.png").read_bytes() == b"data"
    assert names_in(tmp_path) == ["a.png"]


def test_a_link_is_replaced_and_not_followed(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_bytes(b"keep me")
    (tmp_path / "a.jpg").symlink_to(outside)
    write_atomically(tmp_path / "a.jpg", b"data")
    assert outside.read_bytes() == b"keep me"
    assert not (tmp_path / "a.jpg").is_symlink()


def test_only_our_leftovers_are_removed(tmp_path):
    for name in (".fractalgen-000000.jpg.part", ".hidden", "a.part", "a.jpg"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert names_in(tmp_path) == [".hidden", "a.jpg", "a.part"]
