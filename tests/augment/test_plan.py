import json

import numpy as np
import pytest

from fractalgen.augment.image_ops import IMAGE_OPS
from fractalgen.augment.ipmix import IPMix
from fractalgen.augment.plan import FRAMEWORKS, MIXING_OPS, PLAN, from_json, to_json

N = 2_000


def plans(bank, n=N, shape=(32, 32), **options):
    aug, rng = IPMix(bank, **options), np.random.default_rng(0)
    return np.array([aug.sample_plan(rng, shape) for _ in range(n)], PLAN)


@pytest.fixture(scope="module")
def many(bank):
    return plans(bank)


def used(many, field):
    """Values of a step's field, of the steps that are taken."""
    taken = np.arange(8)[None, None, :] < many["depth"][:, :, None]
    taken &= np.arange(8)[None, :, None] < many["n_chains"][:, None, None]
    return many[field][taken]


def test_plans_survive_json(many):
    for plan in many[:200]:
        assert from_json(json.loads(json.dumps(to_json(plan)))) == plan


def test_a_plan_that_is_none_is_refused():
    for data in ({}, {"bank_image": 1}, {"framework": "chain", "chains": [{}]}):
        with pytest.raises(ValueError, match="not a plan"):
            from_json(data)


def test_weights_and_skip_are_dirichlet_and_beta(many):
    np.testing.assert_allclose(many["weights"].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(many["weights"][:, :3].mean(axis=0), 1 / 3, atol=0.02)
    # Dirichlet(1, 1, 1): each weight is Beta(1, 2), variance 1 / 18.
    np.testing.assert_allclose(many["weights"][:, :3].var(axis=0), 1 / 18, rtol=0.1)
    assert abs(many["skip"].mean() - 0.5) < 0.02
    assert abs(many["skip"].var() - 1 / 12) < 0.005


def test_chains_have_1_to_t_steps_in_the_paper_and_0_to_t_in_its_code(bank, many):
    shares = np.bincount(many["depth"][:, :3].ravel(), minlength=4) / (3 * N)
    np.testing.assert_allclose(shares, [0, 1 / 3, 1 / 3, 1 / 3], atol=0.03)
    official = plans(bank, compat="official")
    shares = np.bincount(official["depth"][:, :3].ravel(), minlength=4) / (3 * N)
    np.testing.assert_allclose(shares, 0.25, atol=0.03)


def test_half_of_the_chains_are_of_the_image_level(many):
    first = many["mixing"][:, :3, 0]
    assert abs((first < 0).mean() - 0.5) < 0.03


def test_half_of_the_partners_are_copies_in_the_paper_and_none_in_its_cifar_code(bank, many):
    mixing = used(many, "mixing") >= 0
    copies = used(many, "image_op")[mixing] >= 0
    assert abs(copies.mean() - 0.5) < 0.03
    for sizes, share in (("cifar", 0.0), ("imagenet", 0.5)):
        official = plans(bank, compat="official", patch_sizes=sizes)
        mixing = used(official, "mixing") >= 0
        assert abs((used(official, "image_op")[mixing] >= 0).mean() - share) < 0.03


def test_operations_are_drawn_evenly(many):
    mixing, image_op = used(many, "mixing"), used(many, "image_op")
    shares = np.bincount(mixing[mixing >= 0], minlength=4) / (mixing >= 0).sum()
    np.testing.assert_allclose(shares, 0.25, atol=0.03)
    shares = np.bincount(image_op[image_op >= 0], minlength=15) / (image_op >= 0).sum()
    np.testing.assert_allclose(shares, [0.1] * 10 + [0] * 5, atol=0.02)


def test_boxes_lie_within_the_image_and_scars_are_thin(many):
    mixing = used(many, "mixing") >= 0
    top, left, height, width = used(many, "box")[mixing].T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= 32).all()
    assert (left + width <= 32).all()
    sizes = np.maximum(height, width)
    assert set(sizes) <= {4, 8, 16, 32}
    thin = np.minimum(height, width) < sizes
    assert (4 * np.minimum(height, width)[thin] <= sizes[thin]).all()
    assert abs((sizes == 32).mean() - 0.25) < 0.03
    assert abs(thin[sizes < 32].mean() - 0.5) < 0.04


def test_factors_of_add_and_multiply(many):
    """By a coin: a ~ Beta(3, 1), b ~ Beta(1, 3); or a = 1 + Beta(1, 3), b = -Beta(1, 3)."""
    mixing = used(many, "mixing")
    a, b = used(many, "factors")[(mixing == 0) | (mixing == 1)].T
    inside = a <= 1
    assert abs(inside.mean() - 0.5) < 0.04
    assert abs(a[inside].mean() - 0.75) < 0.02
    assert abs(b[inside].mean() - 0.25) < 0.02
    assert abs(a[~inside].mean() - 1.25) < 0.02
    assert abs(b[~inside].mean() + 0.25) < 0.02


@pytest.mark.parametrize(
    ("levels", "kinds"),
    [
        (("image",), {"image"}),
        (("patch",), {"patch"}),
        (("pixel",), {"pixel"}),
        (("image", "pixel"), {"image", "pixel"}),
        (("patch", "pixel"), {"patch", "pixel"}),
    ],
)
def test_levels_can_be_left_out(bank, levels, kinds):
    some = plans(bank, 300, levels=levels)
    mixing, box = used(some, "mixing"), used(some, "box")
    whole = (box[:, 2] == 32) & (box[:, 3] == 32)
    seen = set()
    seen |= {"image"} if (mixing < 0).any() else set()
    seen |= {"patch"} if ((mixing >= 0) & ~whole).any() else set()
    seen |= {"pixel"} if ((mixing >= 0) & whole).any() else set()
    assert seen == kinds


def test_linear_is_one_chain_of_mixed_levels_with_nothing_blended_back(bank):
    some = plans(bank, 500, framework="linear", t=4)
    assert (some["n_chains"] == 1).all()
    assert (some["skip"] == 1).all()
    assert (some["weights"][:, 0] == 1).all()
    image_level = some["mixing"][:, 0, :2] < 0
    long = some["depth"][:, 0] >= 2
    assert (image_level[long, 0] != image_level[long, 1]).mean() > 0.3
    assert FRAMEWORKS[some["framework"][0]] == "linear"


def test_options_narrow_what_is_drawn(bank):
    some = plans(
        bank,
        200,
        mixing_ops=["multiply"],
        image_ops=["invert", "sharpness"],
        patch_shapes=["square"],
        patch_sizes=[6],
        k=5,
        t=2,
    )
    mixing, image_op, box = used(some, "mixing"), used(some, "image_op"), used(some, "box")
    assert set(mixing) == {-1, MIXING_OPS.index("multiply")}
    assert set(image_op) == {-1, IMAGE_OPS.index("invert"), IMAGE_OPS.index("sharpness")}
    assert (box[mixing >= 0][:, 2:] == 6).all()
    assert (some["n_chains"] == 5).all()
    assert some["depth"].max() == 2


def test_crops_and_images_cover_the_bank(bank, many):
    assert set(many["bank_image"]) == set(range(len(bank)))
    assert set(many["crop"].ravel()) == set(range(9))


def test_the_same_generator_gives_the_same_plan(bank):
    aug = IPMix(bank)
    one, two = (aug.sample_plan(np.random.default_rng(5), (32, 32)) for _ in range(2))
    assert one == two
    assert one != aug.sample_plan(np.random.default_rng(6), (32, 32))
