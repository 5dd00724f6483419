"""Parts of a set, and sets that could not begin."""

import pytest
from click.testing import CliRunner

from fractalgen.cli import cli
from fractalgen.errors import SetError
from fractalgen.mixing_set.building.build import build, repair
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.engines.local import LocalEngine
from fractalgen.mixing_set.merging.merge import merge
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.recipes.recipe import Recipe
from tests.mixing_set.small_sets import SIZE, ifs_recipe, names_in, tree

CLASSES = Recipe(SIZE, families={"fractal-db": {"classes": 2, "instances": 3}})
KINDS = [{}, {"shard_size": 2}]


class Broken:
    """An engine that cannot begin."""

    def run(self, recipe, tasks, on_drawn=None):
        raise SetError("no machine answers")
        yield


class Failing:
    """An engine that fails when it has stored something, and before it says so."""

    def run(self, recipe, tasks, on_drawn=None):
        for _ in LocalEngine(workers=1).run(recipe, tasks):
            raise SetError("the machine is gone")
        yield


def run(*arguments):
    return CliRunner().invoke(cli, [str(one) for one in arguments], catch_exceptions=False)


@pytest.mark.parametrize("options", KINDS)
def test_verify_tells_other_parts_from_losses(tmp_path, options):
    place = tmp_path / "set"
    build(ifs_recipe(12), place, workers=1, part="2/3", **options)
    report = verify(place)
    assert (report.ok, report.n_images, report.n_absent) == (True, 4, 8)
    result = run("verify", place)
    assert result.exit_code == 0
    assert "set: 4 images recorded, no problems found" in result.output
    assert "This is part 2/3; the set lacks 8 images of other parts" in result.output
    assert "--repair" not in result.output
    lost = sorted(path for path in place.rglob("*") if path.suffix in (".tar", ".jpg"))
    lost[0].unlink()
    files = {path.relative_to(place).as_posix() for path in lost}
    for record in ("shard-000001.jsonl", "manifest.jsonl"):  # then its record, too
        report = verify(place)
        assert (report.ok, report.n_absent) == (False, 8)
        assert {*report.findings.missing} <= files
        assert lost[0].relative_to(place).as_posix() in report.findings.missing
        assert (
            "--repair' redraws what is missing or damaged of the part"
            in run("verify", place).output
        )
        (place / record).unlink(missing_ok=True)
    build(ifs_recipe(12), place, workers=1, **options)
    report = verify(place)
    assert (report.ok, report.n_absent) == (True, 0)
    assert "neither here" not in run("verify", place).output


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("recipe", [ifs_recipe(12), CLASSES])
def test_repair_of_a_part_leaves_the_others_alone(tmp_path, options, recipe):
    place = tmp_path / "set"
    build(recipe, place, workers=1, part="2/3", **options)
    before = tree(place)
    lost = next(path for path in sorted(place.rglob("*")) if path.suffix in (".tar", ".jpg"))
    lost.unlink()
    result = run("build-set", place, "--repair", "--workers", 1)
    assert result.exit_code == 0
    assert "This is part 2/3; the set lacks" in result.output
    assert "--repair" not in result.output
    assert tree(place) == before
    merge(tmp_path / "joined", [place])
    assert verify(tmp_path / "joined").part == WHOLE


@pytest.mark.parametrize("options", KINDS)
def test_parts_in_one_place_are_no_part(tmp_path, options):
    """Also where images are added of which a part has others than of the whole family."""
    for number in (1, 2):
        build(ifs_recipe(8), tmp_path / "set", workers=1, part=f"{number}/3", **options)
    result = run("verify", tmp_path / "set")
    assert "This is part" not in result.output
    assert "If not, 'fractalgen build-set" in result.output
    assert repair(tmp_path / "set").ok
    build(ifs_recipe(8), tmp_path / "whole", workers=1, **options)
    assert tree(tmp_path / "set") == tree(tmp_path / "whole")
    more = Recipe(SIZE, families=[FamilyRecipe.of("ifs", 3, 3)])
    for recipe in (ifs_recipe(3), more):
        build(recipe, tmp_path / "grown", workers=1, part="1/2", **options)
    assert verify(tmp_path / "grown").part == WHOLE


