"""Join the parts of a set that several jobs drew."""

import json
import shutil
import subprocess
import sys

import pytest

import fractalgen as fg
from fractalgen.bank.shards import Member, read_shard, write_shard
from fractalgen.errors import ArgumentError, SetError
from fractalgen.files.location import Folder
from fractalgen.files.lock import locked
from fractalgen.mixing_set.building.build import repair
from fractalgen.mixing_set.collecting.item import Refusal
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.part import Part
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.shard_store import ShardStore
from tests.cli.conftest import run as run  # the fixture
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


@pytest.mark.parametrize("options", [{}, {"shard_size": 2}], ids=["folders", "shards"])
def test_what_is_missing_is_counted_and_repaired(tmp_path, options):
    fg.build(IMAGES, tmp_path / "whole", workers=1, **options)
    parts = draw_parts(tmp_path, **options)
    n_missing = fg.build(IMAGES, parts[1], workers=1, part=Part(2, N_PARTS), **options).n_images
    merged = fg.merge(tmp_path / "joined", [parts[0], parts[2]])
    assert (merged.n_missing, merged.ok) == (n_missing, False)
    assert merged.n_copied == 11 - n_missing
    repair(tmp_path / "joined", workers=1)
    assert tree(tmp_path / "joined") == tree(tmp_path / "whole")


def test_a_damaged_image_is_named_and_taken_from_another_part(tmp_path):
    parts = draw_parts(tmp_path)
    broken, lost, *_ = sorted(parts[0].rglob("*.png"))
    broken.write_bytes(broken.read_bytes()[:-1] + b"x")
    lost.unlink()
    merged = fg.merge(tmp_path / "joined", parts)
    assert merged.damaged == (Refusal(str(broken), "altered"), Refusal(str(lost), "missing"))
    assert (merged.n_copied, merged.n_missing, merged.ok) == (9, 2, False)
    fg.build(IMAGES, tmp_path / "whole", workers=1)
    rest = fg.merge(tmp_path / "joined", [*parts, tmp_path / "whole"])
    assert (rest.n_copied, rest.n_kept, rest.n_missing, rest.ok) == (2, 9, 0, False)
    assert fg.merge(tmp_path / "joined", parts).ok
    assert tree(tmp_path / "joined") == tree(tmp_path / "whole")


@pytest.mark.parametrize("where", ["tar", "index"])
def test_a_damaged_shard_is_named_and_the_others_are_joined(tmp_path, where):
    parts = draw_parts(tmp_path, shard_size=2)
    path = parts[1] / ("shard-000001.tar" if where == "tar" else "shard-000001.jsonl")
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    merged = fg.merge(tmp_path / "joined", parts)
    assert merged.damaged == (Refusal(str(parts[1] / "shard-000001.tar"), "altered"),)
    assert (merged.n_copied, merged.n_missing) == (9, 2)
    assert fg.verify(tmp_path / "joined").findings.broken == ("shard-000001.tar",)
    assert not [path for path in (tmp_path / "joined").iterdir() if "000001" in path.name]


def test_a_bad_line_of_a_manifest_is_named(tmp_path):
    parts = draw_parts(tmp_path)
    manifest = parts[0] / "manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(["nonsense\n", *lines[1:]]))
    merged = fg.merge(tmp_path / "joined", parts)
    assert merged.damaged == (Refusal(f"{manifest}, line 1", "not JSON"),)
    assert merged.n_missing == 1


def test_a_differing_overlap_is_named_and_the_first_is_kept(tmp_path):
    """Palettes are not part of a record's file name, so these images differ."""
    one, other = tmp_path / "one", tmp_path / "other"
    fg.build(ifs_recipe(2, size=16), one, workers=1)
    shutil.copytree(one, other)
    drawn_otherwise = tmp_path / "otherwise"
    fg.build(ifs_recipe(2, size=16, palette="#000000,#ffffff"), drawn_otherwise, workers=1)
    for file in ("manifest.jsonl", "ifs/000000.jpg", "ifs/000001.jpg"):
        shutil.copy(drawn_otherwise / file, other / file)
    differing = tuple(str(other / f"ifs/{index:06d}.jpg") for index in range(2))
    for n_copied in (2, 0):  # in a new set, and in one that has the images
        merged = fg.merge(tmp_path / "joined", [one, other])
        assert (merged.n_copied, merged.differing, merged.ok) == (n_copied, differing, False)
    assert tree(tmp_path / "joined") == tree(one)


