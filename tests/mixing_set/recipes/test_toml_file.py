import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.errors import RecipeError
from fractalgen.families import FAMILIES
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.recipes.toml_file import read_description, read_recipe


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "recipe.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_recipe_is_read(written):
    path = written(
        """
        size = 64
        seed = 7
        format = "png"

        [escape-time]
        n = 20
        start_index = 5
        palette = "ember"

        [ifs]
        n = 3
        """
    )
    assert read_recipe(path) == Recipe(
        64,
        7,
        "png",
        (FamilyRecipe.of("escape-time", 20, 5, palette="ember"), FamilyRecipe.of("ifs", 3)),
    )


def test_what_is_left_out_is_as_in_the_built_in_recipe(written):
    assert read_recipe(written("[ifs]\nn = 1\n")) == Recipe(families=(FamilyRecipe.of("ifs", 1),))


def test_a_description_does_not_change_the_recipe(written):
    plain = read_recipe(written("[ifs]\nn = 1\n"))
    path = written('description = "One image"\n[ifs]\nn = 1\n')
    assert read_recipe(path) == plain
    assert read_recipe(path).digest == plain.digest
    assert read_description(path) == "One image"


def test_a_palette_file_is_looked_for_beside_the_recipe(written, tmp_path):
    (tmp_path / "two.gpl").write_text("GIMP Palette\n#\n0 0 0\n255 255 255\n")
    recipe = read_recipe(written('[ifs]\nn = 1\npalette = "two.gpl"\n'))
    assert dict(recipe.family("ifs").options)["palette"] == "#000000,#ffffff"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("size = 64\nseed == 3\n", 2, ""),
        ("size = 64\n[ifs\n", 2, ""),
        ("[ifs]\nn = ", 2, ""),
        ("seed = 1\nsise = 64\n[ifs]\nn = 1\n", 2, "did you mean 'size'"),
        ("\n[isf]\nn = 1\n", 2, "did you mean 'ifs'"),
        ("[escape-time]\nn = 1\n[ifs]\nn = 2\nobjetcs = 2\n", 5, "did you mean 'objects'"),
        ("[escape-time]\nn = 1\n[ifs]\nn = 0\n", 4, "n must be"),
        ("[ifs]\nn = 'many'\n", 2, "n must be"),
        ("[ifs]\nstart_index = 3\n", 1, "needs n"),
        ("[ifs]\nn = 2\nobjects = 9\n", 3, "objects"),
        ("[ifs]\nn = 999_999\nstart_index = 2\n", 2, "at most"),
        ("size = 15\n[ifs]\nn = 1\n", 1, "16 to 16384"),
        ("format = 'gif'\n[ifs]\nn = 1\n", 1, "unknown format"),
        ("[ifs]\nn = 1\npalette = 'embr'\n", 3, "did you mean 'ember'"),
        ("[ifs]\nn = 1\npalette = 'none.gpl'\n", 3, "none.gpl"),
        ("[ifs]\nn = 1\npalette = 4\n", 3, "palette must be text"),
        (b"size = 64\n# caf\xe9\n", 2, "UTF-8"),
    ],
)
def test_a_fault_is_named_by_file_and_line(written, text, line, message):
    path = written(text)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert message in str(caught.value)


def test_a_recipe_without_images_and_one_that_is_not_there(written, tmp_path):
    with pytest.raises(RecipeError, match="no images"):
        read_recipe(written("size = 64\n"))
    with pytest.raises(RecipeError, match="No such file"):
        read_recipe(tmp_path / "nowhere.toml")


def as_toml(value):
    """Write a value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int):
        return hex(value) if value >= 0 else str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, dict):
        return (
            f"{{{', '.join(f'{json.dumps(key)} = {as_toml(one)}' for key, one in value.items())}}}"
        )
    return str(value)


ODD_VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.sampled_from([16, 17, 1_000_000]),
        st.floats(),
        st.text(st.characters(codec="utf-8"), max_size=20),
        st.sampled_from(
            ["", ".", "/", "x.gpl", "a" * 300, "a" * 300 + ".gpl", "#12", "ember,", "\0"]
        ),
        st.dates(),
        st.times(),
        st.datetimes(),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b c"]), inner, max_size=2)
    ),
    max_leaves=5,
)
PLACES = [(None, key) for key in ("description", "size", "seed", "format", *FAMILIES)] + [
    (family, key)
    for family in FAMILIES
    for key in ("n", "start_index", *(field.name for field in dataclasses.fields(FAMILIES[family])))
]


def with_value(table, key, value):
    """A recipe that is sound but for one value."""
    line = f"{key} = {value}"
    if table is None:
        return f"{line}\n" if key == "ifs" else f"{line}\n[ifs]\nn = 1\n"
    return f"[{table}]\n{line}\n" if key == "n" else f"[{table}]\nn = 1\n{line}\n"


@pytest.mark.parametrize(("table", "key"), PLACES)
def test_a_number_that_python_does_not_write(written, table, key):
    with pytest.raises(RecipeError, match=rf"{key}.*not a number of thousands of digits"):
        read_recipe(written(with_value(table, key, hex(10**5000))))


@pytest.mark.parametrize(("table", "key"), PLACES)
@given(value=ODD_VALUES)
def test_a_value_of_any_kind_is_taken_or_answered_with_a_sentence(
    tmp_path_factory, table, key, value
):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(with_value(table, key, as_toml(value)), encoding="utf-8")
    try:
        recipe = read_recipe(path)
    except RecipeError as error:
        message = str(error)
        assert message.startswith(str(path))
        assert "\n" not in message
        assert len(message) < 1000
        assert key in message
    else:
        assert Recipe.from_json(json.loads(json.dumps(recipe.as_json()))) == recipe


def test_a_number_that_python_does_not_read(written):
    with pytest.raises(RecipeError, match="a number has too many digits"):
        read_recipe(written(f"size = {'9' * 5000}\n[ifs]\nn = 1\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('format = ["png"]', "format must be text in quotes, not ['png']: choose from jpeg, png"),
        (
            "size = 1979-05-27",
            "size must be a whole number from 16 to 16384 pixels, not 1979-05-27",
        ),
        ("description = 3", "description must be text in quotes, not 3"),
        ("seed = true", "seed must be a whole number, 0 or more, not True"),
        ("seed = 0xffffffffffffffffffff", "seed must be below 2**63, not 12089258"),
        ("ifs = 3", "ifs must be a table, [ifs], not 3"),
        ("[ifs]\nn = [3]", "n must be a whole number, 1 or more, not [3]"),
        ("[ifs]\nn = 1\nobjects = 2.0", "ifs: objects must be a whole number, not 2.0"),
        ("[ifs]\nn = 1\nobjects = 9", "ifs: objects must be a whole number from 1 to 5, not 9"),
        ("[ifs]\nn = 1\npalette = ['ember']", "ifs: palette must be text in quotes, not ['ember']"),
        ("[size]\na = 1", "size is a key, not a table: a whole number of pixels"),
    ],
)
def test_the_sentence_names_the_key_the_value_and_what_is_allowed(written, text, message):
    with pytest.raises(RecipeError) as caught:
        read_recipe(written(text + "\n"))
    assert message in str(caught.value)
