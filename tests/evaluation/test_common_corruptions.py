"""The common corruptions against hand-worked numbers, SciPy and the package imagecorruptions."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage, stats

from benchmarks.corruptions import by_library, change, photographs
from fractalgen.errors import ArgumentError, UnknownNameError
from fractalgen.evaluation.corruptions import SEVERITIES
from fractalgen.evaluation.corruptions.common import (
    COMMON,
    CORRUPTIONS,
    EXTRA,
    GROUPS,
    corrupted,
)
from fractalgen.evaluation.corruptions.common_kernels import CORRUPT
from fractalgen.evaluation.corruptions.strengths import LENGTHS, STRENGTHS, strengths_for
from fractalgen.kernels.corruption_noise import fill_normal
from fractalgen.seeding import bits_at
from tests.golden.record import CORRUPTIONS_FILE, corruption_digests

ALL = (*CORRUPTIONS, *EXTRA)
FIXED = {
    "defocus_blur",
    "zoom_blur",
    "brightness",
    "contrast",
    "pixelate",
    "jpeg_compression",
    "gaussian_blur",
    "saturate",
}
RANDOM = [name for name in ALL if name not in FIXED]
SAME_NUMBERS = [
    "gaussian_noise",
    "shot_noise",
    "motion_blur",
    "snow",
    "fog",
    "elastic_transform",
    "speckle_noise",
    "spatter",
]

PHOTOS = photographs(24, 224)
SMALL = photographs(6, 32, seed=1)
GREY = np.full((2, 224, 224, 3), 100, np.uint8)


def test_the_names_are_the_librarys_in_its_order():
    import imagecorruptions

    assert list(CORRUPTIONS) == imagecorruptions.get_corruption_names("common")
    assert list(EXTRA) == imagecorruptions.get_corruption_names("validation")
    for group, names in GROUPS.items():
        assert list(names)[:4] == imagecorruptions.get_corruption_names(group)


@pytest.mark.parametrize("severity", [1, 3, 5])
@pytest.mark.parametrize("name", sorted(FIXED))
def test_what_has_no_randomness_is_the_librarys_within_a_grey_level(name, severity):
    images = PHOTOS[:6]
    ours = corrupted(images, np.arange(6), name, severity, 0).astype(int)
    theirs = by_library(images, name, severity).astype(int)
    assert np.abs(ours - theirs).max() <= 1


class SameNumbers:
    """What the library draws from NumPy, made of the bits that the kernels draw from a seed."""

    def __init__(self, name, seed):
        self.name, self.seed = name, seed
        self.n_calls = 0
        # Elastic transformation first moves three points; snow has its angle far behind its noise.
        self.place = {"elastic_transform": 6, "snow": 1 << 40}.get(name, 0)

    def normal(self, loc=0.0, scale=1.0, size=None):
        values = np.empty(np.prod(size), np.float32)
        fill_normal(np.uint64(self.seed), values)
        return loc + scale * values.reshape(size).astype(float)

    def poisson(self, means):
        bits = bits_at(self.seed, np.arange(means.size, dtype=np.uint64))
        shares = ((bits >> np.uint64(32)) + 1.0) / 2**32
        return stats.poisson.ppf(shares.reshape(means.shape), means)

    def uniform(self, low, high, size=()):
        n = np.prod(size, dtype=int)
        places = self.place + np.arange(n)
        turn = self.n_calls % 3
        if self.name == "fog" and turn > 0:
            # The library fills every other row, and then those between; the kernel row after row.
            places = self.place - (turn - 1) * n + np.arange(2 * n)
            places = places.reshape(-1, 2, size[1])[:, turn - 1].ravel()
        self.place += n
        self.n_calls += 1
        shares = (bits_at(self.seed, places.astype(np.uint64)) >> np.uint64(40)) * 2.0**-24
        return low + (high - low) * shares.reshape(size)


@pytest.mark.parametrize("name", SAME_NUMBERS)
def test_with_the_same_random_numbers_the_pixels_are_the_librarys(name, monkeypatch):
    """Within a grey level; some pixels are at a threshold, or between two that differ."""
    for severity in SEVERITIES:
        image, seeds = PHOTOS[severity : severity + 1], np.array([severity], np.uint64)
        ours = np.empty_like(image)
        CORRUPT[name](image.copy(), seeds, strengths_for(224).row(name, severity), ours)
        numbers = SameNumbers(name, severity)
        with monkeypatch.context() as patch:
            for function in ("normal", "poisson", "uniform"):
                patch.setattr(np.random, function, getattr(numbers, function))
            theirs = by_library(image, name, severity)
        difference = np.abs(ours.astype(int) - theirs)
        assert np.mean(difference > 1) < 1e-4


@pytest.mark.parametrize("name", RANDOM)
def test_changes_are_as_great_as_the_librarys(name):
    """The mean over 24 photographs, within three standard errors of the difference and 1%."""
    n = np.arange(len(PHOTOS))
    for severity in (1, 5):
        theirs = change(by_library(PHOTOS, name, severity), PHOTOS)
        ours = change(corrupted(PHOTOS, n, name, severity, 0), PHOTOS)
        error = np.std(ours - theirs) / np.sqrt(len(PHOTOS))
        assert abs(ours.mean() - theirs.mean()) < 3 * error + 0.01 * theirs.mean()


def test_gaussian_and_speckle_noise_have_their_deviation():
    noise = corrupted(GREY, [0, 1], "gaussian_noise", 1, 0) - 100.0
    # Truncation takes half a level off the mean, and adds 1/12 to the variance.
    assert noise.mean() == pytest.approx(-0.5, abs=0.15)
    assert noise.var() == pytest.approx((0.08 * 255) ** 2 + 1 / 12, rel=0.01)
    flat = noise.reshape(-1, 3)
    assert np.abs(np.corrcoef(flat.T) - np.eye(3)).max() < 0.02
    assert np.abs(np.corrcoef(flat[:-1, 0], flat[1:, 0])[0, 1]) < 0.02
    speckle = corrupted(GREY, [0, 1], "speckle_noise", 1, 0) - 100.0
    assert speckle.var() == pytest.approx((0.15 * 100) ** 2 + 1 / 12, rel=0.01)


@pytest.mark.parametrize("level", [3, 100, 180])
def test_shot_noise_is_poisson(level):
    images = np.full((2, 224, 224, 3), level, np.uint8)
    photons = 60
    counts = np.rint(corrupted(images, [0, 1], "shot_noise", 1, 0) / 255 * photons)
    mean = level / 255 * photons
    assert counts.mean() == pytest.approx(mean, rel=0.01)
    assert counts.var() == pytest.approx(mean, rel=0.02)
    assert np.mean(counts == 0) == pytest.approx(np.exp(-mean), abs=0.003)


def test_impulse_noise_replaces_its_share_by_black_and_white():
    out = corrupted(GREY, [0, 1], "impulse_noise", 5, 0)
    assert set(np.unique(out)) == {0, 100, 255}
    assert np.mean(out == 255) == pytest.approx(0.135, abs=0.003)
    assert np.mean(out == 0) == pytest.approx(0.135, abs=0.003)


@pytest.mark.parametrize("name", ["defocus_blur", "gaussian_blur", "motion_blur"])
def test_blurs_of_a_point_have_the_filters_sum_and_width(name):
    size, value = 224, 250
    point = np.zeros((1, size, size, 3), np.uint8)
    point[0, 110:115, 110:115] = value
    out = corrupted(point, [0], name, 1, 0)[0, :, :, 0].astype(float)
    # Every pixel that the blur reaches loses half a level by truncation.
    assert out.sum() + 0.5 * np.count_nonzero(out) == pytest.approx(25 * value, rel=0.02)
    shape = out / out.sum()
    y, x = np.mgrid[:size, :size]
    spread = np.sqrt(sum(np.sum(shape * (axis - np.sum(shape * axis)) ** 2) for axis in (x, y)))
    square = 2 * (25 - 1) / 12
    # A disk of radius r has the mean squared radius r**2 / 2, about; a half Gaussian of sigma s
    # along a line has the variance s**2 (1 - 2 / pi).
    of_blur = {"defocus_blur": 3**2 / 2, "gaussian_blur": 2 * 1**2, "motion_blur": 3**2 * 0.363}
    assert spread == pytest.approx(np.sqrt(square + of_blur[name]), rel=0.06)


def test_gaussian_blur_is_scipys():
    ours = corrupted(PHOTOS[:2], [0, 1], "gaussian_blur", 4, 0).astype(float)
    expected = ndimage.gaussian_filter(
        PHOTOS[:2].astype(float), (0, 4, 4, 0), mode="nearest", truncate=4
    )
    assert np.abs(ours - np.floor(expected)).max() <= 1


def test_flat_areas_stay_flat():
    """Rounding errors of filters do not make them darker."""
    for name in ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "gaussian_blur"):
        for severity in SEVERITIES:
            out = corrupted(GREY[:1], [0], name, severity, 0)
            # The published disk of radius 8 fills its grid, and has a sum of 1.01.
            assert set(np.unique(out)) <= ({100, 101} if name == "defocus_blur" else {100}), name


def test_glass_blur_takes_pixels_from_nearby():
    """CIFAR's blur of sigma 0.05 is none, so only the moves are left."""
    colors = np.arange(32 * 32, dtype=np.int64)
    image = np.stack([colors // 32, colors % 32, colors * 0], axis=-1).reshape(1, 32, 32, 3)
    out = corrupted(image.astype(np.uint8), [0], "glass_blur", 1, 0)[0].astype(int)
    moves = out[:, :, :2] - image[0, :, :, :2]
    inner = moves[2:, 2:]
    assert set(np.unique(inner)) == {-1, 0}
    assert np.mean(inner) == pytest.approx(-0.5, abs=0.05)
    assert not moves[:2].any()


def test_fog_scales_back_to_the_old_maximum():
    images = np.zeros((4, 32, 32, 3), np.uint8)
    images[:, 0, 0] = 200
    out = corrupted(images, range(4), "fog", 1, 0)
    # At the thickest, fog adds 0.2 of white to black: 51 * 200 / (200 + 51).
    assert out.max() <= 200
    assert out[:, 1:].max() == pytest.approx(51 * 200 / 251, abs=2)
    assert out[:, 1:].min() <= 3


def test_frost_is_a_part_of_a_texture():
    black = np.zeros((64, 224, 224, 3), np.uint8)
    means = corrupted(black, range(64), "frost", 1, 0).mean(axis=(1, 2))
    # 0.4 times the photographs' means: teal, white twice, and three greys.
    assert means.mean() == pytest.approx(0.4 * 149, rel=0.1)
    assert means[:, 2].max() > 0.4 * 195
    assert means[:, 0].min() < 0.4 * 100


def test_snow_falls_from_above():
    """Flakes move by -135 to -45 degrees, so they are taller than wide."""
    black = np.zeros((8, 224, 224, 3), np.uint8)
    out = corrupted(black, range(8), "snow", 4, 0)[..., 0].astype(float)
    across = np.abs(np.diff(out, axis=2)).mean()
    down = np.abs(np.diff(out, axis=1)).mean()
    assert down < 0.8 * across


@pytest.mark.parametrize("name", ALL)
def test_severity_moves_images_further_from_the_clean_ones(name):
    n = np.arange(len(PHOTOS))
    first, last = (change(corrupted(PHOTOS, n, name, s, 0), PHOTOS).mean() for s in (1, 5))
    assert 0.5 < first < last


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [32, 50])
def test_an_image_does_not_depend_on_the_others(name, size):
    images = photographs(6, size, seed=2)
    indices = np.arange(100, 106)
    kept = images.copy()
    images.flags.writeable = False
    whole = corrupted(images, indices, name, 3, 7)
    order = np.array([5, 0, 3])
    np.testing.assert_array_equal(corrupted(images[order], order + 100, name, 3, 7), whole[order])
    np.testing.assert_array_equal(images, kept)


@pytest.mark.parametrize("name", RANDOM)
def test_seed_index_and_severity_change_what_is_random(name):
    same = np.repeat(SMALL[:1], 3, axis=0)
    by_index = corrupted(same, [1, 2, 3], name, 5, 0)
    assert (by_index[1:] != by_index[0]).any()
    by_seed = np.concatenate([corrupted(same[:1], [1], name, 5, seed) for seed in range(3)])
    np.testing.assert_array_equal(by_seed[0], by_index[0])
    assert (by_seed[1:] != by_seed[0]).any()


@pytest.mark.parametrize("size", [8, 28, 96])
def test_all_sizes_can_be_corrupted(size):
    images = photographs(1, size)
    for name in ALL:
        for severity in SEVERITIES:
            out = corrupted(images, [0], name, severity, 0)
            assert out.shape == images.shape
            assert np.abs(out.astype(float) - images).mean() < 128


def digests_elsewhere(settings, *arguments):
    """Compute digests in another process, whose kernels are compiled differently or not at all."""
    code = (
        "import json, sys\n"
        "from tests.golden.record import corruption_digests\n"
        f"json.dump(corruption_digests(*{arguments}), sys.stdout)\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    return json.loads(subprocess.check_output(command, env={**os.environ, **settings}, text=True))


def test_the_recorded_pixels_on_this_and_on_a_plain_processor(tmp_path):
    recorded = json.loads(CORRUPTIONS_FILE.read_text())
    assert corruption_digests() == recorded
    settings = {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    plain = digests_elsewhere(settings, ["gaussian_noise", "snow", "frost"])
    assert plain == {key: recorded[key] for key in plain}
    assert len(plain) == 6


def test_plain_python_gives_the_same_pixels():
    names = [name for name in ALL if name != "frost"]  # drawing its textures would take minutes
    assert digests_elsewhere({"NUMBA_DISABLE_JIT": "1"}, names, [12]) == corruption_digests(
        names, [12]
    )


def test_each_size_has_its_table():
    assert {name: table.size for name, table in STRENGTHS.items()} == {
        "cifar": 32,
        "tiny": 64,
        "imagenet": 224,
    }
    for name, table in STRENGTHS.items():
        assert strengths_for(table.size) is table
        assert set(table.rows) == set(ALL)
        for rows in table.rows.values():
            assert len(rows) == 5
            assert len({len(row) for row in rows}) == 1
        assert str(table) == f"{name} strengths"


def test_other_sizes_scale_the_lengths_of_the_nearest_table():
    """The middle between 64 and 224 pixels, by ratio, is 119.7."""
    assert strengths_for(119).name == "tiny"
    assert strengths_for(120).name == "imagenet"
    assert strengths_for(28).name == strengths_for(45).name == "cifar"
    scaled = strengths_for(48, "cifar")
    assert scaled.row("defocus_blur", 5) == (2.25, 0.1)
    assert scaled.row("snow", 3) == (0.15, 0.3, 2.625, 0.55, 15, 6, 0.9)
    assert scaled.row("elastic_transform", 2) == (0.05, 0.2, 0.07)
    for name in set(ALL) - set(LENGTHS):
        assert scaled.row(name, 3) == STRENGTHS["cifar"].row(name, 3)
    assert str(scaled) == "cifar strengths scaled by 1.5"
    assert COMMON.source_at(48) == "fractalgen with drawn frost, tiny strengths scaled by 0.75"
    assert COMMON.source_at(224) == "fractalgen with drawn frost, imagenet strengths"


def test_a_named_table_is_used_at_any_size():
    weak, strong = (
        change(corrupted(SMALL, range(6), "gaussian_noise", 5, 0, table), SMALL).mean()
        for table in ("cifar", "imagenet")
    )
    assert strong > 2 * weak
    suite = COMMON.with_table("imagenet")
    assert suite.source_at(32) == "fractalgen with drawn frost, imagenet strengths scaled by 0.1429"
    out = suite.corrupt(SMALL, np.arange(6), "fog", 2, 0)
    np.testing.assert_array_equal(out, corrupted(SMALL, range(6), "fog", 2, 0, "imagenet"))
    with pytest.raises(UnknownNameError, match="did you mean 'imagenet'"):
        strengths_for(32, "imagenett")


@pytest.mark.parametrize(
    ("images", "indices", "name", "severity", "message"),
    [
        (SMALL, range(6), "drizzle", 1, "unknown corruption drizzle"),
        (SMALL, range(6), "snow", 6, "severity 6"),
        (SMALL, range(5), "snow", 1, "5 indices for 6 images"),
        (SMALL[:, :16], range(6), "snow", 1, "shape"),
        (SMALL.astype(float), range(6), "snow", 1, "uint8"),
    ],
)
def test_wrong_arguments(images, indices, name, severity, message):
    with pytest.raises(ArgumentError, match=message):
        corrupted(images, indices, name, severity, 0)


def test_digests_are_of_whole_arrays():
    """So that the golden file would notice one changed pixel."""
    out = corrupted(photographs_for_digest(), range(4), "snow", 3, 0)
    assert corruption_digests(["snow"])["snow-32"] == hashlib.sha256(out.tobytes()).hexdigest()


def photographs_for_digest():
    from tests.golden.record import blobs

    return blobs(4, 32)
