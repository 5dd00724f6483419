"""Plans from outside: checked once, field by field, because kernels have no bounds checks."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fractalgen.augment.image_ops import IMAGE_OPS, REFERENCES, amount_range
from fractalgen.augment.ipmix import IPMix
from fractalgen.augment.plan import FRAMEWORKS, MIXING_OPS, PLAN, checked_plan, from_json, to_json
from tests.augment.conftest import smooth_images

ROOT = Path(__file__).parents[2]
IMAGE = smooth_images(1, 8, 3)[0]
NAN, INF = float("nan"), float("inf")


@pytest.fixture(scope="module")
def aug():
    return IPMix(smooth_images(3, 12, 4))


def sound_plan(**fields):
    """Two steps for an image of 8 x 8: rotate, and add with a copy that is sheared."""
    plan = np.zeros(1, PLAN)[0]
    plan["n_chains"], plan["depth"][0], plan["weights"][0], plan["skip"] = 1, 2, 1, 0.5
    plan["mixing"][0, :2] = -1, MIXING_OPS.index("add")
    plan["image_op"][0, :2] = IMAGE_OPS.index("rotate"), IMAGE_OPS.index("shear-x")
    plan["amount"][0, :2] = -20, 0.2
    plan["box"][0, 1], plan["factors"][0, 1] = (2, 1, 4, 7), (0.75, 0.25)
    for name, value in fields.items():
        plan[name] = value
    return plan


def at(name, place, value):
    """A sound plan's field with one element changed."""
    field = sound_plan()[name].copy()
    field[place] = value
    return {name: field}


def test_hostile_plans_are_refused_by_name_or_applied_as_the_reference_does():
    """1,200 of them, in a process that may end by a segmentation fault."""
    child = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.augment.hostile_plans"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-4000:]
    counts = {name: (int(a), int(b)) for name, a, b in map(str.split, child.stdout.splitlines())}
    assert set(counts) == {"records", "texts"}
    assert all(min(refused, applied) >= 150 for refused, applied in counts.values())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bank_image": 3}, "bank_image must be a whole number from 0 to 2, not 3"),
        ({"bank_image": -1}, "bank_image must be .* not -1"),
        ({"bank_image": 2**62}, "bank_image must be"),
        ({"crop": (5, 0)}, r"crop\[0\] must be a whole number from 0 to 4, not 5"),
        ({"crop": (0, -1)}, r"crop\[1\] must be .* not -1"),
        ({"framework": 3}, "framework must be a whole number from 0 to 2, not 3"),
        ({"wraps": 2}, "wraps must be a whole number from 0 to 1, not 2"),
        ({"skip": NAN}, "skip must be a number from 0 to 1, not nan"),
        ({"skip": -0.5}, r"skip must be .* not -0\.5"),
        ({"n_chains": 9}, "n_chains must be a whole number from 0 to 8, not 9"),
        ({"n_chains": -(2**31)}, "n_chains must be"),
        (at("weights", 0, INF), r"weights\[0\] must be a number from 0 to 1\.0001, not inf"),
        (at("weights", 0, -1), r"weights\[0\] must be .* not -1"),
        ({"n_chains": 2, "weights": (0.8,) * 8}, r"the sum of weights must be .* not 1\.6"),
        (at("depth", 0, 9), r"depth\[0\] must be a whole number from 0 to 8, not 9"),
        (at("depth", 0, -1), r"depth\[0\] must be"),
        (at("mixing", (0, 1), 4), r"mixing\[0, 1\] must be a whole number from -1 to 3, not 4"),
        (at("mixing", (0, 1), -2), r"mixing\[0, 1\] must be"),
        (at("image_op", (0, 0), 18), r"image_op\[0, 0\] must be a whole number from 0 to 17"),
        (at("image_op", (0, 0), -1), r"image_op\[0, 0\] must be .* not -1"),  # does nothing
        (at("image_op", (0, 1), -2), r"image_op\[0, 1\] must be .* from -1 to 17, not -2"),
        (at("amount", (0, 0), INF), r"amount\[0, 0\] of rotate must be a number from -30 to 30"),
        (at("amount", (0, 0), 31), r"amount\[0, 0\] of rotate must be .* not 31"),
        (at("amount", (0, 1), NAN), r"amount\[0, 1\] of shear-x must be .* from -0\.3 to 0\.3"),
        (at("box", (0, 1, 0), 8), r"box\[0, 1\]'s top must be a whole number from 0 to 7, not 8"),
        (at("box", (0, 1, 1), -1), r"box\[0, 1\]'s left must be .* not -1"),
        (at("box", (0, 1, 2), 7), r"box\[0, 1\]'s height must be .* from 1 to 6, not 7"),
        (at("box", (0, 1, 3), 0), r"box\[0, 1\]'s width must be .* from 1 to 7, not 0"),
        (at("factors", (0, 1, 0), 2.5), r"factors\[0, 1\]'s a of add must be .* from 0 to 2"),
        (at("factors", (0, 1, 1), NAN), r"factors\[0, 1\]'s b of add must be .* from -1 to 1"),
    ],
)
@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_wrong_field_is_named_with_its_value_and_range(aug, engine, fields, message):
    engine = IPMix(aug.bank, engine=engine)
    engine.apply(sound_plan(), IMAGE)
    with pytest.raises(ValueError, match=message):
        engine.apply(sound_plan(**fields), IMAGE)


