import json
import math

import numpy as np
import pytest
from PIL import Image

from fractalgen.errors import ArgumentError, SetError
from fractalgen.mixing_set.measuring.image_measures import entropy
from fractalgen.mixing_set.measuring.stats import stats
from fractalgen.mixing_set.measuring.stats_page import histograms


def write(path, seed=0, size=(24, 24)):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(image).save(path)
    return image


def test_the_families_of_a_set_are_its_groups(small_set):
    found = stats(small_set)
    assert [(group.name, group.n_images) for group in found.groups] == [("ifs", 6)]
    assert found.unreadable == ()
    assert repr(found).splitlines()[1].split()[:2] == ["ifs", "6"]


def test_direct_subfolders_are_groups_and_so_is_the_folder_itself(tmp_path):
    folder = tmp_path / "data"
    for number, name in enumerate(("b/0.png", "b/deep/1.png", "a/0.png", "x.png", "b/.hidden.png")):
        write(folder / name, number)
    names = [(group.name, group.n_images) for group in stats(folder).groups]
    assert names == [("data", 1), ("a", 1), ("b", 2)]
    write(folder / "data/0.png", 9)
    assert [group.name for group in stats(folder).groups] == [".", "a", "b", "data"]


def test_the_numbers_of_a_group_are_those_of_its_images(tmp_path):
    images = [write(tmp_path / f"a/{i:02d}.png", i, (16, 16 + i)) for i in range(21)]
    write(tmp_path / "b/0.png", 99)
    values = np.array([entropy(image) for image in images])
    for workers in (1, 3):
        group = stats(tmp_path, workers=workers).groups[0]
        assert np.array_equal(group.values["entropy"], values)
        spread = group.spreads["entropy"]
        assert spread.mean == pytest.approx(values.mean())
        # Of 21 values, the 5th percentile is the second and the 95th the last but one.
        assert (spread.low, spread.high) == (np.sort(values)[1], np.sort(values)[-2])
    n_bytes = (tmp_path / "a/03.png").stat().st_size
    assert group.values["bits_per_pixel"][3] == 8 * n_bytes / (16 * 19)


def test_the_limit_holds_for_each_group_and_is_spaced_evenly(tmp_path):
    for i in range(10):
        write(tmp_path / f"a/{i}.png", i)
    write(tmp_path / "b/0.png", 99)
    calls = []
    found = stats(tmp_path, limit=4, progress=lambda *call: calls.append(call))
    assert [group.n_images for group in found.groups] == [4, 1]
    assert calls == [(i, 5) for i in range(1, 6)]
    everything = stats(tmp_path).groups[0].values["entropy"]
    assert np.array_equal(found.groups[0].values["entropy"], everything[[0, 2, 5, 7]])


def test_near_duplicates_are_found_across_groups(tmp_path):
    for i in range(4):
        write(tmp_path / f"a/{i}.png", i)
    write(tmp_path / "b/copy.png", 2)
    found = stats(tmp_path)
    assert [group.near_duplicates for group in found.groups] == [0.25, 1]
    assert found.total.near_duplicates == 2 / 5


def test_json_has_no_nan(tmp_path):
    (tmp_path / "flat").mkdir()
    Image.new("RGB", (32, 32), (9, 9, 9)).save(tmp_path / "flat/0.png")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/0.png").write_bytes(b"")
    found = stats(tmp_path)
    text = json.dumps(found.to_json(), allow_nan=False)
    broken, flat = json.loads(text)["groups"]
    assert (broken["images"], broken["near_duplicates"]) == (0, None)
    assert flat["spectrum_slope"] == {"mean": None, "p5": None, "p95": None}
    assert flat["entropy"] == {"mean": 0, "p5": 0, "p95": 0}
    assert json.loads(text)["unreadable"][0]["file"] == "broken/0.png"
    assert math.isnan(found.groups[0].near_duplicates)
    assert "nan" not in repr(found)
    assert histograms(found).width == 1400


def test_a_folder_that_cannot_be_measured(tmp_path):
    with pytest.raises(SetError, match="does not exist"):
        stats(tmp_path / "none")
    with pytest.raises(SetError, match="holds no images"):
        stats(tmp_path)
    (tmp_path / "0.png").write_bytes(b"no image")
    with pytest.raises(SetError, match=r"1 image in .* cannot be read:\n  0.png: not an image"):
        stats(tmp_path)
    for arguments in ({"limit": 0}, {"limit": 1.5}, {"workers": 0}):
        with pytest.raises(ArgumentError):
            stats(tmp_path, **arguments)


def test_a_page_shows_each_group_in_its_color_and_many_small_ones_together(tmp_path):
    for i in range(9):
        for j in range(2 if i == 8 else 1):
            write(tmp_path / f"class-{i}/{j}.png", 10 * i + j)
    found = stats(tmp_path)
    pixels = np.asarray(histograms(found)).reshape(-1, 3)
    present = {tuple(color) for color in np.unique(pixels, axis=0)}
    blue, vermilion, grey, yellow = (0, 114, 178), (213, 94, 0), (140, 140, 146), (230, 159, 0)
    assert {blue, vermilion, grey} <= present
    assert yellow not in present
