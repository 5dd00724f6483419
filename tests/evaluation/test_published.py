import re

import numpy as np
import pytest
from PIL import Image

from fractalgen.errors import RunError
from fractalgen.evaluation.corruptions.common import CORRUPTIONS, GROUPS
from fractalgen.evaluation.corruptions.perturbations import PERTURBATIONS
from fractalgen.evaluation.corruptions.published import (
    C_BAR,
    IMAGENET_C_BAR,
    read_corruptions,
    read_perturbations,
)
from fractalgen.training.datasets.folders import images_of_classes

N, SIZE, CLASSES = 6, 8, ("cat", "dog", "owl")
LABELS = np.array([0, 1, 2, 0, 1, 2])
RNG = np.random.default_rng(0)
ARRAYS = {
    name: RNG.integers(0, 256, (5 * N, SIZE, SIZE, 3), dtype=np.uint8)
    for name in (*CORRUPTIONS, *C_BAR, *IMAGENET_C_BAR, "speckle_noise", "plasma")
}


def write_arrays(folder, names, labels=LABELS):
    for name in names:
        np.save(folder / f"{name}.npy", ARRAYS[name])
    if labels is not None:
        np.save(folder / "labels.npy", np.tile(labels, 5).astype(np.uint8))
    return folder


@pytest.fixture
def cifar_c(tmp_path):
    return write_arrays(tmp_path, (*CORRUPTIONS, "speckle_noise"))


def read(folder, **options):
    return read_corruptions(folder, LABELS, SIZE, CLASSES, **options)


def everything(corruption, severity, batch_size=4):
    """The images and labels at a severity."""
    images, labels = zip(*corruption.batches(batch_size), strict=True)
    assert all(len(batch) <= batch_size for batch in images)
    assert sum(map(len, labels)) == len(corruption)
    parts = [np.split(np.concatenate(all_), 5) for all_ in (images, labels)]
    return tuple(part[severity - 1] for part in parts)


def read_all(folder, **options):
    for corruption in read(folder, **options):
        everything(corruption, 1)


def refusal(folder, **options):
    with pytest.raises(RunError) as caught:
        read_all(folder, **options)
    return str(caught.value)


@pytest.mark.parametrize("with_labels", [True, False])
def test_cifar_c(tmp_path, with_labels):
    folder = write_arrays(
        tmp_path, (*CORRUPTIONS, "speckle_noise"), LABELS if with_labels else None
    )
    found = read(folder)
    assert tuple(corruption.name for corruption in found) == CORRUPTIONS
    images, labels = everything(found[4], 3)
    np.testing.assert_array_equal(images, ARRAYS["glass_blur"][2 * N : 3 * N])
    np.testing.assert_array_equal(labels, LABELS)


def test_part_of_the_test_set(cifar_c):
    images, labels = everything(read(cifar_c, indices=[1, 4])[0], 5)
    np.testing.assert_array_equal(images, ARRAYS["gaussian_noise"][[4 * N + 1, 4 * N + 4]])
    np.testing.assert_array_equal(labels, [1, 1])


def test_c_bar_and_others(tmp_path):
    assert tuple(c.name for c in read(write_arrays(tmp_path, C_BAR))) == C_BAR
    other = tmp_path / "other"
    other.mkdir()
    assert [c.name for c in read(write_arrays(other, ["speckle_noise", "plasma"]))] == [
        "plasma",
        "speckle_noise",
    ]


def test_another_number_of_images_with_labels_of_their_own(tmp_path):
    labels = np.array([2, 1, 0, 0])
    np.save(tmp_path / "plasma.npy", ARRAYS["plasma"][:20])
    np.save(tmp_path / "labels.npy", np.tile(labels, 5))
    images, found = everything(read(tmp_path)[0], 2)
    np.testing.assert_array_equal(images, ARRAYS["plasma"][4:8])
    np.testing.assert_array_equal(found, labels)
    assert "evaluate without --limit" in refusal(tmp_path, indices=[0])


def test_imagenet_c_bar_as_published(tmp_path):
    """Its names and severities; half of the names are CIFAR-10-C-bar's too."""
    names = [
        "blue_noise_sample",
        "brownish_noise",
        "caustic_refraction",
        "checkerboard_cutout",
        "cocentric_sine_waves",
        "inverse_sparkles",
        "perlin_noise",
        "plasma_noise",
        "single_frequency_greyscale",
        "sparkles",
    ]
    severities = ("10.0", "2.0", "3.5", "5.0", "7.25")
    write_folders(tmp_path, names, severities=severities)
    found = read(tmp_path)
    assert [corruption.name for corruption in found] == names
    # In the order of the numbers, 10.0 is the harshest.
    assert everything(found[2], 5)[0][0, 0, 0, 0] == 0
    assert everything(found[2], 1)[0][0, 0, 0, 0] == 50