@pytest.mark.parametrize(
    "fields",
    [
        at("weights", 1, NAN),
        at("depth", 1, 1000),
        at("image_op", (0, 2), 99),
        at("box", (0, 0, 3), 99),
        at("amount", (7, 7), INF),
    ],
)
def test_what_a_plan_does_not_use_may_be_anything(aug, fields):
    expected = aug.apply(sound_plan(), IMAGE)
    np.testing.assert_array_equal(aug.apply(sound_plan(**fields), IMAGE), expected)


def test_a_plan_of_another_size_or_bank(aug):
    narrow = IPMix(aug.bank, k=1, t=1, levels=["pixel"])
    for seed in range(20):
        plan = narrow.sample_plan(np.random.default_rng(seed), (12, 12))
        with pytest.raises(ValueError, match=r"(box|amount)\[0, 0\]"):
            narrow.apply(plan, IMAGE)
    with pytest.raises(ValueError, match=r"images of 13 x 8 need a bank of at least that size"):
        aug.apply(sound_plan(), np.zeros((13, 8, 3), np.uint8))


@pytest.mark.parametrize(
    "plan",
    [
        None,
        [],
        "plan",
        7,
        to_json(sound_plan()),
        np.zeros(1, PLAN),
        np.zeros((2, 2), PLAN),
        np.zeros((), PLAN.newbyteorder()),
        np.zeros((), np.uint8),
        np.zeros((), np.dtype([("bank_image", np.int64)])),
        np.void(bytes(PLAN.itemsize)),
        np.zeros((), object),
    ],
)
def test_what_is_no_plan_is_refused(aug, plan):
    with pytest.raises(TypeError, match=r"a plan must be one record of dtype .*, not "):
        aug.apply(plan, IMAGE)
    with pytest.raises(TypeError, match=r"a plan must be one record of dtype"):
        to_json(plan)


def test_a_plan_is_copied_before_it_is_checked():
    plans = np.array([sound_plan()], PLAN)
    copied = checked_plan(plans[0], (8, 8), (3, 12, 12))
    plans["depth"] = 99
    assert copied == sound_plan()