def test_images_collected_before_are_of_no_part(tmp_path):
    mine, place = tmp_path / "mine", tmp_path / "set"
    build(ifs_recipe(3), mine, workers=1)
    build(Recipe(SIZE, families=[]), place, collected={"extra": str(mine / "ifs")})
    for _ in range(2):
        summary = build(ifs_recipe(4), place, workers=1, part="1/2", overwrite=True)
        assert (summary.n_drawn, verify(place).part) == (2, Part(1, 2))


@pytest.mark.parametrize("options", KINDS)
def test_a_part_overwrites_no_other(tmp_path, options):
    place, other = tmp_path / "set", ifs_recipe(8, seed=1)
    build(ifs_recipe(8), place, workers=1, part="1/2", **options)
    again = build(other, place, workers=1, part="1/2", overwrite=True, **options)
    assert (again.n_removed, again.n_drawn, verify(place).part) == (4, 4, Part(1, 2))
    before, third = tree(place), ifs_recipe(8, seed=2)
    with pytest.raises(SetError, match=r"holds part 1/2, and --overwrite would remove images"):
        build(third, place, workers=1, part="2/2", overwrite=True, **options)
    assert tree(place) == before
    build(other, place, workers=1, part="2/2", **options)
    with pytest.raises(SetError, match=r"holds a set, and --overwrite would remove images"):
        build(other, place, workers=1, part="2/2", overwrite=True, **options)
    assert build(other, place, workers=1, overwrite=True).n_removed == 8


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("recipe", [ifs_recipe(6), CLASSES])
def test_a_part_without_images_says_so(tmp_path, options, recipe):
    n_parts = 3 if options else 6
    parts = [tmp_path / f"part-{number}" for number in range(1, n_parts + 2)]
    for number, place in enumerate(parts, 1):
        summary = build(recipe, place, workers=1, part=f"{number}/{n_parts + 1}", **options)
    things = "shards" if options else "images"
    note = f"Part {n_parts + 1}/{n_parts + 1} has no images: the set has fewer {things} than parts."
    assert (summary.ok, summary.n_images, summary.notes) == (True, 0, (note,))
    assert verify(parts[-1]).n_absent == 6
    assert merge(tmp_path / "joined", reversed(parts)).ok


def test_the_command_says_that_a_part_is_empty(tmp_path):
    command = ["ifs", tmp_path / "set", "--n", 2, "--size", SIZE, "--shards", "--part", "3/9"]
    result = run(*command)
    assert result.exit_code == 0
    assert "Part 3/9 has no images: the set has fewer shards than parts." in result.output


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("recipe", [ifs_recipe(6), CLASSES])
def test_a_set_that_cannot_begin_leaves_nothing(tmp_path, options, recipe):
    place = tmp_path / "set"
    with pytest.raises(SetError, match="no machine"):
        build(recipe, place, engine=Broken(), **options)
    assert names_in(tmp_path) == []
    place.mkdir()
    with pytest.raises(SetError, match="no machine"):
        build(recipe, place, engine=Broken(), **options)
    assert names_in(place) == []
    build(recipe, place, workers=1, part="1/2", **options)
    before = tree(place)
    with pytest.raises(SetError, match="no machine"):
        build(recipe, place, engine=Broken(), part="1/2", **options)
    assert tree(place) == before


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("recipe", [ifs_recipe(6), CLASSES])
def test_a_set_of_which_something_is_stored_can_go_on(tmp_path, options, recipe):
    place = tmp_path / "set"
    with pytest.raises(SetError, match="is gone"):
        build(recipe, place, engine=Failing(), **options)
    assert build(recipe, place, workers=1).ok
    assert verify(place).ok


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("name", ["file", "file/deeper"])
def test_a_file_is_no_place_for_a_set(tmp_path, options, name):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SetError, match="file is not a folder; use another one"):
        build(ifs_recipe(1), tmp_path / name, workers=1, **options)
    assert (tmp_path / "file").read_text() == "mine"
