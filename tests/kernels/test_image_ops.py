import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fractalgen.augment import image_ops as reference
from fractalgen.augment.image_ops import IMAGE_OPS
from fractalgen.kernels.image_ops import amount_of, apply_image_op

KINDS = ("noise", "gradient", "constant", "two values", "clouds")
GUARD = 64
SEED = 12345
DETAILS = {"filter": (1, 5), "tone": (3, 40), "warp": (1, 23)}


def image(kind, height, width, seed):
    rng = np.random.default_rng(seed)
    shape = (height, width, 3)
    if kind == "noise":
        return rng.integers(0, 256, shape).astype(np.uint8)
    if kind == "constant":
        return np.full(shape, rng.integers(0, 256, 3), np.uint8)
    if kind == "two values":
        return rng.choice(rng.integers(0, 256, 2), shape).astype(np.uint8)
    if kind == "gradient":
        y, x = np.mgrid[:height, :width]
        rates = rng.random((2, 3)) * 127
        return (y[..., None] / height * rates[0] + x[..., None] / width * rates[1]).astype(np.uint8)
    walk = rng.standard_normal(shape).cumsum(axis=0).cumsum(axis=1)
    walk = (walk - walk.min()) / max(np.ptp(walk), 1e-9)
    return (20 + 200 * walk + rng.standard_normal(shape) * 5).astype(np.uint8)


def compiled(op, amount, pixels, box=None):
    """Apply the kernel to a box, or to all, with bytes around that it must leave alone."""
    memory = np.full(pixels.size + 2 * GUARD, 77, np.uint8)
    target = memory[GUARD:-GUARD].reshape(pixels.shape)
    before = pixels.copy()
    box = np.array(box or (0, 0, *pixels.shape[:2]), np.int32)
    detail = np.array(DETAILS.get(op, (0, 0)), np.int32)
    apply_image_op(
        IMAGE_OPS.index(op), np.float32(amount), detail, np.uint64(SEED), box, pixels, target
    )
    np.testing.assert_array_equal(pixels, before)
    assert (memory[:GUARD] == 77).all()
    assert (memory[-GUARD:] == 77).all()
    return target


def check(op, amount, pixels):
    amount = float(np.float32(amount))
    ours = compiled(op, amount, pixels).astype(int)
    detail = DETAILS.get(op)
    theirs = np.asarray(reference.apply_image_op(Image.fromarray(pixels), op, amount, detail, SEED))
    differing = (abs(ours - theirs) > 1).any(axis=2)
    assert differing.mean() <= 0.001, f"{op} by {amount}: {np.argwhere(differing)[:9]}"


@pytest.mark.parametrize("op", IMAGE_OPS)
@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    height=st.one_of(st.integers(8, 40), st.integers(8, 224)),
    width=st.one_of(st.integers(8, 40), st.integers(8, 224)),
    seed=st.integers(0, 2**32),
    level=st.one_of(st.sampled_from([0.1, 2.5, 5.0, 10.0]), st.floats(0.001, 10)),
    sign=st.sampled_from([1, -1]),
)
def test_every_operation_gives_pillows_image(op, kind, height, width, seed, level, sign):
    amount = reference.amount_of(op, level, sign, (width, height))
    check(op, amount, image(kind, height, width, seed))


@pytest.mark.parametrize("op", IMAGE_OPS)
def test_small_and_narrow_images(op):
    for height, width in [
        (1, 1),
        (1, 2),
        (2, 1),
        (1, 17),
        (19, 1),
        (2, 3),
        (3, 2),
        (3, 3),
        (5, 64),
    ]:
        for sign in (1, -1):
            for level in (0.1, 3.0, 10.0):
                amount = reference.amount_of(op, level, sign, (width, height))
                check(op, amount, image("noise", height, width, height + 100 * width))


@pytest.mark.parametrize(
    "op", [op for op in IMAGE_OPS if op not in ("rotate", "shear-x", "shear-y", *DETAILS)]
)
def test_operations_without_fractions_of_pixels_are_exact(op):
    pixels = image("clouds", 61, 83, 5)
    for level in (0.1, 1.0, 2.7, 4.9, 8.0, 10.0):
        amount = float(np.float32(reference.amount_of(op, level, -1, (83, 61))))
        theirs = np.asarray(reference.apply_image_op(Image.fromarray(pixels), op, amount))
        np.testing.assert_array_equal(compiled(op, amount, pixels), theirs)


def test_rotations_by_thirty_degrees_agree_on_the_edge():
    # The sine is one half, so that centres of pixels fall on the edge itself.
    for height, width in [(29, 3), (15, 5), (9, 23), (33, 15), (21, 63), (121, 35)]:
        for degrees in (30.0, -30.0):
            pixels = np.full((height, width, 3), 255, np.uint8)
            theirs = reference.apply_image_op(Image.fromarray(pixels), "rotate", degrees)
            np.testing.assert_array_equal(compiled("rotate", degrees, pixels), np.asarray(theirs))


def test_translations_beyond_the_image_are_black():
    pixels = image("noise", 9, 12, 0)
    for op, amount in [("translate-x", 12), ("translate-x", -40), ("translate-y", 9)]:
        assert not compiled(op, amount, pixels).any()


@settings(max_examples=300, deadline=None)
@given(
    op=st.sampled_from(IMAGE_OPS),
    level=st.one_of(st.sampled_from([2.5, 5.0, 10.0]), st.floats(0.001, 10)),
    sign=st.sampled_from([1, -1]),
    height=st.integers(1, 300),
    width=st.integers(1, 300),
)
def test_amounts_are_the_references_in_single_precision(op, level, sign, height, width):
    theirs = np.float32(reference.amount_of(op, level, sign, (width, height)))
    ours = amount_of(IMAGE_OPS.index(op), level, sign, height, width)
    assert np.float32(ours) == theirs


@pytest.mark.parametrize("op", IMAGE_OPS)
@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    level=st.one_of(st.sampled_from([2.5, 5.0, 10.0]), st.floats(0.001, 10)),
    sign=st.sampled_from([1, -1]),
    data=st.data(),
)
def test_a_box_of_the_result_is_a_part_of_the_whole(op, height, width, level, sign, data):
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    tall, wide = data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))
    pixels = image("noise", height, width, 1)
    amount = reference.amount_of(op, level, sign, (width, height))
    part = np.s_[top : top + tall, left : left + wide]
    whole = compiled(op, amount, pixels)
    boxed = compiled(op, amount, pixels, (top, left, tall, wide))
    np.testing.assert_array_equal(boxed[part], whole[part])
