"""An overwriting that is interrupted, and what comes after it."""

import json

import numpy as np
import pytest
from PIL import Image

from fractalgen.errors import SetError
from fractalgen.mixing_set.building.build import build, repair
from fractalgen.mixing_set.building.summary import BuildInterrupted
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.recipes.recipe import Recipe
from tests.mixing_set.small_sets import SIZE, ifs_recipe, tree


def after(n):
    """Make a progress that is interrupted, as by a Ctrl-C, when `n` images are done."""

    def progress(done, total):
        if done == n:
            raise KeyboardInterrupt

    return progress


def interrupted(recipe, folder, n=3, **options):
    with pytest.raises(BuildInterrupted):
        build(recipe, folder, workers=1, overwrite=True, progress=after(n), **options)


def fresh(recipe, folder, **options):
    build(recipe, folder.parent / "fresh", **options)
    return tree(folder.parent / "fresh")


OTHER = ifs_recipe(seed=8)


def test_the_same_call_goes_on(small_set):
    interrupted(OTHER, small_set)
    assert "overwriting" in json.loads((small_set / "set.json").read_text())
    summary = build(OTHER, small_set, overwrite=True)
    assert summary.n_removed == 0
    assert summary.families[0].kept >= 3
    assert tree(small_set) == fresh(OTHER, small_set)
    assert build(OTHER, small_set, overwrite=True).n_removed == 6


def test_without_overwrite_it_goes_on_too(small_set):
    interrupted(OTHER, small_set)
    assert build(OTHER, small_set).families[0].kept >= 3
    assert tree(small_set) == fresh(OTHER, small_set)


def test_a_repair_finishes_it(small_set):
    interrupted(OTHER, small_set)
    assert repair(small_set).families[0].kept >= 3
    assert tree(small_set) == fresh(OTHER, small_set)


def test_another_call_begins_anew(small_set):
    interrupted(OTHER, small_set)
    another = ifs_recipe(5, seed=8, objects=2)
    assert build(another, small_set, overwrite=True).n_removed >= 3
    assert tree(small_set) == fresh(another, small_set)


def test_a_part_of_it_does_not_end_it(small_set):
    interrupted(OTHER, small_set, n=1)
    build(ifs_recipe(2, seed=8), small_set)
    assert "overwriting" in json.loads((small_set / "set.json").read_text())
    assert build(OTHER, small_set, overwrite=True).families[0].kept >= 2
    assert tree(small_set) == fresh(OTHER, small_set)


def test_what_was_there_before_is_refused_as_another_set(small_set):
    interrupted(OTHER, small_set)
    with pytest.raises(SetError, match="seed is 8 in the set, but 0 was requested"):
        build(ifs_recipe(), small_set)
    assert not verify(small_set).findings.foreign


def test_a_family_beside_it_is_left_alone(small_set):
    build(Recipe(SIZE, families={"features": 2}), small_set)
    again = ifs_recipe(objects=2)
    interrupted(again, small_set)
    kept = {name: data for name, data in tree(small_set).items() if name.startswith("features")}
    assert len(kept) == 2
    build(again, small_set, overwrite=True)
    assert kept.items() <= tree(small_set).items()
    assert verify(small_set, redraw=8).ok


@pytest.fixture
def mine(tmp_path):
    folders = []
    for seed, name in enumerate(("one", "two")):
        folder = tmp_path / name
        folder.mkdir()
        for index in range(5):
            pixels = np.random.default_rng((seed, index)).integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")
        folders.append(str(folder))
    return folders


def test_collected_images_of_another_place_are_another_call(tmp_path, mine):
    folder = tmp_path / "set"
    recipe = Recipe(SIZE, families=())
    build(recipe, folder, collected={"extra": mine[0]})
    interrupted(recipe, folder, collected={"extra": mine[1]})
    summary = build(recipe, folder, collected={"extra": mine[1]}, overwrite=True)
    assert summary.n_removed == 0
    assert summary.families[0].kept >= 3
    assert tree(folder) == fresh(recipe, folder, collected={"extra": mine[1]})
    interrupted(recipe, folder, collected={"extra": mine[1]})
    assert build(recipe, folder, collected={"extra": mine[0]}, overwrite=True).n_removed >= 3
    build(recipe, tmp_path / "first", collected={"extra": mine[0]})
    assert tree(folder) == tree(tmp_path / "first")


@pytest.mark.parametrize("damage", [3, [], {"asked": 3}, {"asked": {}, "places": ""}])
def test_a_damaged_note_is_a_damaged_description(small_set, damage):
    path = small_set / "set.json"
    described = json.loads(path.read_text()) | {"overwriting": damage}
    path.write_text(json.dumps(described))
    with pytest.raises(SetError, match=r"set\.json is damaged"):
        verify(small_set)
