import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from fractalgen.errors import RunError, RunUsageError
from fractalgen.methods import METHODS
from fractalgen.seeding import seed_for
from fractalgen.training.datasets import DATASETS, load_data
from fractalgen.training.datasets.data_set import DataSet
from fractalgen.training.datasets.in_memory import channel_statistics, in_memory_data
from fractalgen.training.models import MODELS


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return load_data("digits", data_dir=tmp_path_factory.mktemp("data"))


def everything(images):
    return images.for_testing(range(len(images)))


def test_digits_are_scikit_learns_each_once(digits):
    bundled = load_digits()
    assert digits.classes == tuple("0123456789")
    assert (len(digits.train), len(digits.test), digits.size) == (1442, 355, 32)
    labels = np.concatenate([digits.train.labels, digits.test.labels])
    assert np.array_equal(np.bincount(labels), np.bincount(bundled.target))
    parts = np.concatenate([everything(digits.train), everything(digits.test)])
    assert parts.shape == (1797, 32, 32, 3)
    assert parts.dtype == np.uint8
    assert np.array_equal(parts[..., 0], parts[..., 2])
    # Three pixels for one, from the fourth on: averaged they are close to the original again.
    shrunk = parts[:, 4:28, 4:28, 0].reshape(-1, 8, 3, 8, 3).mean(axis=(2, 4)) * 16 / 255
    originals = bundled.images.reshape(1797, 64)
    for index in range(0, 1797, 50):
        nearest = np.square(originals - shrunk[index].reshape(64)).sum(axis=1).argmin()
        assert bundled.target[nearest] == labels[index]
        assert np.abs(originals[nearest] - shrunk[index].reshape(64)).max() < 4


def test_digits_are_split_alike_in_every_class_and_every_time(digits, tmp_path):
    shares = np.bincount(digits.test.labels) / np.bincount(load_digits().target)
    assert np.all(np.abs(shares - 0.2) < 0.01)
    again = load_data("digits", data_dir=tmp_path / "elsewhere")
    assert np.array_equal(everything(again.test), everything(digits.test))
    assert np.array_equal(again.test.labels, digits.test.labels)


@pytest.mark.parametrize("size", [16, 32, 48])
def test_no_crop_cuts_a_digit_and_none_is_mirrored(size, tmp_path):
    data = load_data("digits", data_dir=tmp_path, image_size=size)
    indices = range(len(data.train))
    plain = data.train.for_testing(indices)
    for epoch in range(3):
        seeds = [seed_for(0, epoch, index) for index in indices]
        crops = data.train.for_training(indices, seeds)
        assert crops.shape == plain.shape == (1442, size, size, 3)
        assert np.array_equal(crops.sum(axis=(1, 2), dtype=int), plain.sum(axis=(1, 2), dtype=int))
        assert not np.array_equal(crops, plain)
        for axis, direction in ((1, "down"), (2, "right")):
            # The middle of the ink moves by whole pixels: in a mirror image it would not.
            moved = middle(crops, axis) - middle(plain, axis)
            assert np.allclose(moved, np.rint(moved), atol=1e-6), direction
            assert set(np.rint(moved)) == set(range(-(size // 16), size // 16 + 1))


def middle(images, axis):
    """Where the centre of mass is along an axis."""
    other = 3 - axis
    profile = images[..., 0].sum(axis=other, dtype=float)
    return profile @ np.arange(profile.shape[1]) / profile.sum(axis=1)


def test_images_depend_on_index_and_seed_alone(digits):
    seeds = {index: seed_for(3, 1, index) for index in (5, 900, 17)}
    together = digits.train.for_training(list(seeds), list(seeds.values()))
    for place, (index, seed) in enumerate(seeds.items()):
        assert np.array_equal(digits.train.for_training([index], [seed])[0], together[place])
    copy = pickle.loads(pickle.dumps(digits.train))
    assert np.array_equal(copy.for_training(list(seeds), list(seeds.values())), together)
    assert digits.train.for_testing([]).shape == (0, 32, 32, 3)


def test_mean_and_deviation_are_those_of_the_training_images(digits):
    pixels = everything(digits.train) / 255
    assert digits.mean == pytest.approx(pixels.mean(axis=(0, 1, 2)), rel=1e-10)
    assert digits.std == pytest.approx(pixels.std(axis=(0, 1, 2)), rel=1e-10)


def test_statistics_of_many_coloured_images_and_of_one_value():
    pixels = np.random.default_rng(0).integers(0, 256, (5000, 3, 2, 3), np.uint8)
    pixels[..., 1] //= 3
    mean, std = channel_statistics(pixels)
    assert mean == pytest.approx((pixels / 255).mean(axis=(0, 1, 2)), rel=1e-12)
    assert std == pytest.approx((pixels / 255).std(axis=(0, 1, 2)), rel=1e-12)
    bright = np.full((4, 2, 2, 1), 255, np.uint8)
    assert channel_statistics(bright) == ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 40])
def test_another_size_is_pillows_bicubic(channels, size):
    pixels = np.random.default_rng(1).integers(0, 256, (3, 20, 20, channels), np.uint8)
    labels = np.arange(3)
    data = in_memory_data(
        DataSet("some", load=None, image_size=20, recipes={}),
        size,
        train=(pixels, labels),
        test=(pixels, labels),
        classes=("a", "b", "c"),
    )
    rgb = Image.fromarray(np.broadcast_to(pixels[2], (20, 20, 3)).copy())
    expected = np.asarray(rgb.resize((size, size), Image.Resampling.BICUBIC))
    assert np.array_equal(data.test.for_testing([0, 2])[1], expected)
    trained = data.train.for_training([2], [7])[0]
    assert np.array_equal(trained, expected) or np.array_equal(trained, expected[:, ::-1])


def test_a_folder_without_the_prefix_is_told_the_prefix(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunUsageError, match="to use this folder, write folder:photos"):
        load_data("photos", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "image_size", "message"),
    [
        ("cifra10", None, r"unknown data set 'cifra10': did you mean 'cifar10'\?"),
        ("xyz", None, "choose from digits, fashion-mnist, cifar10, cifar100, folder:DIR"),
        ("folder:", None, "add a folder after 'folder:'"),
        ("digits", 4, "need at least 8 pixels a side, not 4"),
    ],
)
def test_what_there_is_not_is_refused(tmp_path, name, image_size, message):
    with pytest.raises(RunUsageError, match=message):
        load_data(name, data_dir=tmp_path, image_size=image_size)


def test_a_missing_scikit_learn_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(RunError, match=r"pip install 'fractalgen-ipmix\[train\]'"):
        load_data("digits", data_dir=tmp_path)


def test_names_are_known_before_anything_slow_is_imported():
    code = (
        "import sys\n"
        "from fractalgen.methods import METHODS\n"
        "from fractalgen.training.datasets import DATASETS\n"
        "from fractalgen.training.models import MODELS\n"
        "print(*DATASETS, *METHODS, *MODELS)\n"
        "assert not {'torch', 'torchvision', 'sklearn', 'numba', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.split() == [*DATASETS, *METHODS, *MODELS]
