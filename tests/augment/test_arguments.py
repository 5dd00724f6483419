"""Whatever the augmenter is given, it says in one sentence what is wrong with it."""

from decimal import Decimal

import numpy as np
import pytest
from PIL import Image

import fractalgen as fg
from fractalgen.augment.figure import figure
from fractalgen.augment.ipmix import IPMix
from fractalgen.augment.plan import PLAN
from tests.augment.conftest import smooth_images

NAN, INF = float("nan"), float("inf")
HUGE = (2**31, 2**63, 2**64, 10**400, -(10**400))
VALUES = (
    *(None, True, False, 0, -1, 1, 2, 3, 8, 9, 2.5, 3.0, 1e300, 1e-320, NAN, INF, -INF, *HUGE),
    *("", "3", "x", "\n", "a" * 10_000, b"add", "cifar", "paper", "add", "chain", "image"),
    *([], (), {}, set(), {"add"}, [None], [3], [4, 8, "image"], [4, 8.0], [4, True], [2**31]),
    *(["add"], ["add", 3], ["add", "ad"], ["square"], ["image"], ["invert"], [["add"]]),
    *(np.int64(3), np.float32(2.5), np.bool_(True), np.array(3), np.array([4, 8]), np.zeros(3)),
    *(object(), int, 1j, Decimal("2.5"), slice(3), range(2, 9)),
)
OPTIONS = (
    *("k", "t", "patch_sizes", "mixing_ops", "image_ops", "patch_shapes", "levels", "framework"),
    *("alpha", "beta", "severity", "compat", "engine", "threads"),
)


def refusals(call, values=VALUES):
    """What a call answers to each value that it refuses."""
    found = []
    for value in values:
        try:
            call(value)
        except ValueError as error:  # noqa: PERF203 - one after the other
            found.append(str(error))
    return found


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_checked_when_it_is_made(bank, images, option):
    def use(value):
        aug = IPMix(bank, **{option: value})  # what is wrong is said here
        result = aug.batch(images[:4], range(4))
        assert np.isfinite(result).all()

    said = refusals(use)
    assert len(said) >= 40
    for sentence in said:
        assert sentence.startswith((option, f"each of {option}")), sentence
        assert "\n" not in sentence
        assert len(sentence) < 400


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 2.5}, r"k must be a whole number from 1 to 8, not 2\.5"),
        ({"k": True}, "k must be a whole number from 1 to 8, not True"),
        ({"t": "3"}, "t must be a whole number from 1 to 8, not '3'"),
        ({"t": NAN}, "t must be a whole number from 1 to 8, not nan"),
        ({"alpha": True}, r"alpha must be a number from 0\.01 to 1000, not True"),
        ({"beta": "3"}, "beta must be a number .* not '3'"),
        ({"beta": INF}, "beta must be a number .* not inf"),
        ({"severity": NAN}, r"severity must be a number from 0\.1 to 10, not nan"),
        ({"patch_sizes": [4, 8.0]}, r"patch_sizes.* must be a whole number from 2 .* not 8\.0"),
        ({"patch_sizes": [4, "images"]}, "patch_sizes: 'images' is unknown; did you mean 'image'"),
        ({"patch_sizes": 4}, "patch_sizes must be 'cifar', 'imagenet', or a list .* not 4"),
        ({"image_ops": None}, "image_ops must be a list of one or more of equalize"),
        ({"levels": {"image", "patch"}}, "levels must be a list .* not {'image', 'patch'}"),
        ({"framework": None}, "framework must be one of chain, linear, input, not None"),
        ({"compat": 1}, "compat must be one of paper, official, not 1"),
        ({"engine": None}, "engine must be one of compiled, reference, not None"),
        ({"threads": 1.5}, r"threads must be a whole number from 1 to 1024, not 1\.5"),
    ],
)
def test_the_sentence_about_an_option(bank, options, message):
    with pytest.raises(ValueError, match=message):
        IPMix(bank, **options)