@pytest.mark.parametrize("names", [CORRUPTIONS, C_BAR, IMAGENET_C_BAR])
def test_missing_corruptions_are_listed(tmp_path, names):
    write_arrays(tmp_path, names[2:])
    message = refusal(tmp_path)
    assert f"lacks {names[0]}, {names[1]}" in message
    assert str(tmp_path) in message


def damage_truncated(folder):
    path = folder / "snow.npy"
    path.write_bytes(path.read_bytes()[:-1])
    return path, "truncated"


def damage_empty(folder):
    (folder / "snow.npy").write_bytes(b"")
    return folder / "snow.npy", "cannot be read"


def damage_not_numpy(folder):
    (folder / "snow.npy").write_text("<html>quota exceeded</html>")
    return folder / "snow.npy", "cannot be read"


def damage_pickle(folder):
    np.save(folder / "snow.npy", np.array([{"a": 1}], object), allow_pickle=True)
    return folder / "snow.npy", "cannot be read"


def damage_archive(folder):
    np.savez(folder / "snow.npz", ARRAYS["snow"])
    (folder / "snow.npz").replace(folder / "snow.npy")
    return folder / "snow.npy", "not an array"


def damage_dtype(folder):
    np.save(folder / "snow.npy", ARRAYS["snow"].astype(np.float32))
    return folder / "snow.npy", "float32"


def damage_shape(folder):
    np.save(folder / "snow.npy", ARRAYS["snow"].transpose(0, 3, 1, 2))
    return folder / "snow.npy", re.escape("(30, 3, 8, 8)")


def damage_size(folder):
    np.save(folder / "snow.npy", np.zeros((30, 32, 32, 3), np.uint8))
    return folder / "snow.npy", "32 x 32 pixels, and the network was trained with 8 x 8"


def damage_length(folder):
    np.save(folder / "snow.npy", ARRAYS["snow"][:25])
    return folder / "snow.npy", "25 images, but labels.npy has 30"


def damage_labels_length(folder):
    np.save(folder / "labels.npy", np.tile(LABELS, 5)[:-1])
    return folder / "labels.npy", re.escape("shape (29,)")


def damage_labels_empty(folder):
    np.save(folder / "labels.npy", np.array([], np.int64))
    return folder / "labels.npy", re.escape("shape (0,)")


def damage_labels_dtype(folder):
    np.save(folder / "labels.npy", np.tile(LABELS, 5).astype(float))
    return folder / "labels.npy", "float64"


def damage_labels_range(folder):
    np.save(folder / "labels.npy", np.tile(LABELS, 5) + 1)
    return folder / "labels.npy", "labels from 1 to 3, but the data set has 3 classes"


def damage_labels_order(folder):
    np.save(folder / "labels.npy", np.tile(LABELS[::-1], 5))
    return folder / "labels.npy", "differs from the labels of the test set"


@pytest.mark.parametrize(
    "damage", [value for name, value in sorted(globals().items()) if name.startswith("damage_")]
)
def test_bad_arrays_are_named(cifar_c, damage):
    path, reason = damage(cifar_c)
    message = refusal(cifar_c)
    assert str(path) in message
    assert re.search(reason, message)


