"""Join the parts of a set that several jobs drew."""

import shutil
import time

import pytest

import fractalgen as fg
from fractalgen.errors import ArgumentError, SetError
from fractalgen.mixing_set.family_recipe import FamilyRecipe
from fractalgen.mixing_set.part import Part
from fractalgen.mixing_set.recipe import Recipe
from tests.mixing_set.small_sets import ifs_recipe, tree

N_PARTS = 3
IMAGES = Recipe(16, 0, "png", {"ifs": 7, "moire": 4})
CLASSES = Recipe(16, 0, "png", [FamilyRecipe.of_classes("ifs", 3, 4)])


def draw_parts(folder, recipe=IMAGES, **options):
    """Draw the parts into folders, and return these."""
    places = [folder / f"part-{number}" for number in range(1, N_PARTS + 1)]
    for number, place in enumerate(places, 1):
        fg.build(recipe, place, workers=1, part=Part(number, N_PARTS), **options)
    return places


@pytest.mark.parametrize("options", [{}, {"shard_size": 2}], ids=["folders", "shards"])
@pytest.mark.parametrize("recipe", [IMAGES, CLASSES], ids=["images", "classes"])
def test_the_result_is_what_one_build_writes(tmp_path, recipe, options):
    fg.build(recipe, tmp_path / "whole", workers=1, **options)
    parts = draw_parts(tmp_path, recipe, **options)
    before = [tree(part) for part in parts]
    n = sum(family.n for family in recipe.families)
    merged = fg.merge(tmp_path / "joined", reversed(parts))
    assert (merged.n_copied, merged.n_kept, merged.n_missing, merged.ok) == (n, 0, 0, True)
    assert tree(tmp_path / "joined") == tree(tmp_path / "whole")
    assert [tree(part) for part in parts] == before
    again = fg.merge(tmp_path / "joined", parts)
    assert (again.n_copied, again.n_kept, again.ok) == (0, n, True)
    assert tree(tmp_path / "joined") == tree(tmp_path / "whole")
    assert fg.verify(tmp_path / "joined").ok
