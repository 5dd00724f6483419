"""AugMix, PixMix, LayerMix and PRIME: what they draw, and that both engines agree."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fractalgen as fg
from fractalgen.augment.augmix import AUGMIX_OPS
from fractalgen.augment.image_ops import apply_image_op
from fractalgen.augment.plan import PLAN, from_json, to_json
from fractalgen.errors import ArgumentError
from fractalgen.kernels.plan_layout import IMAGE_OPS, MIXING_OPS, NO_OP
from tests.augment.conftest import smooth_images

KINDS = ("AugMix", "PixMix", "LayerMix", "PRIME")
WITH_A_BANK = ("PixMix", "LayerMix")
SEEDS = range(500, 524)


def augmenter(name, bank=None, **options):
    bank = smooth_images(12, 40, 1) if bank is None else bank
    return getattr(fg, name)(*((bank,) if name in WITH_A_BANK else ()), **options)


def plans(name, n=2000, **options):
    aug = augmenter(name, **options)
    return aug._plans(aug._images(40), np.arange(n, dtype=np.uint64), 1, 32, 32)[0]


@pytest.mark.parametrize("name", KINDS)
def test_both_engines_apply_plans_alike(name):
    """600 plans: a grey level here and there, and more where a steep tone curve follows."""
    photos, rng = smooth_images(3, 96, 4), np.random.default_rng(0)
    shares, means = [], []
    for _ in range(200):
        height, width = rng.integers(8, 65, 2)
        engines = [augmenter(name, photos, engine=one) for one in ("compiled", "reference")]
        for image in photos[:, :height, :width]:
            plan = engines[0].sample_plan(rng, image.shape)
            apart = np.abs(np.subtract(*(aug.apply(plan, image) for aug in engines))) * 255
            shares.append(np.mean(apart > 2.5))
            means.append(np.mean(apart))
    assert np.mean(np.array(shares) > 0.005) < 0.02
    assert np.mean(means) < 0.02
    assert np.max(means) < 2


@pytest.mark.parametrize("name", KINDS)
def test_a_result_depends_on_image_and_seed_alone(name, images):
    aug = augmenter(name, threads=1)
    whole = aug.batch(images, SEEDS, views=2)
    assert whole.shape == (2, 24, 32, 32, 3)
    assert whole.min() >= 0
    assert whole.max() <= 1
    assert np.abs(whole[0] - images / 255).mean() > 0.005
    assert np.abs(whole[0] - whole[1]).mean() > 0.005
    other = pickle.loads(pickle.dumps(augmenter(name, threads=3)))
    np.testing.assert_array_equal(other.batch(images[::-1], SEEDS[::-1], views=2), whole[:, ::-1])
    np.testing.assert_array_equal(other.batch(images[5:8], SEEDS[5:8], views=2), whole[:, 5:8])
    np.testing.assert_array_equal(other(Image.fromarray(images[3]), SEEDS[3]), whole[0, 3])


@pytest.mark.parametrize("name", KINDS)
def test_plans_survive_json(name):
    aug = augmenter(name)
    for seed in range(40):
        plan = aug.sample_plan(np.random.default_rng(seed), (32, 32, 3))
        text = json.loads(json.dumps(to_json(plan)))
        image = smooth_images(1, 32, seed)[0]
        np.testing.assert_array_equal(aug.apply(from_json(text), image), aug.apply(plan, image))


def used(plan, field):
    n = plan["n_chains"]
    return [plan[field][chain][: plan["depth"][chain]] for chain in range(n)]


def test_augmix_draws_what_its_paper_says():
    drawn = plans("AugMix")
    assert set(drawn["n_chains"]) == {3}
    depths = drawn["depth"][:, :3]
    np.testing.assert_allclose(np.bincount(depths.ravel())[1:] / depths.size, 1 / 3, atol=0.03)
    ops = np.concatenate([op for plan in drawn for op in used(plan, "image_op")])
    shares = np.bincount(ops, minlength=len(IMAGE_OPS)) / len(ops)
    for op, share in zip(IMAGE_OPS, shares, strict=True):
        assert share == pytest.approx(1 / 9 if op in AUGMIX_OPS else 0, abs=0.015)
    assert all((mixing == NO_OP).all() for plan in drawn for mixing in used(plan, "mixing"))
    np.testing.assert_allclose(drawn["weights"].sum(axis=1), 1, atol=1e-5)
    # Beta(1, 1) is uniform; a weight of Dirichlet(1, 1, 1) is Beta(1, 2).
    assert drawn["skip"].mean() == pytest.approx(0.5, abs=0.02)
    assert drawn["skip"].var() == pytest.approx(1 / 12, abs=0.01)
    assert drawn["weights"][:, 0].var() == pytest.approx(1 / 18, abs=0.006)
    assert set(plans("AugMix", 50, depth=2)["depth"][:, 0]) == {2}


def test_pixmix_draws_what_its_paper_says():
    rounds, starts, copies, adds = [], [], [], []
    for plan in plans("PixMix"):
        assert (plan["n_chains"], plan["skip"], plan["weights"][0]) == (1, 1, 1)
        mixing, image_op = used(plan, "mixing")[0], used(plan, "image_op")[0]
        mixes = mixing != NO_OP
        assert mixes[1:].all()
        starts.append(len(mixes) > 0 and not mixes[0])
        rounds.append(mixes.sum())
        copies += list(image_op[mixes] != NO_OP)
        adds += list(mixing[mixes] == MIXING_OPS.index("add"))
        assert set(mixing[mixes]) <= {MIXING_OPS.index("add"), MIXING_OPS.index("multiply")}
        assert (plan["box"][0, : len(mixes)] == (0, 0, 32, 32)).all()
    np.testing.assert_allclose(np.bincount(rounds) / len(rounds), 0.2, atol=0.03)
    for coin in (starts, copies, adds):
        assert np.mean(coin) == pytest.approx(0.5, abs=0.03)


def test_layermix_uses_one_operation_and_the_bank_in_the_third_layer_alone():
    layers = []
    for plan in plans("LayerMix", 900):
        mixing, image_op = used(plan, "mixing")[0], used(plan, "image_op")[0]
        assert len(set(image_op) - {NO_OP}) == 1
        layers.append(len(mixing))
        assert list(mixing != NO_OP) == [False, True, True, False][: len(mixing)]
        assert list(image_op != NO_OP) == [True, True, False, True][: len(mixing)]
    counts = np.bincount(layers)
    np.testing.assert_allclose(counts[[1, 2, 4]] / len(layers), 1 / 3, atol=0.05)


def test_prime_draws_what_its_code_says():
    drawn = plans("PRIME", 3000)
    steps = [
        (IMAGE_OPS[op], amount, detail)
        for plan in drawn
        for ops, amounts, details in zip(
            *(used(plan, field) for field in ("image_op", "amount", "detail")), strict=True
        )
        for op, amount, detail in zip(ops, amounts, details, strict=True)
    ]
    of = {
        name: [step[1:] for step in steps if step[0] == name] for name in ("filter", "tone", "warp")
    }
    assert sum(map(len, of.values())) == len(steps)
    for name, mean in (("filter", 2.0), ("tone", 0.005), ("warp", 0.5)):
        assert len(of[name]) / len(steps) == pytest.approx(1 / 3, abs=0.02)
        assert np.mean([amount for amount, _ in of[name]]) == pytest.approx(mean, rel=0.05)
    assert {tuple(detail) for _, detail in of["filter"]} == {(1, 3)}
    highest = np.array([detail[1] for _, detail in of["tone"]])
    assert (highest.min(), highest.max()) == (1, 100)
    assert highest.mean() == pytest.approx(50.5, rel=0.03)
    modes = np.array([detail[1] for _, detail in of["warp"]])
    assert modes.min() == 2
    assert 90 < modes.max() <= 100
    banded = plans("PRIME", 300, bandwidth=20, operations=["tone"])["detail"][:, 0, 0]
    assert (banded[:, 1] - banded[:, 0] < 20).all()
    assert banded[:, 0].max() > 20


def test_nothing_happens_without_strength(images):
    still = fg.PRIME(sigma=0, temperature=0, operations=["filter", "tone"]).batch(images, SEEDS)
    np.testing.assert_allclose(still, images / 255, atol=1e-6)


def test_the_operations_by_hand():
    """A filter without its noise, a curve of one sine, and a field that ends at the edges."""
    ramp = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    given = Image.fromarray(ramp)
    np.testing.assert_array_equal(apply_image_op(given, "filter", 0.0, (1, 5), 1), ramp)
    tone = np.asarray(apply_image_op(given, "tone", 0.01, (1, 1), 7)).reshape(
        256, 3
    ) - 1.0 * ramp.reshape(256, 3)
    sine = np.sin(np.pi * np.arange(256) / 255)
    for channel in range(3):
        free = np.s_[60:180]  # not clipped
        weight = tone[128, channel] / sine[128]
        np.testing.assert_allclose(tone[free, channel], weight * sine[free], atol=1.1)
    warped = np.asarray(apply_image_op(given, "warp", 1.0, (1, 3), 7))
    np.testing.assert_array_equal(
        warped[[0, 0, -1, -1], [0, -1, 0, -1]], ramp[[0, 0, -1, -1], [0, -1, 0, -1]]
    )
    assert np.abs(warped.astype(int) - ramp).max() > 3


@pytest.mark.parametrize(
    ("op", "field", "value", "message"),
    [
        ("filter", "detail", (1, 4), "second must be odd, not 4"),
        (
            "filter",
            "detail",
            (1, 17),
            r"detail\[0, 0\]'s second must be a whole number from 1 to 15",
        ),
        ("filter", "detail", (2, 3), r"first must be a whole number from 1 to 1, not 2"),
        ("filter", "amount", 17.0, "amount.* of filter must be a number from 0 to 16"),
        ("tone", "detail", (5, 4), r"first must be a whole number from 1 to 4, not 5"),
        ("tone", "detail", (1, 10**6), "second must be a whole number from 1 to 1000"),
        ("tone", "amount", -0.1, "amount.* of tone must be"),
        ("warp", "detail", (1, 1), "second must be a whole number from 2 to 1000"),
        ("warp", "amount", np.nan, "amount.* of warp must be"),
    ],
)
def test_foreign_plans_of_random_operations_are_checked(op, field, value, message):
    plan = np.zeros((), PLAN)
    plan["n_chains"], plan["depth"][0], plan["weights"][0] = 1, 1, 1
    plan["mixing"][0, 0], plan["image_op"][0, 0] = NO_OP, IMAGE_OPS.index(op)
    plan["detail"][0, 0] = (1, 3)
    image = smooth_images(1, 16, 1)[0]
    assert fg.PRIME().apply(plan[()], image).shape == image.shape
    plan[field][0, 0] = value
    with pytest.raises(ArgumentError, match=message):
        fg.PRIME().apply(plan[()], image)


def test_a_plan_that_mixes_needs_a_bank():
    pixmix = augmenter("PixMix")
    image = smooth_images(1, 32, 1)[0]
    mixing = [p for p in plans("PixMix", 50) if (used(p, "image_op")[0] == NO_OP).any()]
    assert pixmix.apply(mixing[0], image).shape == image.shape
    mixing[0]["bank_image"], mixing[0]["crop"] = 0, 0
    with pytest.raises(ArgumentError, match="mixes with an image, and AugMix has none"):
        fg.AugMix().apply(mixing[0], image)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("AugMix", {"depth": 0}, "depth must be 1 to 8, or -1 for 1 to 3"),
        ("AugMix", {"width": 9}, "width must be a whole number from 1 to 8"),
        ("AugMix", {"all_ops": 1}, "all_ops must be True or False, not 1"),
        ("AugMix", {"depht": 1}, "AugMix has no option 'depht': did you mean 'depth'"),
        ("PixMix", {"k": 8}, "k must be a whole number from 1 to 7"),
        ("LayerMix", {"layers": 4}, "layers must be a whole number from 1 to 3"),
        ("PRIME", {"operations": ["blur"]}, "operations: 'blur' is unknown"),
        ("PRIME", {"filter_side": 4}, "filter_side must be odd, not 4"),
        ("PRIME", {"max_modes": 2}, "max_modes must be a whole number from 3"),
    ],
)
def test_bad_options_are_named(name, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        augmenter(name, **options)


def results():
    bank, images = smooth_images(3, 14, 1), smooth_images(6, 12, 2)
    return [
        augmenter(name, bank, threads=1, **({"max_modes": 20} if name == "PRIME" else {})).batch(
            images, range(6)
        )
        for name in KINDS
    ]


def test_python_gives_the_compiled_code_s_values(tmp_path):
    written = tmp_path / "values.npz"
    subprocess.run(
        [sys.executable, "-W", "error", "-m", __name__, written],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        check=True,
    )
    with np.load(written) as values:
        for name, compiled in zip(values, results(), strict=True):
            np.testing.assert_array_equal(values[name], compiled)


if __name__ == "__main__":
    np.savez(sys.argv[1], *results())
