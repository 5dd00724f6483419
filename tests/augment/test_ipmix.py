import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fractalgen.augment.image_ops import IMAGE_OPS
from fractalgen.augment.ipmix import IPMix
from fractalgen.augment.plan import FRAMEWORKS, MIXING_OPS, PLAN
from tests.augment.conftest import smooth_images

SEEDS = range(100, 124)
FACTORS = (((0.7, 0.3), (1.4, -0.4), (0.2, 0.9)), ((0.7, 0.0), (0.2, 0.0)))


BANK_224 = smooth_images(4, 224, 3)
PHOTOS_224 = smooth_images(6, 224, 4)


@pytest.mark.parametrize("compat", ["paper", "official"])
def test_both_engines_apply_plans_alike(compat):
    """1,500 plans: steps differ by a grey level here and there (a warp on up to a third of it).

    What follows may widen that: equalizing or posterizing a small image, or values that wrap. So
    it is the plans that differ visibly that are counted.
    """
    rng = np.random.default_rng(0)
    shares, means = [], []
    for _ in range(500):
        given = {
            "framework": str(rng.choice(FRAMEWORKS)),
            "compat": compat,
            "image_ops": str(rng.choice(["paper", "all"])),
            "patch_sizes": str(rng.choice(["cifar", "imagenet"])),
        }
        compiled = IPMix(BANK_224, **given)
        reference = IPMix(BANK_224, engine="reference", **given)
        height, width = rng.integers(8, 225, 2) if rng.random() < 0.4 else rng.integers(8, 64, 2)
        for image in PHOTOS_224[:3, :height, :width]:
            plan = compiled.sample_plan(rng, image.shape)
            apart = np.abs(compiled.apply(plan, image) - reference.apply(plan, image)) * 255
            shares.append(np.mean(apart > 2.5))
            means.append(np.mean(apart))
    shares = np.array(shares)
    assert np.mean(shares > 0.001) < 0.02
    assert np.quantile(shares, 0.999) < 0.1
    assert np.mean(means) < 0.01
    assert np.max(means) < (2.0 if compat == "paper" else 8.0)


@settings(max_examples=400)
@given(
    height=st.integers(8, 64),
    width=st.integers(8, 64),
    name=st.sampled_from(MIXING_OPS),
    a=st.floats(0, 2),
    b=st.floats(-1, 1),
    seed=st.integers(0, 2**64 - 1),
    corner=st.tuples(st.integers(0, 7), st.integers(0, 7)),
)
def test_a_mixing_step_of_any_kind(height, width, name, a, b, seed, corner):
    image, bank_image = PHOTOS_224[0, :height, :width], BANK_224[:1, :64, :64]
    plan = np.zeros((), PLAN)
    plan["n_chains"], plan["depth"][0], plan["weights"][0], plan["skip"] = 1, 1, 1, 1
    plan["mixing"][0, 0], plan["image_op"][0, 0] = MIXING_OPS.index(name), -1
    plan["box"][0, 0] = (*corner, height - corner[0], width - corner[1])
    factors = (a / 2, 0) if name.startswith("random") else (a, b)
    plan["factors"][0, 0], plan["mask_seed"][0, 0] = factors, seed
    one, two = (
        IPMix(bank_image, engine=engine).apply(plan[()], image) * 255
        for engine in ("compiled", "reference")
    )
    assert np.abs(one - two).max() <= 1.01


@pytest.mark.parametrize("wraps", [0, 1])
@pytest.mark.parametrize("size", [8, 33, 224])
@pytest.mark.parametrize("name", MIXING_OPS)
def test_a_single_mixing_step_is_within_a_grey_level(name, size, wraps):
    bank_images = smooth_images(2, size, 4)
    plan = np.zeros((), PLAN)
    plan["n_chains"], plan["depth"][0], plan["weights"][0], plan["skip"] = 1, 1, 1, 1
    plan["wraps"], plan["bank_image"] = wraps, 1
    plan["mixing"][0, 0], plan["image_op"][0, 0] = MIXING_OPS.index(name), -1
    plan["box"][0, 0] = (1, 2, size - 3, size - 4)
    plan["mask_seed"][0, 0] = 12345
    for factors in FACTORS[name.startswith("random")]:
        plan["factors"][0, 0] = factors
        one, two = (
            IPMix(bank_images, engine=engine).apply(plan[()], bank_images[0]) * 255
            for engine in ("compiled", "reference")
        )
        apart = np.abs(one - two)
        apart = np.minimum(apart, 256 - apart) if wraps else apart
        assert np.mean(apart <= 1.01) >= 0.999
        np.testing.assert_allclose(one[0], bank_images[0][0], atol=1e-3)  # outside the box
        assert not np.allclose(one, bank_images[0])


