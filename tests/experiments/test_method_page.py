import importlib.util

import numpy as np
import pytest
from PIL import Image

import fractalgen as fg
from fractalgen.augment.figure_page import column_left

if importlib.util.find_spec("torch") is None:
    pytest.skip("the extra train is not installed", allow_module_level=True)

from fractalgen.experiments.method_page import show_methods, shown_methods
from fractalgen.methods import METHODS

SIZE, TILE, GAP = 32, 128, 8
RED, BLUE = (200, 40, 40), (20, 60, 220)


@pytest.fixture
def photos(tmp_path):
    """Two photos of one colour each."""
    paths = [tmp_path / "red.png", tmp_path / "blue.png"]
    for path, color in zip(paths, (RED, BLUE), strict=True):
        Image.new("RGB", (40, 48), color).save(path)
    return paths


def rows_of(page):
    """Return the images of each row of eight, (rows, 8, size, size, 3)."""
    pixels = np.asarray(page)
    edges = [column_left(c, TILE, GAP) + side for c in range(8) for side in (0, TILE - 1)]
    inside = np.any(pixels[:, edges] != pixels[0, 0], axis=2).all(axis=1).astype(int)
    starts, stops = (np.flatnonzero(np.diff(inside, prepend=0, append=0) == d) for d in (1, -1))
    tops = starts[stops - starts == TILE]
    lefts = [column_left(column, TILE, GAP) for column in range(8)]
    step = TILE // SIZE
    tiles = [
        [pixels[top : top + TILE, x : x + TILE][::step, ::step] for x in lefts] for top in tops
    ]
    return np.array(tiles).astype(int)


def noise(path):
    pixels = np.random.default_rng(5).integers(1, 255, (SIZE, SIZE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def test_a_row_has_what_the_augmenter_gives_for_its_seeds(tmp_path):
    image = noise(tmp_path / "noise.png")
    methods = ["augmix:severity=5", "prime:jsd=false"]
    page = show_methods([tmp_path / "noise.png"], methods, size=SIZE, seed=3)
    originals, *rows = rows_of(page)
    columns = [image] * 4 + [image[:, ::-1]] * 4  # a single photo is also shown mirrored
    assert np.array_equal(originals, columns)
    for aug, row in zip((fg.AugMix(severity=5), fg.PRIME()), rows, strict=True):
        expected = aug.batch(np.stack(columns), range(3, 11)) * 255
        assert np.abs(row - expected).max() <= 0.501


def test_methods_that_mix_images_mix_different_photos(photos):
    originals, mixed, cut = rows_of(show_methods(photos, ["mixup", "cutmix:p=1"], size=SIZE))
    assert np.array_equal(originals[[0, 3, 4, 7], 0, 0], [RED, RED, BLUE, BLUE])
    shares = (mixed[..., 2] - RED[2]) / (BLUE[2] - RED[2])
    expected = shares[..., None] * BLUE + (1 - shares[..., None]) * RED
    assert np.abs(mixed - expected).max() < 2
    assert len(np.unique(shares[:, 0, 0].round(2))) > 4  # each column has its own weight
    assert np.all((cut == RED).all(axis=-1) | (cut == BLUE).all(axis=-1))
    assert (cut != originals).any(axis=(1, 2, 3)).sum() > 4


def test_a_set_is_shown_and_mixed_with(photos, small_set):
    page = show_methods(photos, ["pixmix"], mixing_set=small_set, size=SIZE)
    assert len(rows_of(page)) == 2  # the row of the set has six images, not eight
    without = show_methods(photos, ["cutout"], mixing_set="nowhere", size=SIZE)
    assert len(rows_of(without)) == 2
    assert page.height > without.height


def test_all_methods_that_need_no_network_are_shown(photos, small_set):
    page = show_methods(photos, mixing_set=small_set, size=SIZE)
    assert len(rows_of(page)) == len(shown_methods()) + 1
    for name in METHODS.keys() - set(shown_methods()):
        with pytest.raises(fg.FractalgenError, match=f"{name} cannot be shown: it "):
            show_methods(photos, [name])


@pytest.mark.parametrize(
    ("methods", "options", "message"),
    [
        (["augmx"], {}, "did you mean 'augmix'"),
        ([], {}, "must be a list of names"),
        (["augmix:epochs=3"], {}, "epochs does not change the images"),
        (["augmix"], {"size": 8}, "size must be a whole number from 16"),
        (["ipmix"], {"mixing_set": "nowhere"}, "nowhere does not exist"),
    ],
)
def test_what_cannot_be_shown_is_refused(photos, methods, options, message):
    with pytest.raises(fg.FractalgenError, match=message):
        show_methods(photos, methods, **options)