def test_a_differing_shard_is_named_and_the_first_is_kept(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    fg.build(ifs_recipe(4, size=16), one, workers=1, shard_size=2)
    shutil.copytree(one, other)
    fg.build(ifs_recipe(4, size=16, palette="ember"), tmp_path / "red", workers=1, shard_size=2)
    for file in ("shard-000001.tar", "shard-000001.jsonl"):
        shutil.copy(tmp_path / "red" / file, other / file)
    merged = fg.merge(tmp_path / "joined", [one, other])
    assert merged.differing == (str(other / "shard-000001.tar"),)
    assert tree(tmp_path / "joined") == tree(one)


def test_a_whole_shard_replaces_a_short_one(tmp_path):
    whole, short = tmp_path / "whole", tmp_path / "short"
    fg.build(ifs_recipe(4, size=16), whole, workers=1, shard_size=2)
    shutil.copytree(whole, short)
    location = Folder(short)
    index = read_shard(location, 1)
    member = Member(
        "ifs/000002.jpg", ShardStore.open(whole).read_image("ifs/000002.jpg"), index.lines[0]
    )
    location.remove("shard-000001.jsonl")
    write_shard(location, 1, [member], is_short=lambda: True)
    merged = fg.merge(tmp_path / "joined", [short])
    assert (merged.n_copied, merged.n_missing, merged.damaged) == (3, 1, ())
    assert tree(tmp_path / "joined") == tree(short)
    merged = fg.merge(tmp_path / "joined", [short, whole])
    assert (merged.n_copied, merged.n_kept, merged.ok) == (1, 3, True)
    assert tree(tmp_path / "joined") == tree(whole)


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        (ifs_recipe(4, size=32), {}, r"size is 16 in .*a and 32 in .*b"),
        (ifs_recipe(4, size=16, seed=5), {}, r"seed is 0 in .*a and 5 in .*b"),
        (ifs_recipe(4, size=16, palette="ember"), {}, r"ifs.palette is \"any\" in .* \"ember\" in"),
        (ifs_recipe(6, size=16), {}, r"ifs has 4 images in .*a and 6 images in .*b"),
        (ifs_recipe(4, 2, size=16), {}, r"ifs has images 0-3 in .*a and images 2-5 in .*b"),
        (Recipe(16, families={"ifs": 4, "moire": 2}), {}, r"moire has no images in .* 2 images in"),
        (ifs_recipe(4, size=16), {"shards": True}, r"the images lie in folders in .* shards in"),
    ],
)
def test_unlike_sets_are_refused_and_the_difference_named(tmp_path, recipe, options, message):
    fg.build(ifs_recipe(4, size=16), tmp_path / "a", workers=1)
    fg.build(recipe, tmp_path / "b", workers=1, part=Part(1, 2), **options)
    with pytest.raises(SetError, match=f"different sets: .*{message}"):
        fg.merge(tmp_path / "joined", [tmp_path / "a", tmp_path / "b"])
    assert not (tmp_path / "joined").exists()
    before = tree(tmp_path / "b")
    with pytest.raises(SetError, match="different sets"):
        fg.merge(tmp_path / "b", [tmp_path / "a"])
    assert tree(tmp_path / "b") == before


def test_unlike_shards_are_refused(tmp_path):
    grown = tmp_path / "grown"
    fg.build(ifs_recipe(4, size=16), tmp_path / "a", workers=1, shard_size=2)
    fg.build(ifs_recipe(4, size=16), tmp_path / "b", workers=1, shard_size=3)
    fg.build(ifs_recipe(3, size=16), grown, workers=1, shard_size=2)
    fg.build(ifs_recipe(4, size=16), grown, workers=1)
    with pytest.raises(SetError, match=r"images per shard are 2 in .*a and 3 in .*b"):
        fg.merge(tmp_path / "joined", [tmp_path / "a", tmp_path / "b"])
    with pytest.raises(SetError, match="grown in another order"):
        fg.merge(tmp_path / "joined", [tmp_path / "a", grown])


