import dataclasses
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.errors import RecipeError, UnknownNameError
from fractalgen.families import sample
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.ranges import merge_ranges
from fractalgen.mixing_set.recipes.recipe import Recipe

pairs = st.tuples(st.integers(0, 60), st.integers(0, 60))


@given(st.lists(pairs))
def test_merged_ranges_hold_the_same_indices_and_do_not_touch(ranges):
    merged = merge_ranges(ranges)
    indices = [index for start, stop in merged for index in range(start, stop)]
    assert indices == sorted({index for start, stop in ranges for index in range(start, stop)})
    assert all(left[1] < right[0] for left, right in itertools.pairwise(merged))


recipes = st.builds(
    Recipe,
    st.integers(16, 16000),
    st.integers(0, 2**63 - 1),
    st.sampled_from(["jpeg", "png", "webp"]),
    st.lists(
        st.builds(
            lambda name, n, start: FamilyRecipe.of(name, n, start),
            st.sampled_from(["escape-time", "ifs", "features"]),
            st.integers(1, 9000),
            st.integers(0, 9000),
        ),
        unique_by=lambda family: family.name,
    ).map(tuple),
)


@given(recipes)
def test_a_recipe_survives_json(recipe):
    again = Recipe.from_json(json.loads(json.dumps(recipe.as_json())))
    assert again == recipe
    assert again.digest == recipe.digest


@given(recipes, recipes)
def test_equal_digests_mean_equal_recipes(one, other):
    assert (one.digest == other.digest) == (one == other)


def test_the_built_in_recipe_is_the_papers_set():
    assert {family.name: family.n for family in Recipe().families} == {
        "escape-time": 6000,
        "ifs": 3000,
        "features": 4000,
    }
    assert (Recipe().size, Recipe().seed, Recipe().format) == (256, 0, "jpeg")


def test_a_spec_is_what_the_public_api_samples():
    recipe = Recipe(seed=5, families=(FamilyRecipe.of("ifs", 10, palette="ember"),))
    assert recipe.spec("ifs", 3) == sample("ifs", seed=5, index=3, palette="ember")
    with pytest.raises(RecipeError, match="features"):
        recipe.spec("features", 0)


def test_differences_name_each_key_with_both_values():
    there = Recipe(64, 0, "jpeg", (FamilyRecipe.of("ifs", 5, objects=1),))
    asked = Recipe(
        32, 1, "png", (FamilyRecipe.of("ifs", 9, 100, objects=2), FamilyRecipe.of("features", 1))
    )
    found = {d.key: (d.existing, d.requested) for d in there.differences(asked)}
    assert found == {
        "size": (64, 32),
        "seed": (0, 1),
        "format": ("jpeg", "png"),
        "ifs.objects": (1, 2),
    }


def test_merging_joins_ranges_and_keeps_the_rest():
    there = Recipe(families=(FamilyRecipe.of("ifs", 10),))
    asked = Recipe(families=(FamilyRecipe.of("ifs", 5, 20), FamilyRecipe.of("escape-time", 1)))
    merged = there.merged(asked)
    assert not there.differences(asked)
    assert [family.name for family in merged.families] == ["escape-time", "ifs"]
    assert merged.family("ifs").ranges == ((0, 10), (20, 25))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 15}, "16 to 16384"),
        ({"size": 100_000}, "16 to 16384"),
        ({"size": True}, "size"),
        ({"size": 16384, "format": "webp"}, "16383"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"format": "jpgg"}, "did you mean 'jpeg'"),
    ],
)
def test_values_out_of_range_are_refused_in_words(change, message):
    with pytest.raises(RecipeError, match=message):
        dataclasses.replace(Recipe(), **change)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n must be"),
        ({"n": -4}, "n must be"),
        ({"n": 2.5}, "n must be"),
        ({"n": 1, "start_index": -1}, "start_index must be"),
        ({"n": 1, "start_index": 999_999_999}, "at most"),
        ({"n": 1, "objetcs": 2}, "did you mean 'objects'"),
        ({"n": 1, "objects": "2"}, "whole number"),
        ({"n": 1, "objects": 9}, "objects"),
    ],
)
def test_bad_families_are_refused_in_words(arguments, message):
    with pytest.raises(RecipeError, match=message):
        FamilyRecipe.of("ifs", **arguments)


def test_unknown_names_give_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'ifs'"):
        FamilyRecipe.of("isf", 1)
    with pytest.raises(UnknownNameError, match="did you mean 'ember'"):
        FamilyRecipe.of("ifs", 1, palette="embr")


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        [],
        {"size": 256, "seed": 0, "format": "jpeg", "families": {"ifs": {}}},
        {"size": 256, "seed": 0, "format": "jpeg", "families": {"ifs": {"indices": [[0, 1e9]]}}},
        {"size": 256, "seed": 0, "format": "jpeg", "families": {"ifs": {"indices": [[0]]}}},
        {
            "size": 256,
            "seed": 0,
            "format": "jpeg",
            "families": {"ifs": {"indices": [[0, 10**12]], "options": {}}},
        },
        {"size": "256", "seed": 0, "format": "jpeg", "families": {}},
        *(
            {
                "size": 256,
                "seed": 0,
                "format": "jpeg",
                "families": {name: {"collected": True, "indices": []}},
            }
            for name in ("../victim", "/tmp/victim", "", ".git", "Mine", "a/b", "extra\n")
        ),
    ],
)
def test_what_is_no_recipe_is_refused(data):
    with pytest.raises(RecipeError):
        Recipe.from_json(data)
