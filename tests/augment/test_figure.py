import numpy as np
import pytest
from PIL import Image

from fractalgen.augment.clear_plan import clear_plan, step_in_words
from fractalgen.augment.figure import figure
from fractalgen.augment.figure_page import GAP, TILE, Page, column_left
from fractalgen.augment.image_ops import apply_image_op
from tests.augment.conftest import smooth_images

NAMES = [f"{i}.jpg" for i in range(4)]


def tiles(page):
    """Find each column's images, from top to bottom: TILE rows without paper at their ends."""
    pixels = np.asarray(page)
    paper = pixels[0, 0]
    found = []
    for column in range(5):
        left = column_left(column)
        edges = pixels[:, [left, left + TILE - 1]]
        inside = np.any(edges != paper, axis=2).all(axis=1).astype(int)
        starts, stops = (
            np.flatnonzero(np.diff(inside, prepend=0, append=0) == step) for step in (1, -1)
        )
        tops = starts[stops - starts == TILE]
        found.append([pixels[top : top + TILE, left : left + TILE].astype(int) for top in tops])
    return found


@pytest.fixture(scope="module")
def material():
    set_images = smooth_images(5, TILE, 6)
    return set_images[0], set_images[1:]


@pytest.fixture(scope="module")
def columns(material):
    image, set_images = material
    return tiles(figure(image, set_images, NAMES, seed=4))


def test_everything_is_on_the_page(material, columns):
    image, set_images = material
    assert [len(column) for column in columns] == [3, 7, 7, 7, 6]
    assert np.array_equal(columns[0][0], image)
    assert np.array_equal(columns[0][1], image)
    for column, set_image in zip(columns[1:], set_images, strict=True):
        assert np.array_equal(column[0], set_image)


def test_mixing_operations_are_what_their_captions_say(material, columns):
    image, partner = material[0].astype(float), material[1][0].astype(float)
    signed = 0.6 * (image / 127.5 - 1) + 0.5 * (partner / 127.5 - 1)
    added = np.clip((signed + 1) * 127.5, 0, 255)
    assert np.abs(columns[1][1] - added).max() <= 1
    powers = (image / 127.5) ** 0.7 * (partner / 127.5) ** 0.5
    assert np.abs(columns[2][1] - np.clip(powers * 127.5, 0, 255)).max() <= 1
    from_partner = columns[3][1] == partner
    from_image = columns[3][1] == image
    assert np.all(from_partner.all(axis=2) | from_image.all(axis=2))
    assert 0.45 < np.mean(from_partner) < 0.55
    from_partner = columns[4][1] == partner
    assert np.all(from_partner | (columns[4][1] == image))
    assert 0.1 < np.mean(from_partner.all(axis=2)) < 0.15


@pytest.mark.parametrize("column", [1, 2, 3, 4])
def test_a_patch_is_mixed_as_the_whole_and_the_rest_is_left(material, columns, column):
    whole, square, scar = columns[column][1:4]
    image = material[0]
    for tile, half_height in ((square, 48), (scar, 12)):
        box = np.s_[112 - half_height : 112 + half_height, 64:160]
        assert np.array_equal(tile[box], whole[box])
        outside = np.ones((TILE, TILE), bool)
        outside[112 - half_height - 3 : 112 + half_height + 3, 61:163] = False
        assert np.array_equal(tile[outside], image[outside])


def test_the_result_is_the_sum_of_the_chains(material, columns):
    image, set_images = material
    plan = clear_plan(TILE, set_images, 4)
    m, (one, two) = plan["skip"], (chain["weight"] for chain in plan["chains"])
    first, second = columns[3][4:6]
    expected = m * (one * first + two * second) + (1 - m) * image
    # The last step's patch may have a frame.
    assert np.mean(np.abs(columns[4][4] - expected) > 1) < 0.03


@pytest.mark.parametrize("size", [16, 33, 224])
def test_chains_show_all_kinds_of_steps(size):
    set_images = np.zeros((1, size, size, 3), np.uint8)
    for seed in range(3):
        plan = clear_plan(size, set_images, seed)
        image_level, p_level = (chain["steps"] for chain in plan["chains"])
        assert sum(chain["weight"] for chain in plan["chains"]) == pytest.approx(1)
        assert [set(step) for step in image_level] == [{"image_op", "amount"}] * 3
        sides = sorted(step["box"][2:] for step in p_level)
        assert [size, size] in sides
        assert sum(height == width for height, width in sides) == 2


def test_small_images_are_enlarged_as_whole_pixels():
    set_images = smooth_images(2, 32, 7)
    page = figure(set_images[0], set_images[1:], NAMES[:1])
    columns = tiles(page)
    assert [len(column) for column in columns] == [3, 7, 6, 6, 5]
    assert np.array_equal(columns[0][0], set_images[0].repeat(7, axis=0).repeat(7, axis=1))
    assert page.width == 1400


def test_the_seed_decides():
    set_images = smooth_images(2, 16, 8)
    before = set_images.copy()
    pages = [figure(set_images[0], set_images[1:], NAMES[:1], seed) for seed in (0, 0, 1)]
    assert pages[0] == pages[1] != pages[2]
    assert np.array_equal(set_images, before)


def test_names_of_any_kind_stay_below_their_image():
    set_images = smooth_images(2, 16, 8)
    plain = figure(set_images[0], set_images[1:], ["a??b.jpg"])
    assert figure(set_images[0], set_images[1:], ["a\n\ud800b.jpg"]) == plain
    page = Page()
    page.caption(1, 100, "x", "long/" * 60 + "name.jpg")
    drawn = np.any(np.asarray(page.finished()) != np.asarray(Page().finished())[0, 0], axis=(0, 2))
    assert drawn.any()
    assert np.flatnonzero(drawn)[-1] < column_left(2) - GAP // 3


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"image_op": "translate-x", "amount": 3.0}, "Move 3 pixels left"),
        ({"image_op": "translate-x", "amount": -3.0}, "Move 3 pixels right"),
        ({"image_op": "translate-y", "amount": 3.0}, "Move 3 pixels up"),
        ({"image_op": "translate-y", "amount": -3.0}, "Move 3 pixels down"),
    ],
)
def test_captions_name_the_direction_that_is_seen(step, words):
    dot = np.zeros((17, 17, 3), np.uint8)
    dot[8, 8] = 255
    moved = np.asarray(apply_image_op(Image.fromarray(dot), step["image_op"], step["amount"]))
    (down, right), *_ = np.argwhere(moved[:, :, 0]) - 8
    seen = {(0, -3): "left", (0, 3): "right", (-3, 0): "up", (3, 0): "down"}[down, right]
    assert step_in_words(step, 17) == (words,)
    assert words.endswith(seen)


@pytest.mark.parametrize(
    ("image", "set_images"),
    [
        ((15, 15, 3), (1, 15, 15, 3)),
        ((20, 24, 3), (1, 20, 24, 3)),
        ((20, 20, 3), (1, 24, 24, 3)),
        ((20, 20, 3), (0, 20, 20, 3)),
        ((20, 20, 3), (5, 20, 20, 3)),
    ],
)
def test_what_has_no_place_is_refused(image, set_images):
    with pytest.raises(ValueError, match=r"there must be|must be a square|of the image's shape"):
        figure(np.zeros(image, np.uint8), np.zeros(set_images, np.uint8), NAMES)
