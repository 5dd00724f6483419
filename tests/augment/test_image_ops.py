import numpy as np
import pytest
from PIL import Image

from fractalgen.augment.image_ops import IMAGE_OPS, PAPER_IMAGE_OPS, amount_of, apply_image_op

RAMP = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5


def applied(op, amount, pixels=RAMP):
    return np.asarray(apply_image_op(Image.fromarray(pixels), op, amount))


def test_the_papers_ten_come_first():
    assert IMAGE_OPS[:10] == PAPER_IMAGE_OPS
    assert len(set(IMAGE_OPS)) == len(IMAGE_OPS) >= 15


@pytest.mark.parametrize(
    ("op", "level", "sign", "amount"),
    [
        ("rotate", 10, 1, 30.0),
        ("rotate", 2.5, -1, -7.5),
        ("shear-x", 10, -1, -0.3),
        ("shear-y", 5, 1, 0.15),
        ("translate-x", 3, 1, 9.0),  # 96 / 3 * 0.3 = 9.6
        ("translate-x", 0.3, -1, 0.0),
        ("translate-y", 3, -1, -6.0),  # 64 / 3 * 0.3 = 6.4
        ("posterize", 0.1, 1, 4.0),
        ("posterize", 2.5, 1, 3.0),
        ("posterize", 10, -1, 0.0),
        ("solarize", 10, 1, 0.0),
        ("solarize", 3, 1, 180.0),  # 256 - 76
        ("color", 5, -1, 1.0),
        ("sharpness", 10, 1, 1.9),
        ("brightness", 1, 1, 0.28),
        ("contrast", 2, 1, 0.46),
        ("mirror", 7, -1, 0.0),
        ("equalize", 7, -1, 0.0),
    ],
)
def test_amounts(op, level, sign, amount):
    assert amount_of(op, level, sign, (96, 64)) == pytest.approx(amount, abs=1e-12)


def test_invert_mirror_posterize_and_solarize():
    np.testing.assert_array_equal(applied("invert", 0), 255 - RAMP)
    np.testing.assert_array_equal(applied("mirror", 0), RAMP[:, ::-1])
    np.testing.assert_array_equal(applied("posterize", 2), RAMP & 0xC0)
    np.testing.assert_array_equal(applied("posterize", 0), 0 * RAMP)
    np.testing.assert_array_equal(applied("solarize", 100), np.where(RAMP < 100, RAMP, 255 - RAMP))
    np.testing.assert_array_equal(applied("solarize", 256), RAMP)


def test_translations_fetch_from_the_right_and_from_below():
    moved = np.zeros_like(RAMP)
    moved[:, :3] = RAMP[:, 1:]
    np.testing.assert_array_equal(applied("translate-x", 1), moved)
    moved = np.zeros_like(RAMP)
    moved[2:] = RAMP[:2]
    np.testing.assert_array_equal(applied("translate-y", -2), moved)


def test_positive_rotation_is_counter_clockwise():
    dot = np.zeros((21, 21, 3), np.uint8)
    dot[10, 20] = 255  # at three o'clock
    rows, columns = np.nonzero(applied("rotate", 30, dot)[..., 0])
    assert 4 <= rows.mean() <= 6  # ten pixels out: five up, 8.7 to the right
    assert 18 <= columns.mean() <= 19


def test_shears_slant_by_a_factor_of_the_row_or_column():
    bar = np.zeros((20, 20, 3), np.uint8)
    bar[:, 10] = 200
    slanted = applied("shear-x", 0.2, bar)[..., 0].astype(int)
    centers = slanted @ np.arange(20) / slanted.sum(axis=1)
    np.testing.assert_allclose(centers, 10 - 0.2 * (np.arange(20) + 0.5), atol=0.02)
    np.testing.assert_array_equal(
        applied("shear-y", 0.2, bar.swapaxes(0, 1)), applied("shear-x", 0.2, bar).swapaxes(0, 1)
    )


def test_enhancers_change_nothing_at_one():
    for op in ("color", "contrast", "brightness", "sharpness"):
        np.testing.assert_array_equal(applied(op, 1.0), RAMP)
    np.testing.assert_array_equal(applied("brightness", 0.5), RAMP // 2)


def test_the_image_is_not_modified():
    for op in IMAGE_OPS:
        image = Image.fromarray(RAMP)
        apply_image_op(image, op, amount_of(op, 3, 1, (4, 4)))
        np.testing.assert_array_equal(np.asarray(image), RAMP)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"'blur'.*equalize"):
        amount_of("blur", 1, 1, (4, 4))
    with pytest.raises(ValueError, match=r"'blur'.*equalize"):
        apply_image_op(Image.fromarray(RAMP), "blur", 1)
