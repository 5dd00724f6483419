"""C-bar's kernels against a readable reference given the same random numbers."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fractalgen.evaluation.corruptions import SEVERITIES, cbar
from fractalgen.evaluation.corruptions.cbar import C_BAR, CIFAR_LEVELS, IMAGENET_LEVELS, corrupted
from fractalgen.evaluation.corruptions.published import C_BAR as CIFAR_NAMES
from fractalgen.evaluation.corruptions.published import IMAGENET_C_BAR
from fractalgen.seeding import bits_at
from tests.evaluation import cbar_reference
from tests.evaluation.test_generated import smooth_images

NAMES = sorted({*CIFAR_LEVELS, *IMAGENET_LEVELS})
GOLDEN = Path(__file__).parents[1] / "golden" / "cbar.txt"
DETERMINISTIC = "circular_motion_blur"

# Shares of pixels that may differ. Those on an edge fall on one side in double precision, and on
# the other in single; and scikit-image leaves out some pixels that a line covers by less than 8%.
EDGES = {
    "blue_noise_sample": 2e-3,
    "caustic_refraction": 5e-3,
    "checkerboard_cutout": 2e-3,
    "cocentric_sine_waves": 5e-3,
    "lines": 4e-3,
}


def levels(name):
    return CIFAR_LEVELS if name in CIFAR_LEVELS else IMAGENET_LEVELS


def textured_images(n, size, seed=0):
    noise = np.random.default_rng(seed).integers(-20, 21, (n, size, size, 3))
    return np.clip(smooth_images(n, size, seed) + noise, 0, 255).astype(np.uint8)


def made(name, images, severity=3, seed=0, indices=None):
    numbers = np.arange(len(images)) if indices is None else indices
    return corrupted(levels(name), images, numbers, name, severity, seed)


def uniform_numbers(seed):
    return lambda n: (bits_at(seed, n) >> 40) * 2.0**-24


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *((name, size) for name in NAMES for size in (8, 28, 32, 45)),
        *((name, 224) for name in ("brownish_noise", "caustic_refraction", "pinch_and_twirl")),
    ],
)
def test_kernels_agree_with_the_formulas(name, size):
    images = textured_images(3 if size < 224 else 1, size)
    seeds = np.array([5, 2**63 + 11, 977], np.uint64)[: len(images)]
    for level in levels(name)[name][::2]:
        out = np.empty_like(images)
        cbar._kernel(name)(images, seeds, np.float32(level), out)
        for image, seed, found in zip(images, seeds.tolist(), out, strict=True):
            numbers = uniform_numbers(seed)
            expected = getattr(cbar_reference, name)(image, numbers, level)
            # Values on either side of a whole number may be truncated to two grey levels.
            off = np.abs(found + 0.5 - np.clip(expected, 0, 255.0)) > 1.0
            assert off.mean() <= (max(EDGES[name], size**-2.0) if name in EDGES else 0)


def test_the_published_set_is_chosen_by_size():
    assert set(C_BAR.at(32).names) == set(C_BAR.at(64).names) == set(CIFAR_NAMES)
    assert set(C_BAR.at(65).names) == set(C_BAR.at(224).names) == set(IMAGENET_C_BAR)
    assert C_BAR.at(32).source != C_BAR.at(224).source


@pytest.mark.parametrize("name", NAMES)
def test_severity_moves_images_further_from_the_clean_ones(name):
    images = smooth_images(16, 32)
    distances = [np.abs(made(name, images, s) - images.astype(float)).mean() for s in SEVERITIES]
    assert distances[0] > 0.5
    assert distances[-1] > 1.1 * distances[0]


@pytest.mark.parametrize("name", NAMES)
def test_an_image_depends_on_its_index_and_the_seed_alone(name):
    images = smooth_images(20, 32)
    whole = made(name, images)
    order = np.array([17, 0, 5])
    np.testing.assert_array_equal(made(name, images[order], indices=order), whole[order])
    if name != DETERMINISTIC:
        same = np.repeat(images[:1], 6, axis=0)
        for others in (made(name, same), made(name, same, seed=1)[[0, 0]]):
            assert (others[1:] != whole[0]).any()


def digests():
    images = textured_images(5, 32, seed=8)
    for name in NAMES:
        out = made(name, images, severity=4, seed=2023)
        yield f"{name} {hashlib.sha256(out.tobytes()).hexdigest()}"


def test_the_pixels_are_the_recorded_ones():
    assert "\n".join(digests()) + "\n" == GOLDEN.read_text()


def test_plain_python_gives_the_same_pixels():
    code = (
        "import sys, numpy as np\n"
        "from tests.evaluation.test_cbar import NAMES, made, smooth_images\n"
        "for name in NAMES:\n"
        "    sys.stdout.buffer.write(made(name, smooth_images(2, 8)).tobytes())\n"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    printed = subprocess.check_output([sys.executable, "-c", code], env=environment)
    compiled = b"".join(made(name, smooth_images(2, 8)).tobytes() for name in NAMES)
    assert printed == compiled


def test_bad_arguments_are_refused():
    images = smooth_images(1, 32)
    for arguments in [
        (images, [0], "lines", 6, 0),
        (images, [0], "perlin_noise", 1, 0),
        (images, [0, 1], "lines", 1, 0),
        (images[..., :2], [0], "lines", 1, 0),
        (images.astype(float), [0], "lines", 1, 0),
    ]:
        with pytest.raises(ValueError, match=r"lines|indices|perlin|shape"):
            corrupted(CIFAR_LEVELS, *arguments)
