import numpy as np
import pytest
from PIL import Image

from fractalgen.bank import MixingSet
from fractalgen.errors import RunError, RunUsageError
from fractalgen.evaluation.ood_images import noise_images, ood_images
from fractalgen.mixing_set.building.build import build
from fractalgen.training.datasets import load_data
from tests.mixing_set.small_sets import ifs_recipe


@pytest.fixture
def opened(tmp_path):
    def call(source, **options):
        given = {"size": 32, "n": 12, "seed": 0, "data_dir": tmp_path, "set_folder": None}
        found = ood_images(source, **{**given, **options})
        batches = list(found.batches(7))
        assert all(len(batch) == 7 for batch in batches[:-1])
        images = np.concatenate(batches)
        assert len(found) == len(images)
        return images

    return call


def test_noise_is_of_three_kinds_in_turn(opened):
    images = opened("noise", n=30, size=64)
    assert images.shape == (30, 64, 64, 3)
    assert images.dtype == np.uint8
    gaussian, rademacher, blobs = (images[kind::3].astype(float) for kind in range(3))
    # Beyond two deviations, 4.6% of them, values are clipped: that leaves 0.96 of a deviation.
    assert gaussian.mean() == pytest.approx(127.5, abs=1)
    assert gaussian.std() == pytest.approx(0.959 * 63.75, abs=1)
    assert set(np.unique(rademacher)) == {0, 255}
    assert rademacher.mean() == pytest.approx(127.5, abs=2)
    assert 0.05 < (blobs > 0).mean() < 0.6
    steps = [np.abs(np.diff(kind, axis=2)).mean() for kind in (gaussian, rademacher, blobs)]
    assert steps[2] < 0.3 * min(steps[:2])


def test_a_noise_image_depends_on_seed_and_place_alone():
    assert np.array_equal(noise_images(9, 16, 4)[:5], noise_images(5, 16, 4))
    assert np.array_equal(noise_images(9, 16, 4)[5:], noise_images(4, 16, 4, first=5))
    drawn = np.concatenate([noise_images(9, 16, 4), noise_images(9, 16, 5)])
    assert len({image.tobytes() for image in drawn}) == 18


def test_another_data_sets_test_images_at_the_size_asked_for(opened, tmp_path):
    images = opened("digits", size=20)
    test = load_data("digits", data_dir=tmp_path, image_size=20).test
    known = {image.tobytes() for image in test.for_testing(range(len(test)))}
    assert len({image.tobytes() for image in images} & known) == 12
    assert np.array_equal(opened("digits", size=20), images)
    assert not np.array_equal(opened("digits", size=20, seed=1), images)
    assert len(opened("digits", n=1000)) == 355


def test_fractals_are_the_mixing_sets(opened, tmp_path):
    build(ifs_recipe(), tmp_path / "set", workers=1)
    images = opened("fractals", set_folder=tmp_path / "set", size=16)
    bank = MixingSet(tmp_path / "set", size=16, cache_dir=tmp_path / "cache")
    assert np.array_equal(images, bank.array)
    Image.new("RGB", (24, 24)).save(tmp_path / "set" / "ifs" / "000002.jpg")
    with pytest.raises(RunError, match=r"000002\.jpg: it differs from its record"):
        opened("fractals", set_folder=tmp_path / "set")


def test_a_folder_of_any_images(opened, tmp_path):
    place = tmp_path / "textures"
    (place / "deeper").mkdir(parents=True)
    for value in range(40):
        Image.new("RGB", (40, 30), (value, 0, 0)).save(place / "deeper" / f"{value:02d}.png")
    images = opened(str(place))
    assert images.shape == (12, 32, 32, 3)
    values = images[:, 0, 0, 0].tolist()
    assert len(set(values)) == 12
    assert values == sorted(values)
    assert values != list(range(12))
    everything = opened(str(place), n=99)
    assert everything[:, 5, 5, 0].tolist() == list(range(40))


def test_a_folders_bad_images_are_named(opened, tmp_path):
    place = tmp_path / "textures"
    place.mkdir()
    with pytest.raises(RunError, match="textures holds no images"):
        opened(str(place))
    (place / "a.png").write_text("no image")
    with pytest.raises(RunError, match=r"cannot use .*a\.png: not an image.*Repair or remove"):
        opened(str(place))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nois", r"'nois' is neither a folder nor a source of OOD images: did you mean 'noise'\?"),
        ("fashion", "did you mean 'fashion-mnist'"),
        ("/no/such/place", "choose from noise, fractals, digits"),
        ("fractals", "fractals need a mixing set; choose one with --set"),
    ],
)
def test_what_there_is_not_is_refused(opened, source, message):
    with pytest.raises(RunUsageError, match=message):
        opened(source)
