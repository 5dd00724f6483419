import random
import subprocess
import sys

import numpy as np
import pytest

from fractalgen.errors import RunError
from fractalgen.evaluation.corruptions import SEVERITIES, generated
from fractalgen.evaluation.corruptions.generated import (
    GeneratedCorruption,
    corrupted_parts,
)
from fractalgen.evaluation.corruptions.imagenet_c import CORRUPTIONS, GROUPS, IMAGENET_C, corrupted
from fractalgen.evaluation.corruptions.published import read_corruptions
from fractalgen.seeding import rng_for
from fractalgen.training.datasets.in_memory import InMemoryImages


def smooth_images(n, size, seed=0):
    """Blobs of colour in the middle of grey: something that noise, blur and weather change."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    images = np.full((n, size, size, 3), 0.4)
    for image in images:
        for _ in range(6):
            centre = rng.uniform(0.2, 0.8, 2)
            blob = np.hypot(y - centre[0], x - centre[1]) < rng.uniform(0.08, 0.2)
            image[blob] = rng.uniform(0.1, 0.9, 3)
    return np.rint(images * 255).astype(np.uint8)


IMAGES = smooth_images(8, 32)
INDICES = np.arange(100, 108)


class Numbered:
    """Test images whose indices begin at 100."""

    def __init__(self, images):
        self.array = images
        self.labels = np.arange(200) % 3

    def for_testing(self, indices):
        return self.array[np.asarray(indices) - 100]


def generated_corruption(name, cache_dir, images=IMAGES, indices=INDICES, seed=0, progress=None):
    test = Numbered(images)
    told = progress or (lambda *_: None)
    return GeneratedCorruption(
        IMAGENET_C, name, "folder:/toys", test, indices, seed, told, cache_dir
    )


def distance(a, b):
    return np.abs(a.astype(float) - b.astype(float)).mean()


def test_fifteen_names_of_the_library_in_its_order():
    import imagecorruptions

    assert list(CORRUPTIONS) == imagecorruptions.get_corruption_names("common")
    for group, names in GROUPS.items():
        assert list(names)[:4] == imagecorruptions.get_corruption_names(group)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_severity_moves_images_further_from_the_clean_ones(name):
    distances = [distance(corrupted(IMAGES, INDICES, name, s, 0), IMAGES) for s in SEVERITIES]
    assert distances[0] > 0.5
    assert distances[-1] > 1.1 * distances[0]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_image_does_not_depend_on_the_others(name):
    whole = corrupted(IMAGES, INDICES, name, 3, 7)
    order = np.array([5, 0, 3])
    np.testing.assert_array_equal(
        corrupted(IMAGES[order], INDICES[order], name, 3, 7), whole[order]
    )


@pytest.mark.parametrize(
    "name",
    sorted(
        set(CORRUPTIONS)
        - {"defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression"}
    ),
)
def test_seed_and_index_change_what_is_random(name):
    same = np.repeat(IMAGES[:1], 4, axis=0)  # two angles of motion blur may be nearly equal
    by_index = corrupted(same, [1, 2, 3, 4], name, 3, 0)
    assert (by_index != by_index[0]).any()
    by_seed = [corrupted(same[:1], [1], name, 3, seed)[0] for seed in range(4)]
    np.testing.assert_array_equal(by_seed[0], by_index[0])
    assert (np.stack(by_seed) != by_index[0]).any()


@pytest.mark.parametrize("name", ["frost", "snow", "brightness"])
def test_remembered_files_change_no_pixel(name):
    import imagecorruptions

    out = corrupted(IMAGES, INDICES, name, 4, 3)
    for i, index in enumerate(INDICES):
        rng = rng_for(3, f"corruption {name} 4", int(index))
        np.random.seed(int(rng.integers(2**32)))  # noqa: NPY002
        expected = imagecorruptions.corrupt(IMAGES[i], severity=4, corruption_name=name)
        np.testing.assert_array_equal(out[i], expected)


def test_arguments_and_global_streams_are_left_alone():
    images = IMAGES.copy()
    images.flags.writeable = False
    np.random.seed(123)  # noqa: NPY002
    random.seed(123)
    expected = np.random.random(3), random.random()  # noqa: NPY002
    np.random.seed(123)  # noqa: NPY002
    random.seed(123)
    for name in CORRUPTIONS:
        corrupted(images[:2], INDICES[:2], name, 5, 0)
    np.testing.assert_array_equal(np.random.random(3), expected[0])  # noqa: NPY002
    assert random.random() == expected[1]
    np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize("size", [8, 28])
def test_small_images_are_corrupted_at_their_own_scale(size):
    images = smooth_images(2, size)
    out = corrupted(images, [0, 1], "contrast", 1, 0)
    assert out.shape == images.shape
    # Contrast 0.4 about each channel's mean: differences shrink to 0.4 of what they were.
    expected = 0.4 * np.ptp(images, axis=(1, 2))
    np.testing.assert_allclose(np.ptp(out.astype(float), axis=(1, 2)), expected, atol=1)
    middle = size // 2
    big = np.pad(images, [(0, 0), (40, 40), (40, 40), (0, 0)], mode="reflect")
    blurred = corrupted(big, [0, 1], "defocus_blur", 1, 0)[:, 40 + middle, 40 + middle]
    small = corrupted(images, [0, 1], "defocus_blur", 1, 0)[:, middle, middle]
    np.testing.assert_allclose(small.astype(int), blurred.astype(int), atol=1)


def test_another_process_makes_the_same_pixels():
    code = (
        "import hashlib, numpy as np\n"
        "from tests.evaluation.test_corruptions import INDICES, IMAGES, corrupted\n"
        "for name in ('impulse_noise', 'glass_blur', 'frost', 'snow'):\n"
        "    out = corrupted(IMAGES[2:4], INDICES[2:4], name, 2, 5)\n"
        "    print(hashlib.sha256(out.tobytes()).hexdigest())\n"
    )
    import hashlib

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = [
        hashlib.sha256(corrupted(IMAGES, INDICES, name, 2, 5)[2:4].tobytes()).hexdigest()
        for name in ("impulse_noise", "glass_blur", "frost", "snow")
    ]
    assert done.stdout.split() == here


def test_worker_processes_make_the_same_pixels(monkeypatch):
    monkeypatch.setattr(generated, "_PIXELS_PER_PART", 2 * 32 * 32)
    alone = np.concatenate(
        list(corrupted_parts(IMAGENET_C, IMAGES.__getitem__, INDICES, "shot_noise", 1, workers=1))
    )
    assert alone.shape == (40, 32, 32, 3)
    np.testing.assert_array_equal(alone[16:24], corrupted(IMAGES, INDICES, "shot_noise", 3, 1))
    many = corrupted_parts(
        IMAGENET_C, IMAGES.__getitem__, INDICES, "shot_noise", 1, workers=2, worth_seconds=0.0
    )
    np.testing.assert_array_equal(np.concatenate(list(many)), alone)


def test_cached_images_are_those_made_and_are_made_once(tmp_path):
    seen = []
    snow = generated_corruption("snow", tmp_path, progress=lambda *done: seen.append(done))
    first = snow.cached()
    assert first.shape == (40, 32, 32, 3)
    assert seen[-1] == ("making snow", 40, 40)
    for severity, part in zip(SEVERITIES, np.split(first, 5), strict=True):
        expected = corrupted(IMAGES, INDICES, "snow", severity, 0)
        np.testing.assert_array_equal(part, expected)
    seen.clear()
    np.testing.assert_array_equal(snow.cached(), first)
    assert not seen


@pytest.mark.parametrize("damage", ["truncated", "changed", "no checksum", "no array"])
def test_a_damaged_cache_is_made_anew(tmp_path, damage):
    contrast = generated_corruption("contrast", tmp_path)
    expected = np.array(contrast.cached())
    path = contrast.folder(IMAGES) / "contrast.npy"
    data = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(data[:-1])
    elif damage == "changed":
        path.write_bytes(data[:-100] + bytes([data[-100] ^ 1]) + data[-99:])
    elif damage == "no checksum":
        path.with_name(".contrast.npy.sha256").unlink()
        path.write_bytes(data[:2000] + bytes(len(data) - 2000))
    else:
        path.write_bytes(b"")
    np.testing.assert_array_equal(contrast.cached(), expected)
    assert path.read_bytes() == data
    assert not list(path.parent.glob(".*part*"))


def test_other_images_indices_seeds_and_libraries_have_other_folders(tmp_path, monkeypatch):
    def folder(images=IMAGES, **changed):
        return generated_corruption("snow", tmp_path, images, **changed).folder(images)

    folders = {folder(), folder(images=IMAGES + 1), folder(indices=INDICES + 1), folder(seed=1)}
    monkeypatch.setattr(generated, "_versions", lambda _: {"imagecorruptions-imaug": "0"})
    folders.add(folder())
    assert len(folders) == 5
    assert all(path.parent == tmp_path for path in folders)


def test_where_nothing_can_be_written_images_are_made_in_memory(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    out = generated_corruption("contrast", in_the_way / "cache").cached()
    np.testing.assert_array_equal(out[8:16], corrupted(IMAGES, INDICES, "contrast", 2, 0))
    assert in_the_way.read_text() == ""


def test_the_cache_can_be_read_as_a_published_folder(tmp_path):
    made = {name: generated_corruption(name, tmp_path) for name in CORRUPTIONS}
    last = [corruption.cached() for corruption in made.values()][-1]
    labels = INDICES % 3
    read = read_corruptions(made["snow"].folder(IMAGES), labels, 32, ("a", "b", "c"))
    assert tuple(corruption.name for corruption in read) == CORRUPTIONS
    images, their_labels = (np.concatenate(each) for each in zip(*read[-1].batches(5), strict=True))
    np.testing.assert_array_equal(images, last)
    np.testing.assert_array_equal(their_labels, np.tile(labels, 5))


@pytest.mark.parametrize("max_bytes", [1 << 30, 0])
def test_the_test_images_are_corrupted_whether_they_fit_into_the_cache_or_not(
    tmp_path, monkeypatch, max_bytes
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(generated, "_MAX_CACHED_BYTES", max_bytes)
    test = InMemoryImages(IMAGES, np.arange(8), size=32, padding=4, mirror=True)
    chosen = np.array([1, 4, 6])
    corruption = GeneratedCorruption(
        IMAGENET_C, "contrast", "toys", test, chosen, 0, lambda *_: None
    )
    batches = list(corruption.batches(2))
    assert [len(images) for images, _ in batches] == [2] * 7 + [1]
    images, labels = (np.concatenate(each) for each in zip(*batches, strict=True))
    for severity, part in zip(SEVERITIES, np.split(images, 5), strict=True):
        expected = corrupted(IMAGES[chosen], chosen, "contrast", severity, 0)
        np.testing.assert_array_equal(part, expected)
    np.testing.assert_array_equal(labels, np.tile(chosen, 5))
    assert any(tmp_path.rglob("contrast.npy")) == bool(max_bytes)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ModuleNotFoundError("No module named 'cv2'"), "fractalgen-ipmix[train]"),
        (ImportError("libGL.so.1: cannot open shared object file"), "opencv-python-headless"),
    ],
)
def test_a_missing_library_is_named_with_what_to_install(monkeypatch, error, advice):
    import importlib

    def fail(name):
        raise error

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(RunError) as caught:
        corrupted(IMAGES, INDICES, "snow", 1, 0)
    assert str(error) in str(caught.value)
    assert advice in str(caught.value)
