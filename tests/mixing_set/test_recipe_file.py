import pytest

from fractalgen.mixing_set.recipe import FamilyRecipe, Recipe, RecipeError
from fractalgen.mixing_set.recipe_file import read_recipe


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
        start = 5
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
        ("[ifs]\nstart = 3\n", 1, "needs n"),
        ("[ifs]\nn = 2\nobjects = 9\n", 3, "objects"),
        ("[ifs]\nn = 999_999\nstart = 2\n", 2, "at most"),
        ("size = 15\n[ifs]\nn = 1\n", 1, "16 to 16384"),
        ("format = 'gif'\n[ifs]\nn = 1\n", 1, "no format"),
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


def test_a_recipe_without_pictures_and_one_that_is_not_there(written, tmp_path):
    with pytest.raises(RecipeError, match="no pictures"):
        read_recipe(written("size = 64\n"))
    with pytest.raises(RecipeError, match="No such file"):
        read_recipe(tmp_path / "nowhere.toml")