def test_numbers_of_numpy_will_do(bank, images):
    given = IPMix(bank, k=np.int64(2), t=np.array(4), beta=np.float32(2), patch_sizes=[np.int8(4)])
    plain = IPMix(bank, k=2, t=4, beta=2.0, patch_sizes=[4])
    seeds = np.arange(-2, 22)
    np.testing.assert_array_equal(given.batch(images, seeds), plain.batch(images, list(seeds)))
    np.testing.assert_array_equal(given(images[0], np.int64(-2)), plain(images[0], 2**64 - 2))


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("name", ["mean", "std", "views", "layout", "seeds", "out", "images"])
def test_every_argument_of_a_batch_is_checked(bank, images, engine, name):
    aug, some = IPMix(bank, engine=engine), images[:2, :8, :8]
    given = {"images": some, "seeds": [1, 2]}
    values = [value for value in VALUES if not (name in ("views", "out") and value is None)]
    said = refusals(lambda value: aug.batch(**given | {name: value}), values)
    assert len(said) >= 45
    for sentence in said:
        assert sentence.startswith((name, f"each of {name}", "2 images need 2 seeds")), sentence
        assert "\n" not in sentence


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize(
    "given",
    [
        {"mean": (0.5,)},
        {"mean": (0.5, 0.5)},
        {"mean": (0.5,) * 4},
        {"mean": (0.5, NAN, 0.5)},
        {"mean": (INF, 0.5, 0.5)},
        {"std": 0.5},
        {"std": (0.5, 0.5)},
        {"std": (0.5, 0.0, 0.5)},
        {"std": (0.5, -0.5, 0.5)},
        {"std": (0.5, 0.5, NAN)},
        {"std": (INF, 0.5, 0.5)},
        {"std": (1e-60,) * 3},
    ],
)
def test_mean_and_std_are_three_numbers_that_can_be_used(bank, images, engine, given):
    with pytest.raises(ValueError, match=f"^{next(iter(given))} must be three numbers from"):
        IPMix(bank, engine=engine).batch(images[:2], [1, 2], **given)


def test_a_place_for_results_has_to_be_fit_for_them(bank, images):
    aug, shape = IPMix(bank), (2, 32, 32, 3)
    frozen = np.empty(shape, np.float32)
    frozen.flags.writeable = False
    shifted = np.empty(frozen.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(shape)
    doubled = np.empty((2, 32, 32, 6), np.float32)[..., ::2]
    for out in (frozen, shifted, doubled, np.empty(shape, ">f4"), np.empty(shape), [0.0], "out"):
        with pytest.raises(ValueError, match=r"^out must be"):
            aug.batch(images[:2], [1, 2], out=out)


def test_a_batch_without_images_is_empty_and_one_without_pixels_is_refused(bank, images):
    aug = IPMix(bank)
    assert aug.batch(images[:0], [], views=2).shape == (2, 0, 32, 32, 3)
    for shape in ((2, 0, 4, 3), (2, 4, 0, 3)):
        with pytest.raises(ValueError, match="images must be uint8 of shape"):
            aug.batch(np.zeros(shape, np.uint8), [1, 2])
    for image in (np.zeros((0, 0, 3), np.uint8), Image.new("RGB", (0, 5)), Image.new("L", (4, 0))):
        with pytest.raises(ValueError, match="an image must be uint8 of shape"):
            aug(image, 1)


def test_endless_seeds_are_no_endless_wait(bank, images):
    with pytest.raises(ValueError, match="24 images need 24 seeds, not more"):
        IPMix(bank).batch(images, iter(int, 1))


@pytest.mark.parametrize("seed", [None, 1.0, NAN, "1", True, [1], b"1", np.float64(1)])
def test_a_seed_is_a_whole_number(bank, images, seed):
    with pytest.raises(ValueError, match=r"^seed must be a whole number, not"):
        IPMix(bank)(images[0], seed)
    with pytest.raises(ValueError, match=r"^each of seeds must be a whole number, not"):
        IPMix(bank).batch(images[:2], [1, seed])


@pytest.mark.parametrize(
    "shape", [None, 3, (), (8,), "88", (0, 8), (8, -1), (8.0, 8), (8, True), (8, NAN), (41, 8)]
)
def test_a_shape_to_draw_a_plan_for(bank, shape):
    with pytest.raises(ValueError, match=r"^(image_shape|images of 41 x 8 need)"):
        IPMix(bank).sample_plan(np.random.default_rng(0), shape)
    with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator, not 3"):
        IPMix(bank).sample_plan(3, (8, 8))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 50, 40, 3), "square, not 50 x 40"),  # a crop could begin beyond its edge
        ((2, 40, 50, 3), "square, not 40 x 50"),
        ((0, 40, 40, 3), "holds no image"),
        ((40, 40, 3), r"must be uint8 of shape \(n, size, size, 3\)"),
        ((2, 3, 40, 40), r"must be uint8 of shape \(n, size, size, 3\)"),
    ],
)
def test_a_bank_of_another_shape(shape, message):
    with pytest.raises(ValueError, match=message):
        IPMix(np.zeros(shape, np.uint8))


def test_a_bank_of_another_kind(bank):
    with pytest.raises(ValueError, match="must be uint8"):
        IPMix(bank / 255)
    for other in ("ipmix-set", 3, bank.tolist(), [bank]):
        with pytest.raises(TypeError, match=r"^the bank must be a MixingSet or an array, not"):
            IPMix(other)


@pytest.mark.parametrize("name", ["IPMix", "PixMix", "LayerMix"])
def test_no_bank(name):
    for make in (lambda kind: kind(), lambda kind: kind(None, severity=2)):
        with pytest.raises(TypeError, match=f"^{name} needs images to mix with: a MixingSet"):
            make(getattr(fg, name))