def test_folders_without_images(tmp_path):
    assert "holds no corrupted images" in refusal(tmp_path)
    assert "does not exist" in refusal(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    assert "is not a folder" in refusal(tmp_path / "file")
    write_arrays(tmp_path, [])
    assert "holds no corrupted images" in refusal(tmp_path)


def write_folders(folder, names=CORRUPTIONS, *, in_groups=False, severities="12345"):
    """Two images of each class, of a grey level that tells their severity and label."""
    group_of = {name: group for group, names in GROUPS.items() for name in names}
    for name in names:
        above = folder / group_of[name] if in_groups else folder
        for i, severity in enumerate(severities):
            for label, class_name in enumerate(CLASSES):
                place = above / name / severity / class_name
                place.mkdir(parents=True)
                for number in range(2):
                    grey = 50 * i + 10 * label + number
                    image = Image.new("RGB", (SIZE, SIZE), (grey, grey, grey))
                    image.save(place / f"{number}.png")
    return folder


@pytest.mark.parametrize("in_groups", [False, True])
def test_imagenet_c(tmp_path, in_groups):
    found = read(write_folders(tmp_path, in_groups=in_groups))
    assert tuple(corruption.name for corruption in found) == CORRUPTIONS
    images, labels = everything(found[0], 2)
    assert images.shape == (N, SIZE, SIZE, 3)
    assert images[:, 0, 0, 0].tolist() == [50, 51, 60, 61, 70, 71]
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    # Among the test images, the cats are the first and the fourth; among the files, they lead.
    images, labels = everything(read(tmp_path, indices=[2, 3])[0], 1)
    assert images[:, 0, 0, 0].tolist() == [1, 20]
    assert labels.tolist() == [0, 2]


def test_imagenet_c_bar_has_other_names_for_severities(tmp_path):
    write_folders(tmp_path, ["plasma"], severities=["4.75", "7.00", "8.50", "9.25", "10.00"])
    images, _ = everything(read(tmp_path)[0], 5)
    assert images[:, 0, 0, 0].tolist() == [200, 201, 210, 211, 220, 221]


def test_bad_folders_of_images(tmp_path):
    write_folders(tmp_path, CORRUPTIONS[1:])
    assert "lacks gaussian_noise" in refusal(tmp_path)
    write_folders(tmp_path, CORRUPTIONS[:1])

    image = tmp_path / "gaussian_noise" / "1" / "dog" / "0.png"
    good = image.read_bytes()
    image.write_bytes(good[:40])
    assert str(image) in refusal(tmp_path)
    Image.new("RGB", (9, 7)).save(image)
    assert f"{image} has 9 x 7 pixels" in refusal(tmp_path)
    image.write_bytes(good)

    stranger = tmp_path / "snow" / "4" / "n01440764"
    stranger.mkdir()
    assert "not classes of the data set, such as n01440764" in refusal(tmp_path)
    stranger.rmdir()
    (tmp_path / "snow" / "4").rename(tmp_path / "snow" / "four")
    assert f"{tmp_path / 'snow'} has 4 severities" in refusal(tmp_path)


def test_folders_with_fewer_images_are_named_before_any_is_read(tmp_path):
    write_folders(tmp_path)
    severity = tmp_path / "snow" / "4"
    (severity / "dog" / "0.png").unlink()
    with pytest.raises(RunError, match=r"has 5 images, but .* has 6; download") as caught:
        read(tmp_path)
    assert str(caught.value).startswith(f"{severity} has")
    for path in severity.glob("*/*.png"):
        path.unlink()
    with pytest.raises(RunError, match="holds no images") as caught:
        read(tmp_path)
    assert str(severity) in str(caught.value)


def test_a_part_of_folders_that_are_not_the_whole_test_set_is_refused(tmp_path):
    write_folders(tmp_path)
    with pytest.raises(RunError, match="has 6 images, but the test set has 7"):
        read_corruptions(tmp_path, np.zeros(7, np.int64), SIZE, CLASSES, [0])
    others = np.array([0, 0, 0, 1, 1, 2])
    with pytest.raises(RunError, match="other numbers of images of some classes"):
        read_corruptions(tmp_path, others, SIZE, CLASSES, [0])


def test_folders_are_in_the_order_of_the_test_images(tmp_path):
    """A hyphen sorts before the slash: "a-b/0.png" is before "a/0.png"."""
    classes = ("a", "a-b")
    for name in CORRUPTIONS:
        for severity in "12345":
            for grey, class_name in ((10, "a"), (20, "a-b")):
                place = tmp_path / name / severity / class_name
                place.mkdir(parents=True)
                Image.new("RGB", (SIZE, SIZE), (grey,) * 3).save(place / "0.png")
    test = images_of_classes(tmp_path / "snow" / "3", classes, SIZE, whole=True)
    for indices in ([0, 1], [1]):
        (corruption,) = (
            found
            for found in read_corruptions(tmp_path, test.labels, SIZE, classes, indices)
            if found.name == "snow"
        )
        images, labels = everything(corruption, 3)
        np.testing.assert_array_equal(images, test.for_testing(indices))
        np.testing.assert_array_equal(labels, test.labels[indices])


@pytest.fixture
def cifar_p(tmp_path):
    for name in (*PERTURBATIONS, "shear"):
        array = RNG.integers(0, 256, (N, 3, SIZE, SIZE, 3), dtype=np.uint8)
        np.save(tmp_path / f"{name}.npy", array)
    return tmp_path


def test_cifar_p(cifar_p):
    found = read_perturbations(cifar_p, SIZE)
    assert tuple(found) == PERTURBATIONS
    sequences, indices = found["shot_noise"]
    np.testing.assert_array_equal(sequences, np.load(cifar_p / "shot_noise.npy"))
    np.testing.assert_array_equal(indices, np.arange(N))
    _, indices = read_perturbations(cifar_p, SIZE, N, [5, 0])["shot_noise"]
    np.testing.assert_array_equal(indices, [5, 0])


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (ARRAYS["snow"], "(30, 8, 8, 3)"),
        (np.zeros((N, 1, SIZE, SIZE, 3), np.uint8), "one frame per sequence"),
        (np.zeros((0, 3, SIZE, SIZE, 3), np.uint8), "has no sequences"),
        (np.zeros((N, 3, 16, 16, 3), np.uint8), "16 x 16 pixels"),
        (np.zeros((N - 1, 3, SIZE, SIZE, 3), np.uint8), "has 5 images, but the test set has 6"),
        (None, "lacks tilt"),
    ],
)
def test_bad_sequences_are_named(cifar_p, array, reason):
    (cifar_p / "tilt.npy").unlink()
    if array is not None:
        np.save(cifar_p / "tilt.npy", array)
    with pytest.raises(RunError, match=re.escape(reason)) as caught:
        read_perturbations(cifar_p, SIZE, N, [0])
    assert "tilt" in str(caught.value)
