"""What becomes of a set when a family draws otherwise than it did."""

import json
import shutil

import pytest
from click.testing import CliRunner

import fractalgen
from fractalgen.cli import cli
from fractalgen.color import palettes
from fractalgen.errors import RecipeError, SetError
from fractalgen.families import FAMILIES, sample
from fractalgen.families.base import is_exact
from fractalgen.families.ifs import IFS
from fractalgen.mixing_set.building.build import build, repair
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_store import FolderStore
from fractalgen.mixing_set.stores.open_set import redraw
from fractalgen.mixing_set.viewing.contact_sheet import contact_sheet
from tests.mixing_set.small_sets import SIZE, ifs_recipe, tree


def recorded(folder):
    return json.loads((folder / "set.json").read_text())


def with_versions(folder, versions):
    """Make a set as if a release with other versions had drawn it; None for none at all."""
    described = recorded(folder)
    for name, version in versions.items():
        del described["recipe"]["families"][name]["version"]
        if version is not None:
            described["recipe"]["families"][name]["version"] = version
    (folder / "set.json").write_text(json.dumps(described))


@pytest.mark.parametrize("family", [name for name in FAMILIES if is_exact(FAMILIES[name])])
def test_the_version_is_part_of_the_digest_and_recorded(family, tmp_path, monkeypatch):
    recipe = Recipe(SIZE, families={family: 1})
    build(recipe, tmp_path)
    assert recorded(tmp_path)["recipe"]["families"][family]["version"] == FAMILIES[family].version
    assert recorded(tmp_path)["digest"] == recipe.digest
    monkeypatch.setattr(FAMILIES[family], "version", FAMILIES[family].version + 1)
    newer = Recipe(SIZE, families={family: 1})
    assert newer.digest != recipe.digest
    assert Recipe().digest != newer.digest


def test_a_set_of_another_version_is_refused_until_overwritten(small_set, monkeypatch):
    before = tree(small_set)
    monkeypatch.setattr(IFS, "version", IFS.version + 1)
    message = (
        f"ifs has version {IFS.version - 1} in the set, but this fractalgen draws version "
        f"{IFS.version}. Use another folder, or --overwrite"
    )
    for n in (6, 9):
        with pytest.raises(SetError, match=message):
            build(ifs_recipe(n), small_set)
    assert tree(small_set) == before
    assert build(ifs_recipe(), small_set, overwrite=True).n_drawn == 6
    build(ifs_recipe(), small_set.parent / "fresh")
    assert tree(small_set) == tree(small_set.parent / "fresh")


@pytest.mark.parametrize("options", [{}, {"shard_size": 2}])
def test_another_release_that_draws_on_is_recorded(tmp_path, monkeypatch, options):
    build(ifs_recipe(2), tmp_path, **options)
    monkeypatch.setattr("fractalgen.mixing_set.building.work.__version__", "99.0")
    assert not build(ifs_recipe(2), tmp_path).notes
    releases = [fractalgen.__version__]
    assert recorded(tmp_path)["versions"]["fractalgen"] == releases
    (note,) = build(ifs_recipe(4), tmp_path).notes
    assert "continued with 99.0" in note
    assert recorded(tmp_path)["versions"]["fractalgen"] == [*releases, "99.0"]


def test_another_familys_version_is_nobodys_business(small_set, monkeypatch):
    monkeypatch.setattr(IFS, "version", IFS.version + 1)
    build(Recipe(SIZE, families={"features": 2}), small_set)
    families = recorded(small_set)["recipe"]["families"]
    assert families["ifs"]["version"] == IFS.version - 1
    assert families["features"]["version"] == FAMILIES["features"].version
    assert verify(small_set).ok


@pytest.mark.parametrize("version", [None, 99])
def test_a_set_of_another_release_is_still_read(small_set, tmp_path, version):
    with_versions(small_set, {"ifs": version})
    assert verify(small_set, redraw=6).ok
    _, record = FolderStore.find(small_set / "ifs/000002.jpg")
    assert redraw(record, 32).shape == (32, 32, 3)
    assert contact_sheet(small_set, n=4, tile=16).width > 16
    assert len(fractalgen.MixingSet(small_set, size=8, cache_dir=tmp_path / "cache")) == 6
    there = "was drawn by an early" if version is None else "has version 99 in the set"
    with pytest.raises(SetError, match=rf"ifs {there}.* draws version \d.*--overwrite"):
        build(ifs_recipe(), small_set)
    assert recorded(small_set)["digest"]


def test_a_redrawn_image_that_is_another_one_is_told(small_set, tmp_path, monkeypatch):
    image = ("render", small_set / "ifs/000002.jpg", "--size", 40, "-o", tmp_path / "image.png")

    def run(*arguments):
        return CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)

    result = run(*image)
    assert (result.exit_code, result.stderr) == (0, "")
    draw = IFS.render
    monkeypatch.setattr(IFS, "render", lambda self, params, size: 255 - draw(self, params, size))
    result = run(*image)
    assert result.exit_code == 0
    assert "Warning: image.png differs from ifs/000002.jpg. Another fractalgen" in result.stderr
    result = run("verify", small_set, "--redraw", 6)
    assert result.exit_code == 1
    assert "6 different when redrawn" in result.stdout
    assert "Another fractalgen drew what is different" in result.stdout


@pytest.mark.parametrize("version", [None, 99])
def test_a_repair_draws_nothing_of_another_version(small_set, version):
    with_versions(small_set, {"ifs": version})
    assert repair(small_set).n_drawn == 0
    (small_set / "ifs/000003.jpg").unlink()
    before = tree(small_set)
    there = "no version" if version is None else "version 99"
    with pytest.raises(SetError, match=rf"cannot be repaired: the recipe has {there} of ifs"):
        repair(small_set)
    assert tree(small_set) == before


def test_a_recipe_of_another_version_draws_nothing(tmp_path):
    data = ifs_recipe().as_json()
    data["families"]["ifs"]["version"] = 99
    recipe = Recipe.from_json(data)
    with pytest.raises(RecipeError, match="version 99 of ifs, but this fractalgen draws version"):
        build(recipe, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("version", [0, -1, "1", True, 1.0, [1]])
def test_a_version_that_is_none_is_refused(version):
    data = ifs_recipe().as_json()
    data["families"]["ifs"]["version"] = version
    with pytest.raises(RecipeError, match="ifs: version must be a whole number, 1 or more"):
        Recipe.from_json(data)


@pytest.fixture
def one_more_palette(tmp_path, monkeypatch):
    """The package in a place of its own, with a palette file added to the shipped ones."""
    package = tmp_path / "fractalgen"
    shutil.copytree(palettes._folder(), package / "palette_files")
    (package / "palette_files/aaa.gpl").write_text("GIMP Palette\n#\n1 2 3\n250 240 230\n")
    monkeypatch.setattr(palettes, "__file__", str(package / "color" / "palettes.py"))
    for cached in (palettes.names, palettes.load):
        cached.cache_clear()
    yield
    for cached in (palettes.names, palettes.load):
        cached.cache_clear()


@pytest.fixture
def before():
    return {
        (family, index): sample(family, seed=4, index=index)
        for family in FAMILIES
        for index in range(8)
    }


def test_one_more_palette_file_changes_no_image(before, one_more_palette):
    assert palettes.names()[0] == "aaa"
    assert sample("ifs", palette="aaa").params != sample("ifs").params
    for (family, index), spec in before.items():
        assert sample(family, seed=4, index=index) == spec
