"""What a caller of the library writes, and what he gets without writing it."""

import dataclasses
import json
from functools import partial
from pathlib import Path

import pytest

from fractalgen.errors import ArgumentError, RecipeError, SetError, UnknownNameError
from fractalgen.mixing_set.building.build import build, repair
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.engines.local import LocalEngine
from fractalgen.mixing_set.merging.merge import merge
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_store import FolderStore
from fractalgen.mixing_set.viewing.contact_sheet import contact_sheet
from tests.mixing_set.small_sets import SIZE, ifs_recipe, names_in, tree


def settings_of(folder):
    recipe = json.loads((folder / "set.json").read_text())["recipe"]
    return recipe["size"], recipe["seed"], recipe["format"]


def test_a_recipe_without_arguments_is_the_whole_set():
    recipe = Recipe()
    assert sum(family.n for family in recipe.families) == 13_000
    assert repr(recipe) == (
        "Recipe(size=256, seed=0, format='jpeg', "
        "families={'escape-time': 6000, 'ifs': 3000, 'features': 4000})"
    )


def test_families_may_be_numbers_or_options_by_name():
    recipe = Recipe(
        64, families={"ifs": {"n": 5, "start_index": 2, "objects": 3}, "escape-time": 4}
    )
    families = (FamilyRecipe.of("escape-time", 4), FamilyRecipe.of("ifs", 5, 2, objects=3))
    assert recipe == Recipe(64, families=families)


@pytest.mark.parametrize(
    ("families", "message"),
    [
        ({"ifs": 0}, "n must be a whole number"),
        ({"ifs": 2.5}, "n must be a whole number"),
        ({"ifs": {"objects": 2}}, "ifs needs n"),
        ({"ifs": {"n": 1, "objetcs": 2}}, "did you mean 'objects'"),
    ],
)
def test_wrong_families_are_refused_in_words(families, message):
    with pytest.raises(RecipeError, match=message):
        Recipe(families=families)


def test_an_unknown_family_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'ifs'"):
        Recipe(families={"isf": 1})


@pytest.mark.parametrize("function", [partial(build, ifs_recipe()), repair])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "rya"}, "'rya' is unknown; did you mean 'ray'"),
        ({"engine": 3}, "engine must be one of local, ray, not 3"),
        ({"engine": LocalEngine}, "engine must be one of local, ray, not <class"),
        ({"address": "auto"}, "an address needs engine='ray'"),
        ({"engine": LocalEngine(), "address": "auto"}, "an address needs engine='ray'"),
    ],
)
def test_a_wrong_engine_is_refused_in_words(tmp_path, function, options, message):
    with pytest.raises(ArgumentError, match=message):
        function(tmp_path / "set", **options)
    assert not (tmp_path / "set").exists()
    assert build(ifs_recipe(1), tmp_path / "set", workers=1, engine="local").ok


def test_a_place_that_is_none_is_refused_in_words(tmp_path, monkeypatch):
    """A Path makes s3://bucket/set the folder s3:/bucket/set."""
    monkeypatch.chdir(tmp_path)
    url = Path("s3://bucket/set")
    for options in ({}, {"shards": True}):
        with pytest.raises(ArgumentError, match="a Path loses: give it as 's3://bucket/set'"):
            build(ifs_recipe(1), url, **options)
    calls = [
        lambda: build(ifs_recipe(1), 5),
        lambda: merge(5, ["part"]),
        lambda: merge("set", [5]),
        lambda: merge("set", 5),
        lambda: verify(5),
    ]
    for call in calls:
        with pytest.raises(ArgumentError, match=r"must be (a path or a URL|paths or URLs), not 5"):
            call()
    assert names_in(tmp_path) == []
    url.mkdir(parents=True)
    assert build(ifs_recipe(1), url, workers=1).ok


def test_settings_that_are_left_out_are_the_existing_sets(tmp_path):
    folder = str(tmp_path / "set")
    build(Recipe(SIZE, 5, "png", {"ifs": 2}), folder)
    build(Recipe(families={"ifs": 3, "features": 1}), folder)
    build(Recipe(families={"ifs": {"n": 2, "objects": 2}}), folder, overwrite=True)
    assert settings_of(tmp_path / "set") == (SIZE, 5, "png")
    assert verify(folder).ok
    with pytest.raises(SetError, match=f"size is {SIZE} in the set, but 32 was requested"):
        build(Recipe(size=32, families={"ifs": 2}), folder)
    with pytest.raises(SetError, match=f"size is {SIZE} in the set, but 32 was requested"):
        build(dataclasses.replace(Recipe(families={"ifs": 2}), size=32), folder)


def test_a_new_set_has_the_usual_settings(tmp_path):
    build(Recipe(families={"ifs": 1}), tmp_path)
    assert settings_of(tmp_path) == (256, 0, "jpeg")


def test_a_store_tells_what_is_missing(small_set):
    (small_set / "ifs/000003.jpg").unlink()
    store = FolderStore.open(str(small_set))
    assert repr(store) == f"<FolderStore {str(small_set)!r}: 6 images recorded>"
    assert store.recipe == ifs_recipe()
    store.scan(["ifs"])
    assert list(store.missing(ifs_recipe(7))) == [("ifs", 3), ("ifs", 6)]


class BackwardEngine:
    """Draws the last image first, one call of another engine an image."""

    def __init__(self):
        self.n_drawn = 0

    def run(self, recipe, tasks, on_drawn=None):
        for task in tasks:
            for key in task.wanted[::-1]:
                self.n_drawn += 1
                one = dataclasses.replace(task, wanted=(key,))
                yield from LocalEngine(1).run(recipe, [one])


def test_any_engine_draws_the_same_set(small_set, tmp_path):
    engine = BackwardEngine()
    build(ifs_recipe(), tmp_path / "other", engine=engine)
    assert engine.n_drawn == 6
    assert tree(tmp_path / "other") == tree(small_set)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda folder: Recipe(families="ifs"), "families must be numbers of images by name"),
        (lambda folder: Recipe(families=["ifs"]), "families must be numbers of images by name"),
        (lambda folder: build({"ifs": 3}, folder), "recipe must be a Recipe"),
        (lambda folder: build(ifs_recipe(), folder, workers=0), "workers must be"),
        (lambda folder: verify(folder, workers=2.5), "workers must be"),
        (lambda folder: verify(folder, redraw=-1), "redraw must be"),
        (lambda folder: repair(folder, workers=-1), "workers must be"),
        (lambda folder: contact_sheet(folder, n=0), "n must be"),
        (lambda folder: contact_sheet(folder, columns=0), "columns must be"),
        (lambda folder: contact_sheet(folder, tile=0), "tile must be"),
    ],
)
def test_wrong_arguments_are_refused_in_words_before_anything_is_done(small_set, call, message):
    before = tree(small_set)
    with pytest.raises((ArgumentError, RecipeError), match=message):
        call(small_set)
    assert tree(small_set) == before