@pytest.mark.parametrize("name", ["filter_side", "sigma", "max_frequency", "max_modes"])
def test_prime_refuses_options_of_operations_that_it_does_not_use(name):
    op = {"filter_side": "filter", "sigma": "filter", "max_modes": "warp"}.get(name, "tone")
    others = [other for other in ("filter", "tone", "warp") if other != op]
    fg.PRIME(operations=others)
    fg.PRIME(operations=[op], **{name: 7})
    with pytest.raises(ValueError, match=f"^{name} is for '{op}', not among the operations"):
        fg.PRIME(operations=others, **{name: 7})


def test_a_bank_that_shrinks_later_is_seen(bank, images):
    """Its array is the caller's: what was checked once may have changed."""

    class Shrinking:
        array = bank

    shrinking = Shrinking()
    aug = IPMix(shrinking)
    shrinking.array = bank[:, :20, :20]
    with pytest.raises(
        ValueError, match=r"not 20 x 20; open the set with MixingSet\(folder, size=\d+\)"
    ):
        aug.batch(images, range(24))
    shrinking.array = bank[:, :35]
    with pytest.raises(ValueError, match="square, not 35 x 40"):
        aug(images[0], 0)


def test_what_is_no_image_is_refused(bank):
    aug = IPMix(bank)
    for value in (None, 3, "x", b"x", [], [[1]], {}, object(), np.float64(3)):
        with pytest.raises(TypeError, match=r"^cannot augment a "):
            aug(value, 0)
    for value in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3))):
        with pytest.raises(ValueError, match=r"^an image must be uint8 of shape"):
            aug(value, 0)


def test_tensors_of_other_kinds(bank):
    torch = pytest.importorskip("torch")
    aug = IPMix(bank)
    half = torch.full((3, 8, 8), 0.5)
    for kind in (torch.bfloat16, torch.float16):
        np.testing.assert_array_equal(aug(half.to(kind), 1), aug(half, 1))
    for value in (half.to(torch.int64), half.to(torch.bool), half.to(torch.complex64)):
        with pytest.raises(ValueError, match=r"^an image must be uint8"):
            aug(value, 1)
    with pytest.raises(ValueError, match="normalise after augmenting"):
        aug(half * NAN, 1)
    for value in (torch.Size([3]), torch.float32, torch.nn.Identity()):
        with pytest.raises(TypeError, match=r"^cannot augment a "):
            aug(value, 1)


@pytest.mark.parametrize(
    ("name", "equal"),
    [("cifar", [4, 8, 16, "image"]), ("imagenet", [4, 8, 16, 32, 64, "image"])],
)
@pytest.mark.parametrize("compat", ["paper", "official"])
@pytest.mark.parametrize("size", [32, 100])
def test_a_list_of_patch_sizes_is_what_its_name_is(name, equal, compat, size):
    """By its name, by its values, and where the whole image is said in pixels."""
    images = smooth_images(3, size, 8)
    whole = [side for side in equal if side != "image" and side < size] + [size]
    by_name, *others = (
        IPMix(images, compat=compat, patch_sizes=sizes).batch(images, range(3), views=4)
        for sizes in ((name, equal, tuple(equal)) if size < 64 else (name, equal, whole))
    )
    for other in others:
        np.testing.assert_array_equal(other, by_name)


@pytest.mark.parametrize("sizes", ["cifar", [4, 8, 16, 32]])
def test_the_public_code_cuts_scars_of_the_whole_image_too(bank, sizes):
    """Half of its patches as large as the image have sides from 2 to the image's."""
    aug = IPMix(bank, compat="official", patch_sizes=sizes, levels=["pixel"], k=8, t=8)
    rng = np.random.default_rng(0)
    plans = np.array([aug.sample_plan(rng, (32, 32)) for _ in range(100)], PLAN)
    used = np.arange(8) < plans["depth"][:, :, None]
    height, width = plans["box"][used][:, 2:].T
    scars = (height < 32) | (width < 32)
    assert abs(scars.mean() - 0.5) < 0.05
    assert min(height.min(), width.min()) == 2
    assert abs(height[scars].mean() - 17) < 0.6


def test_the_figure_names_what_it_cannot_use():
    image, images = smooth_images(1, 20, 9)[0], smooth_images(2, 20, 10)
    for wrong in (None, 3, image.astype(float), image[..., :2], image[:19], images):
        with pytest.raises(ValueError, match="the image must be a square of 16 pixels or more"):
            figure(wrong, images, "ab")
    for wrong in (None, [images], images / 255, images[:, :19]):
        with pytest.raises(ValueError, match="must be uint8 of the image's shape"):
            figure(image, wrong, "ab")
    for wrong in (None, 3, "a", ["a"], ["a", 3], {"a": 1, "b": 2}):
        with pytest.raises(ValueError, match="names must be"):
            figure(image, images, wrong)
    for wrong in (-1, 1.5, True, 2**64):
        with pytest.raises(ValueError, match="seed must be a whole number from 0"):
            figure(image, images, "ab", wrong)