@pytest.mark.parametrize("size", [8, 33, 224])
@pytest.mark.parametrize("name", IMAGE_OPS)
def test_a_single_image_operation_is_within_a_grey_level(name, size):
    bank_images = smooth_images(1, size, 5)
    aug = IPMix(bank_images, image_ops=[name], levels=["image"], k=1, t=1, alpha=1000.0)
    reference = IPMix(bank_images, engine="reference")
    for seed in range(6):
        plan = aug.sample_plan(np.random.default_rng(seed), bank_images[0].shape)
        plan = np.array(plan)
        plan["skip"] = 1
        one, two = (a.apply(plan[()], bank_images[0]) * 255 for a in (aug, reference))
        assert np.mean(np.abs(one - two) <= 1.01) >= 0.999


def test_add_by_hand():
    """0.75 * (2 * 200/255 - 1) + 0.25 * (2 * 100/255 - 1): halfway is 175."""
    ours, theirs = np.full((1, 8, 8, 3), 200, np.uint8), np.full((1, 8, 8, 3), 100, np.uint8)
    plan = np.zeros((), PLAN)
    plan["n_chains"], plan["depth"][0], plan["weights"][0], plan["skip"] = 1, 1, 1, 1
    plan["image_op"][0, 0] = -1
    plan["box"][0, 0] = (0, 0, 8, 8)
    plan["factors"][0, 0] = (0.75, 0.25)
    np.testing.assert_allclose(IPMix(theirs).apply(plan[()], ours[0]) * 255, 175, atol=1e-3)
    plan["mixing"][0, 0] = 1  # multiply: 2^-1 (400/255)^0.75 (200/255)^0.25 = 0.6595
    expected = 255 / 2 * (400 / 255) ** 0.75 * (200 / 255) ** 0.25
    np.testing.assert_allclose(
        IPMix(theirs).apply(plan[()], ours[0]) * 255, round(expected), atol=1e-3
    )


def test_the_skip_blends_with_the_clean_image(bank, images):
    plan = np.zeros((), PLAN)
    plan["n_chains"] = 0
    np.testing.assert_allclose(IPMix(bank).apply(plan[()], images[0]), images[0] / 255, atol=1e-6)


def test_a_batch_is_its_images_one_by_one(bank, images):
    aug = IPMix(bank)
    together = aug.batch(images, SEEDS)
    assert together.dtype == np.float32
    assert together.min() >= 0
    assert together.max() <= 1
    for image, seed, result in zip(images, SEEDS, together, strict=True):
        np.testing.assert_array_equal(aug(image, seed), result)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_order_and_batch_size_change_nothing(bank, images, threads):
    whole = IPMix(bank, threads=1).batch(images, SEEDS)
    aug = IPMix(bank, threads=threads)
    np.testing.assert_array_equal(aug.batch(images, SEEDS), whole)
    np.testing.assert_array_equal(aug.batch(images[::-1], SEEDS[::-1]), whole[::-1])
    np.testing.assert_array_equal(aug.batch(images[5:8], SEEDS[5:8]), whole[5:8])


def test_many_callers_at_once(bank, images):
    aug = IPMix(bank, threads=2)
    whole = aug.batch(images, SEEDS)
    with ThreadPoolExecutor(6) as pool:
        for result in pool.map(lambda _: aug.batch(images, SEEDS), range(12)):
            np.testing.assert_array_equal(result, whole)


def test_views_layout_and_normalisation(bank, images):
    aug = IPMix(bank)
    plain = aug.batch(images, SEEDS, views=2)
    assert plain.shape == (2, 24, 32, 32, 3)
    np.testing.assert_array_equal(plain[0], aug.batch(images, SEEDS))
    assert np.abs(plain[0] - plain[1]).mean() > 0.01
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    out = np.empty((2, 24, 3, 32, 32), np.float32)
    given = aug.batch(images, SEEDS, views=2, mean=mean, std=std, layout="NCHW", out=out)
    assert given is out
    expected = ((plain - np.array(mean)) / np.array(std)).transpose(0, 1, 4, 2, 3)
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_views_share_a_image_in_the_public_code_and_not_in_the_paper(bank, images):
    for compat, same in (("official", True), ("paper", False)):
        aug = IPMix(bank, compat=compat)
        bank_images = [
            view["bank_image"].tolist()
            for view in aug._plans(bank, np.arange(30, dtype=np.uint64), 2, 32, 32)
        ]
        assert (bank_images[0] == bank_images[1]) is same


def test_the_reference_engine_does_batches_too(bank, images):
    given = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "layout": "NCHW", "views": 2}
    one = IPMix(bank).batch(images[:4], SEEDS[:4], **given)
    two = IPMix(bank, engine="reference").batch(images[:4], SEEDS[:4], **given)
    assert one.shape == two.shape
    assert np.abs(one - two).mean() < 0.01


