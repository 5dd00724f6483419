import math

import numpy as np
from PIL import Image

from fractalgen.mixing_set.measuring.perceptual_hash import nearest_distances, perceptual_hash
from tests.mixing_set.measuring.test_image_measures import noise, plain


def test_the_hash_against_a_plain_dct():
    image = np.random.default_rng(2).integers(0, 256, (32, 32, 3), np.uint8)
    luma = np.asarray(Image.fromarray(image).convert("L")).astype(float)  # of 32 pixels a side
    steps = range(32)

    def coefficient(u, v):
        return sum(
            luma[y, x]
            * math.cos(math.pi * u * (2 * y + 1) / 64)
            * math.cos(math.pi * v * (2 * x + 1) / 64)
            for y in steps
            for x in steps
        )

    coefficients = [coefficient(u, v) for u in range(8) for v in range(8)]
    median = float(np.median(coefficients))
    bits = "".join("1" if value > median else "0" for value in coefficients)
    assert perceptual_hash(image) == int(bits, 2)


def distance(one, other):
    return (perceptual_hash(one) ^ perceptual_hash(other)).bit_count()


def test_images_that_look_alike_have_near_hashes_and_others_do_not():
    image = noise(128, -1)
    brighter = np.clip(image.astype(int) + 8, 0, 255).astype(np.uint8)
    smaller = np.asarray(Image.fromarray(image).resize((90, 90), Image.Resampling.LANCZOS))
    assert distance(image, brighter) <= 4
    assert distance(image, smaller) <= 4
    assert distance(image, image[:, ::-1].copy()) > 16
    assert distance(image, noise(128, -1, seed=1)) > 16
    assert distance(plain((3, 3, 3)), plain((250, 250, 250))) == 0


def test_the_nearest_hash_against_a_plain_loop(monkeypatch):
    monkeypatch.setattr("fractalgen.mixing_set.measuring.perceptual_hash._MAX_PRODUCTS", 300)
    rng = np.random.default_rng(0)
    hashes = [int(value) for value in rng.integers(0, 2**64, 40, np.uint64)]
    hashes += [hashes[3], hashes[5] ^ 0b10011, 0, 2**64 - 1]
    nearest = [
        min((one ^ other).bit_count() for j, other in enumerate(hashes) if i != j)
        for i, one in enumerate(hashes)
    ]
    assert nearest_distances(hashes).tolist() == nearest
    assert nearest_distances([5]).tolist() == [64]
    assert nearest_distances([0, 2**64 - 1]).tolist() == [64, 64]