@pytest.mark.parametrize("compat", ["paper", "official"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_no_plan_that_is_drawn_is_refused(compat, framework):
    """With the greatest amounts, at sizes at which roundings count."""
    bank = np.zeros((4, 40, 40, 3), np.uint8)
    options = {"image_ops": "all", "severity": 10, "k": 8, "t": 8, "alpha": 0.01, "beta": 0.01}
    aug = IPMix(bank, compat=compat, framework=framework, patch_sizes=[2, 5, 8, "image"], **options)
    rng = np.random.default_rng(0)
    for size in ((1, 1), (1, 7), (3, 2), (17, 40), (31, 29), (40, 40)):
        for _ in range(60):
            plan = aug.sample_plan(rng, size)
            assert checked_plan(plan, size, bank.shape) == plan


@pytest.mark.parametrize("name", IMAGE_OPS)
@pytest.mark.parametrize("size", [(9, 9), (8, 24), (24, 7)])
def test_amounts_at_the_ends_of_their_ranges_are_applied_as_by_the_reference(name, size):
    images = smooth_images(1, 24, 5)
    image = images[0, : size[0], : size[1]]
    low, high, _ = amount_range(name, (size[1], size[0]))
    for amount in (low, high):
        rounded = np.round(amount, 4)  # without what is added for roundings
        plan = sound_plan(skip=1.0, **at("depth", 0, 1))
        plan["image_op"][0, 0], plan["amount"][0, 0] = IMAGE_OPS.index(name), rounded
        plan["detail"][0, 0] = REFERENCES[name].random.usual if REFERENCES[name].random else 0
        one, two = (
            IPMix(images, engine=engine).apply(plan, image) * 255
            for engine in ("compiled", "reference")
        )
        assert np.abs(one - two).max() <= 1.01, amount


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bank_image": "0"}, "bank_image must be a whole number from 0 to .* not '0'"),
        ({"bank_image": 0.0}, r"bank_image must be .* not 0\.0"),
        ({"bank_image": True}, "bank_image must be .* not True"),
        ({"bank_image": 10**5000}, "bank_image must be"),
        ({"crop": 0}, "crop must be a list of 2 numbers, not 0"),
        ({"crop": [0, 0, 0]}, "crop must be a list of 2 numbers"),
        ({"crop": [0, None]}, r"crop\[1\] must be a whole number .* not None"),
        ({"framework": "chian"}, "framework: 'chian' is unknown; did you mean 'chain'"),
        ({"framework": 1}, "framework must be one of chain, linear, input, not 1"),
        ({"framework": ["chain"]}, "framework must be one of"),
        ({"wraps": "no"}, "wraps must be a whole number from 0 to 1, not 'no'"),
        ({"skip": "0.5"}, r"skip must be a number from 0 to 1, not '0\.5'"),
        ({"skip": 10**400}, "skip must be a number from 0 to 1"),
        ({"chains": None}, "chains must be a list, not None"),
        ({"chains": [None]}, r"not a plan: chains\[0\] must be a dictionary of weight, steps"),
        ({"chains": [{"weight": 0.1, "steps": []}] * 9}, "n_chains must be .* to 8, not 9"),
        ({"chains": [{"weight": 1.0, "steps": "add"}]}, r"chains\[0\]'s steps must be a list"),
        ({"chains": [{"weight": 1.0, "steps": [{}]}]}, r"its step \[0, 0\] has no 'image_op'"),
        ({"colour": 1}, "not a plan: it has an unknown key 'colour'"),
    ],
)
def test_json_that_is_no_plan_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        from_json(to_json(sound_plan()) | change)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"amount": NAN}, r"amount\[0, 1\] of shear-x must be a number .* not nan"),
        ({"amount": 1e300}, r"amount\[0, 1\] of shear-x must be .* from -0\.3 to 0\.3"),
        ({"image_op": "shear-z"}, r"image_op\[0, 1\]: 'shear-z' is unknown; did you mean 'shear-"),
        ({"mixing": 1}, r"mixing\[0, 1\] must be one of add"),
        ({"box": [0, 0, 8]}, r"box\[0, 1\] must be a list of 4 numbers"),
        ({"box": [0, 0, 2**31, 1]}, r"box\[0, 1\]'s height must be .* not 2147483648"),
        ({"factors": [0.5]}, r"factors\[0, 1\] must be a list of 2 numbers"),
        ({"factors": [INF, 0]}, r"factors\[0, 1\]'s a of add must be .* not inf"),
        ({"mask_seed": 2**64}, r"mask_seed\[0, 1\] must be a whole number"),
        ({"mask_seed": 0.5}, r"mask_seed\[0, 1\] must be a whole number"),
        ({"ammount": 1}, r"its step \[0, 1\] has an unknown key 'ammount'"),
    ],
)
def test_a_step_in_json_that_is_wrong_is_named(step, message):
    data = to_json(sound_plan())
    data["chains"][0]["steps"][1] |= step
    with pytest.raises(ValueError, match=message):
        from_json(data)
