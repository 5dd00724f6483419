import numpy as np
import pytest


def smooth_images(n, size, seed):
    """Images like photographs: smooth in places, with edges and some grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    out = np.empty((n, size, size, 3), np.uint8)
    for image in out:
        for channel in range(3):
            a, b, c, d = rng.uniform(-3, 3, 4)
            waves = np.sin(2 * np.pi * (a * x + b * y) + c) + np.sign(x - 0.5 + d * (y - 0.5))
            values = 128 + 50 * waves + rng.normal(0, 6, (size, size))
            image[..., channel] = np.clip(values, 0, 255)
    return out


@pytest.fixture(scope="package")
def bank():
    return smooth_images(12, 40, 1)


@pytest.fixture(scope="package")
def images():
    return smooth_images(24, 32, 2)
