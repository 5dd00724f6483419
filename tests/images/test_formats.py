import io

import numpy as np
import pytest
from PIL import Image

from fractalgen.images.formats import encode

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
