import dataclasses

import pytest

from fractalgen.errors import UnknownNameError
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.recipes.shipped import COSTS, recipe_path, shipped_recipes
from fractalgen.mixing_set.recipes.toml_file import read_recipe

SHIPPED = {one.name: one for one in shipped_recipes()}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_is_found_by_name_and_described(name):
    one = SHIPPED[name]
    assert read_recipe(recipe_path(name)) == one.recipe
    assert one.description
    assert "\n" not in one.description
    data = one.as_json()
    assert sum(data["families"].values()) == data["images"] == one.n_images > 0


@pytest.mark.parametrize("name", SHIPPED)
def test_its_costs_are_measured(name):
    """At the default size and format, which a shipped recipe leaves to the user or the set."""
    one = SHIPPED[name]
    assert one.recipe == Recipe(families=one.recipe.families)
    assert all(family.name in COSTS for family in one.recipe.families)
    assert 10_000 * one.n_images < one.n_bytes < 200_000 * one.n_images
    assert 1e-4 * one.n_images < one.seconds < 0.1 * one.n_images


@pytest.mark.parametrize("name", SHIPPED)
def test_it_builds_and_verifies(name, tmp_path):
    recipe = read_recipe(recipe_path(name), size=16)
    families = [dataclasses.replace(one, ranges=((0, 3),)) for one in recipe.families]
    few = dataclasses.replace(recipe, families=families)
    assert build(few, tmp_path / "set", workers=1).n_images == 3 * len(families)
    report = verify(tmp_path / "set", redraw=3 * len(families), workers=1)
    assert report.ok
    assert report.n_redrawn == 3 * len(families)


def test_the_default_set_is_shipped_too():
    assert SHIPPED["ipmix"].recipe == Recipe()


@pytest.mark.parametrize("text", ["mine.toml", "./ipmix", "folder/mine", "/dev/zero", "mine.TOML"])
def test_a_path_is_not_a_name(text):
    assert str(recipe_path(text)) == text.removeprefix("./")


def test_a_file_without_an_ending_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("[ifs]\nn = 1\n")
    assert read_recipe(recipe_path("mine")).family("ifs").n == 1


def test_the_nearest_name_is_suggested():
    with pytest.raises(UnknownNameError, match=r"unknown recipe 'ipmx': did you mean 'ipmix'\?"):
        recipe_path("ipmx")
