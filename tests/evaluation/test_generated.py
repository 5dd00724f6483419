import os

import numpy as np
import pytest

from fractalgen.evaluation.corruptions import SEVERITIES, generated
from fractalgen.evaluation.corruptions.common import COMMON, CORRUPTIONS, common_suite, corrupted
from fractalgen.evaluation.corruptions.generated import (
    GeneratedCorruption,
    corrupted_parts,
)
from fractalgen.evaluation.corruptions.published import read_corruptions
from fractalgen.training.datasets.in_memory import InMemoryImages
from tests.mixing_set.small_sets import names_in


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
    return GeneratedCorruption(COMMON, name, "folder:/toys", test, indices, seed, told, cache_dir)


def test_threads_make_the_same_pixels_in_the_same_order(monkeypatch):
    monkeypatch.setattr(generated, "_PIXELS_PER_PART", 2 * 32 * 32)
    made = [
        np.concatenate(
            list(corrupted_parts(COMMON, IMAGES.__getitem__, INDICES, "shot_noise", 1, workers))
        )
        for workers in (1, 3)
    ]
    assert made[0].shape == (40, 32, 32, 3)
    np.testing.assert_array_equal(made[0][16:24], corrupted(IMAGES, INDICES, "shot_noise", 3, 1))
    np.testing.assert_array_equal(made[0], made[1])
    some = corrupted_parts(COMMON, IMAGES.__getitem__, INDICES, "shot_noise", 1, severities=(3,))
    np.testing.assert_array_equal(np.concatenate(list(some)), made[0][16:24])


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


def test_two_processes_that_make_them_at_once_make_them_once_each(tmp_path, monkeypatch):
    """The second makes them while the first writes its last file."""
    made, replace = [], os.replace

    def corruption():
        return generated_corruption("contrast", tmp_path, progress=lambda *done: made.append(done))

    def replace_late(source, target):
        if str(target).endswith(".sha256") and made.count(("making contrast", 40, 40)) == 1:
            corruption().cached()
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_late)
    first = corruption()
    assert isinstance(first.cached().base, np.memmap)
    assert made.count(("making contrast", 40, 40)) == 2
    assert names_in(first.folder(IMAGES)) == [".contrast.npy.sha256", "contrast.npy", "labels.npy"]


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


def test_other_images_indices_seeds_libraries_and_strengths_have_other_folders(
    tmp_path, monkeypatch
):
    def folder(images=IMAGES, **changed):
        return generated_corruption("snow", tmp_path, images, **changed).folder(images)

    folders = {folder(), folder(images=IMAGES + 1), folder(indices=INDICES + 1), folder(seed=1)}
    monkeypatch.setattr(generated, "versions_of_suite", lambda _: {"pillow": "0"})
    folders.add(folder())
    monkeypatch.setattr("tests.evaluation.test_generated.COMMON", common_suite("imagenet"))
    folders.add(folder())
    assert len(folders) == 6
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
    corruption = GeneratedCorruption(COMMON, "contrast", "toys", test, chosen, 0, lambda *_: None)
    batches = list(corruption.batches(2))
    assert [len(images) for images, _ in batches] == [2] * 7 + [1]
    images, labels = (np.concatenate(each) for each in zip(*batches, strict=True))
    for severity, part in zip(SEVERITIES, np.split(images, 5), strict=True):
        expected = corrupted(IMAGES[chosen], chosen, "contrast", severity, 0)
        np.testing.assert_array_equal(part, expected)
    np.testing.assert_array_equal(labels, np.tile(chosen, 5))
    assert any(tmp_path.rglob("contrast.npy")) == bool(max_bytes)