def test_pil_images_and_arrays_give_the_same(bank, images):
    aug = IPMix(bank)
    np.testing.assert_array_equal(aug(Image.fromarray(images[0]), 3), aug(images[0], 3))
    grey = Image.fromarray(images[0]).convert("L")
    assert aug(grey, 3).shape == (32, 32, 3)


def test_inputs_and_global_random_state_are_left_alone(bank, images):
    before, state = images.copy(), np.random.get_state()[1].copy()  # noqa: NPY002
    bank_before = bank.copy()
    IPMix(bank).batch(images, SEEDS, views=2)
    IPMix(bank, engine="reference")(images[0], 1)
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(bank, bank_before)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_read_only_and_strided_input_is_fine(bank, images):
    aug = IPMix(bank)
    frozen = images.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(aug.batch(frozen, SEEDS), aug.batch(images, SEEDS))
    flipped = images[:, :, ::-1]
    np.testing.assert_array_equal(
        aug.batch(flipped, SEEDS), aug.batch(np.ascontiguousarray(flipped), SEEDS)
    )


def test_seeds_of_64_bits_and_negative_ones(bank, images):
    aug = IPMix(bank)
    big = aug(images[0], 2**64 - 1)
    np.testing.assert_array_equal(big, aug(images[0], -1))
    assert not np.array_equal(big, aug(images[0], 2**64 - 2))


def test_an_augmenter_can_be_pickled(bank, images):
    aug = IPMix(bank, k=2, threads=2)
    aug.batch(images, SEEDS)
    copy = pickle.loads(pickle.dumps(aug))
    np.testing.assert_array_equal(copy.batch(images, SEEDS), aug.batch(images, SEEDS))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k must be a whole number from 1 to 8, not 0"),
        ({"t": 9}, "t must be a whole number from 1 to 8, not 9"),
        ({"mixing_ops": ["ad"]}, "did you mean 'add'"),
        ({"mixing_ops": []}, "mixing_ops must be a list"),
        ({"mixing_ops": "add"}, "mixing_ops must be a list"),
        ({"image_ops": "most"}, "image_ops: 'most' is unknown"),
        ({"patch_sizes": [0]}, "patch_sizes.*must be a whole number from 2"),
        ({"patch_sizes": "cifra"}, "did you mean 'cifar'"),
        ({"patch_shapes": ["round"]}, "patch_shapes: 'round' is unknown"),
        ({"levels": ["pixels"]}, "did you mean 'pixel'"),
        ({"framework": "chains"}, "did you mean 'chain'"),
        ({"alpha": 0}, "alpha must be"),
        ({"severity": 11}, "severity must be"),
        ({"compat": "code"}, "compat: 'code' is unknown"),
        ({"engine": "fast"}, "engine: 'fast' is unknown; choose from compiled, reference"),
        ({"threads": 0}, "threads must be a whole number from 1 to 1024, not 0"),
    ],
)
def test_bad_options_are_named(bank, options, message):
    with pytest.raises(ValueError, match=message):
        IPMix(bank, **options)


def test_bad_images_are_named(bank, images):
    aug = IPMix(bank)
    with pytest.raises(ValueError, match="need a bank of at least that size"):
        aug(np.zeros((50, 50, 3), np.uint8), 0)
    with pytest.raises(ValueError, match=r"not float64"):
        aug(images[0] / 255, 0)
    with pytest.raises(TypeError, match="cannot augment a str"):
        aug("image.png", 0)
    with pytest.raises(ValueError, match="24 images need 24 seeds, not 3"):
        aug.batch(images, [1, 2, 3])
    with pytest.raises(ValueError, match="out must be"):
        aug.batch(images, SEEDS, out=np.empty((1, 2), np.float32))
    with pytest.raises(ValueError, match="layout"):
        aug.batch(images, SEEDS, layout="CHW")
    with pytest.raises(ValueError, match="no patch size is left"):
        IPMix(bank, levels=["patch"], patch_sizes=["image"])(images[0], 0)
    with pytest.raises(ValueError, match="the bank holds no image"):
        IPMix(bank[:0])


def test_tensors_keep_their_layout(bank, images):
    torch = pytest.importorskip("torch")
    aug = IPMix(bank)
    expected = aug(images[0], 3).transpose(2, 0, 1)
    whole = torch.from_numpy(images[0].transpose(2, 0, 1).copy())
    for tensor in (whole, whole.float() / 255, whole.double() / 255):
        result = aug(tensor, 3)
        assert result.dtype == torch.float32
        np.testing.assert_array_equal(result.numpy(), expected)
    with pytest.raises(ValueError, match="normalise after augmenting"):
        aug(whole.float() / 255 - 0.5, 3)
    with pytest.raises(ValueError, match=r"must be of shape \(3, height, width\)"):
        aug(whole.permute(1, 2, 0), 3)