def test_places_that_cannot_be_joined_are_refused(tmp_path):
    part = tmp_path / "part"
    fg.build(ifs_recipe(2, size=16), part, workers=1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "used" / "ifs").mkdir(parents=True)
    (tmp_path / "used" / "ifs" / "000000.jpg").write_bytes(b"mine")
    joined = tmp_path / "joined"
    with pytest.raises(ArgumentError, match="at least one part"):
        fg.merge(joined, [])
    for out, parts, message in (
        (joined, [part, tmp_path / "nothing"], "nothing does not exist"),
        (joined, [tmp_path / "empty"], "empty is not a mixing set"),
        (part, [part], "is one of the parts"),
        (tmp_path / "other" / ".." / "part", [part], "is one of the parts"),
        (part / "joined", [part], "lie in each other"),
        (tmp_path, [part], "lie in each other"),
        (tmp_path / "used", [part], "does not belong to a set"),
    ):
        with pytest.raises(SetError, match=message):
            fg.merge(out, parts)
    assert not joined.exists()
    shards = tmp_path / "shards"
    fg.build(ifs_recipe(2, size=16), shards, workers=1, shards=True)
    (tmp_path / "empty" / "shard-000000.tar").write_bytes(b"mine")
    with pytest.raises(SetError, match="belong to no set"):
        fg.merge(tmp_path / "empty", [shards])
    with locked(tmp_path / "empty"), pytest.raises(SetError, match="another fractalgen"):
        fg.merge(tmp_path / "empty", [part])


def test_shards_in_an_object_store(tmp_path):
    pytest.importorskip("fsspec")
    place = f"memory://{tmp_path.name}"
    for number in (1, 2):
        recipe, part = ifs_recipe(6, size=16), Part(number, 2)
        fg.build(recipe, f"{place}/part-{number}", workers=1, part=part, shard_size=2)
    merged = fg.merge(f"{place}/joined", [f"{place}/part-1", f"{place}/part-2"])
    assert (merged.n_copied, merged.ok) == (6, True)
    assert fg.verify(f"{place}/joined").ok
    fg.build(ifs_recipe(6, size=16), tmp_path / "whole", workers=1)
    with pytest.raises(SetError, match="can only hold shards"):
        fg.merge(f"{place}/other", [tmp_path / "whole"])


KILLED = """
import os, sys
import fractalgen as fg

def kill(done, total):
    if done >= int(sys.argv[1]):
        os._exit(9)

fg.merge("joined", ["part-1", "part-2"], progress=kill)
"""


@pytest.mark.parametrize("options", [{}, {"shard_size": 5}], ids=["folders", "shards"])
def test_a_killed_merge_is_resumed(tmp_path, options):
    recipe = ifs_recipe(200, size=16)
    parts = [tmp_path / "part-1", tmp_path / "part-2"]
    for number, part in enumerate(parts, 1):
        fg.build(recipe, part, part=Part(number, 2), **options)
    fg.build(recipe, tmp_path / "whole", **options)
    for n in (7, 50):
        done = subprocess.run([sys.executable, "-c", KILLED, str(n)], cwd=tmp_path, check=False)
        assert done.returncode == 9
    merged = fg.merge(tmp_path / "joined", parts)
    assert 50 <= merged.n_kept < 200
    assert (merged.n_kept + merged.n_copied, merged.ok) == (200, True)
    left = [
        {name: data for name, data in tree(tmp_path / folder).items() if name[0] != "."}
        for folder in ("joined", "whole")
    ]
    assert left[0] == left[1]


def test_collected_images_are_in_every_part_and_are_joined_once(tmp_path):
    fg.build(ifs_recipe(3, seed=1, size=16), tmp_path / "photos", workers=1)
    collected = {"extra": str(tmp_path / "photos" / "ifs")}
    fg.build(ifs_recipe(4, size=16), tmp_path / "whole", workers=1, collected=collected)
    parts = draw_parts(tmp_path, ifs_recipe(4, size=16), collected=collected)
    assert fg.merge(tmp_path / "joined", parts).n_copied == 7
    assert tree(tmp_path / "joined") == tree(tmp_path / "whole")


def test_the_command_line(run):
    draw = ("build-set", "--classes", 2, "--instances", 2, "--family", "ifs", "--size", 16)
    for number in (1, 2):
        assert run(*draw, f"part-{number}", "--part", f"{number}/2").exit_code == 0
    lacking = run("merge", "set", "part-2")
    assert lacking.exit_code == 1
    assert lacking.stdout == "set: 2 images copied, 0 kept\n"
    assert lacking.stderr == (
        "Error: the set still lacks 2 images; merge the other parts, or draw them: "
        "'fractalgen build-set set --repair'.\n"
    )
    result = run("merge", "set", "part-1", "part-2")
    assert (result.exit_code, result.stdout) == (0, "set: 2 images copied, 2 kept\n")
    assert run("verify", "set", "--redraw", 4).exit_code == 0
    as_json = json.loads(run("merge", "set", "part-1", "--json").stdout)
    assert (as_json["ok"], as_json["kept"], as_json["damaged"]) == (True, 4, [])
    assert run("merge", "set").exit_code == 2
    unlike = run("merge", "set", "part-1", "nowhere")
    assert unlike.exit_code == 1
    assert "nowhere does not exist" in unlike.stderr
