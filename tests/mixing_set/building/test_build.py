import hashlib
import json
import os
import random

import pytest

from fractalgen.errors import SetError
from fractalgen.families import render
from fractalgen.files.lock import locked
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_store import FolderStore
from tests.mixing_set.small_sets import SIZE, ifs_recipe, names_in, tree


def test_a_set_has_what_the_design_says(small_set):
    assert names_in(small_set) == [".fractalgen.lock", "ifs", "manifest.jsonl", "set.json"]
    assert names_in(small_set / "ifs") == [f"{i:06d}.jpg" for i in range(6)]
    described = json.loads((small_set / "set.json").read_text())
    assert described["licence"] == {"ifs": "CC0-1.0"}
    assert described["digest"] == ifs_recipe().digest
    assert Recipe.from_json(described["recipe"]) == ifs_recipe()
    lines = [json.loads(line) for line in (small_set / "manifest.jsonl").read_text().splitlines()]
    assert [line["index"] for line in lines] == list(range(6))
    data = (small_set / "ifs/000004.jpg").read_bytes()
    assert lines[4]["file_sha256"] == hashlib.sha256(data).hexdigest()
    assert lines[4]["bytes"] == len(data)
    pixels = render(ifs_recipe().spec("ifs", 4), size=SIZE)
    assert lines[4]["pixel_sha256"] == hashlib.sha256(pixels.tobytes()).hexdigest()
    assert lines[4]["attempt"] == ifs_recipe().spec("ifs", 4).attempt


@pytest.mark.parametrize("workers", [2, 5])
def test_the_number_of_workers_changes_nothing(tmp_path, workers):
    recipe = ifs_recipe(40)
    build(recipe, tmp_path / "one", workers=1)
    build(recipe, tmp_path / "many", workers=workers)
    assert tree(tmp_path / "one") == tree(tmp_path / "many")


def test_the_order_changes_nothing(tmp_path):
    """Halves drawn last half first, and single images in any order, give the same set."""
    whole = ifs_recipe(10)
    build(whole, tmp_path / "whole")
    build(ifs_recipe(5, start_index=5), tmp_path / "halves")
    build(ifs_recipe(5), tmp_path / "halves")
    assert tree(tmp_path / "whole") == tree(tmp_path / "halves")
    recorded = FolderStore.open(tmp_path / "whole").records
    indices = list(range(10))
    random.Random(0).shuffle(indices)
    for index in indices:
        pixels = render(whole.spec("ifs", index), size=SIZE)
        assert hashlib.sha256(pixels.data).hexdigest() == recorded["ifs", index].pixel_sha256


def test_families_join_in_one_set_in_any_order(tmp_path):
    ifs, features = (FamilyRecipe.of(name, 3) for name in ("ifs", "features"))
    build(Recipe(SIZE, families=(features,)), tmp_path / "a")
    build(Recipe(SIZE, families=(ifs,)), tmp_path / "a")
    summary = build(Recipe(SIZE, families=(ifs, features)), tmp_path / "a")
    assert summary.n_drawn == 0
    build(Recipe(SIZE, families=(ifs, features)), tmp_path / "b")
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_what_is_there_is_kept_and_what_is_missing_is_drawn(small_set):
    before = tree(small_set)
    kept = (small_set / "ifs/000001.jpg").stat().st_ino
    (small_set / "ifs/000003.jpg").unlink()
    summary = build(ifs_recipe(), small_set)
    assert (summary.families[0].drawn, summary.families[0].kept) == (1, 5)
    assert (small_set / "ifs/000001.jpg").stat().st_ino == kept
    assert tree(small_set) == before


def test_a_truncated_image_and_one_of_another_seed_are_drawn_again(small_set):
    before = tree(small_set)
    (small_set / "ifs/000002.jpg").write_bytes(before["ifs/000002.jpg"][:-1])
    path = small_set / "manifest.jsonl"
    path.write_text(path.read_text().replace('"index":4,"seed":0', '"index":4,"seed":9'))
    assert build(ifs_recipe(), small_set).n_drawn == 2
    assert tree(small_set) == before


def test_a_set_resumes_from_any_state_of_its_manifest(small_set):
    """Cut the manifest at every kind of place, and mix up its lines."""
    before = tree(small_set)
    path = small_set / "manifest.jsonl"
    data = before["manifest.jsonl"]
    lines = data.splitlines(keepends=True)
    (small_set / "ifs/.fractalgen-000002.jpg.part").write_bytes(b"half an image")
    for state in (b"", data[:100], data[:-1], b"".join(lines[:3]), b"".join(lines[::-1]), data * 2):
        path.write_bytes(state)
        build(ifs_recipe(), small_set)
        assert tree(small_set) == before


@pytest.mark.parametrize(
    ("other", "key"),
    [
        (ifs_recipe(size=32), "size is 24 in the set, but 32"),
        (ifs_recipe(seed=1), "seed is 0 in the set, but 1"),
        (ifs_recipe(file_format="png"), 'format is "jpeg" in the set, but "png"'),
        (ifs_recipe(objects=2), "ifs.objects is 1 in the set, but 2"),
        (ifs_recipe(palette="ember"), 'ifs.palette is "any" in the set, but "ember"'),
    ],
)
def test_another_recipe_is_refused_by_key_until_overwritten(small_set, other, key):
    before = tree(small_set)
    with pytest.raises(SetError, match=f"{key}.*--overwrite"):
        build(other, small_set)
    assert tree(small_set) == before
    summary = build(other, small_set, overwrite=True)
    assert (summary.n_removed, summary.n_drawn) == (6, 6)
    build(other, small_set.parent / "fresh")
    assert tree(small_set) == tree(small_set.parent / "fresh")


def test_overwriting_a_family_leaves_the_others_and_foreign_files(small_set):
    features = Recipe(SIZE, families={"features": 2})
    build(features, small_set)
    foreign = [small_set / "notes.txt", small_set / "ifs/mine.jpg", small_set / "ifs/000777.jpg"]
    for path in foreign:
        path.write_text("keep me")
    kept = {name: data for name, data in tree(small_set).items() if name.startswith("features")}
    build(ifs_recipe(2, objects=2), small_set, overwrite=True)
    now = tree(small_set)
    assert kept.items() <= now.items()
    assert [path.read_text() for path in foreign] == ["keep me"] * 3
    drawn = sorted(name for name in now if name.startswith("ifs/") and name.endswith(".jpg"))
    assert drawn == ["ifs/000000.jpg", "ifs/000001.jpg", "ifs/000777.jpg", "ifs/mine.jpg"]


def test_overwriting_with_another_seed_removes_every_generated_family(small_set):
    build(Recipe(SIZE, families={"features": 2}), small_set)
    build(ifs_recipe(seed=3), small_set, overwrite=True)
    build(ifs_recipe(seed=3), small_set.parent / "fresh")
    assert tree(small_set) == tree(small_set.parent / "fresh")
    assert not (small_set / "features").exists()


def test_overwriting_removes_what_a_crash_left_without_a_record(small_set):
    """An image is in place before its line in the manifest is."""
    path = small_set / "manifest.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]))
    mine = small_set / "ifs/000004.png"
    mine.write_text("mine")
    with pytest.raises(SetError, match=r"ifs/000004\.png already exists"):
        build(ifs_recipe(file_format="png"), small_set, overwrite=True)
    mine.unlink()
    build(ifs_recipe(file_format="png"), small_set, overwrite=True)
    build(ifs_recipe(file_format="png"), small_set.parent / "fresh")
    assert tree(small_set) == tree(small_set.parent / "fresh")


def test_all_files_in_the_way_are_counted_at_once(small_set):
    build(ifs_recipe(9), small_set)
    (small_set / "set.json").write_text("{")
    path = small_set / "manifest.jsonl"
    path.write_text(path.read_text().partition("\n")[0] + "\n")
    before = tree(small_set)
    with pytest.raises(SetError, match=r"ifs/000005\.jpg and 3 more already exist"):
        build(ifs_recipe(9), small_set, overwrite=True)
    assert tree(small_set) == before


def test_a_folder_that_is_no_set_is_not_drawn_over(tmp_path):
    (tmp_path / "ifs").mkdir()
    (tmp_path / "ifs/000000.jpg").write_text("mine")
    with pytest.raises(SetError, match="does not belong to a set"):
        build(ifs_recipe(), tmp_path)
    assert (tmp_path / "ifs/000000.jpg").read_text() == "mine"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_foreign_file_with_the_name_of_a_image_is_not_overwritten(small_set, overwrite):
    (small_set / "ifs/000008.jpg").write_text("mine")
    before = tree(small_set)
    with pytest.raises(SetError, match=r"ifs/000008.jpg already exists"):
        build(ifs_recipe(10), small_set, overwrite=overwrite)
    assert tree(small_set) == before
    build(ifs_recipe(8), small_set, overwrite=overwrite)
    assert (small_set / "ifs/000008.jpg").read_text() == "mine"


def test_a_family_folder_that_is_a_link_is_refused(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "ifs").symlink_to(outside)
    with pytest.raises(SetError, match="link"):
        build(ifs_recipe(), folder)
    assert not list(outside.iterdir())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"versions": {"set": 1}, "recipe": 3}'])
def test_a_damaged_description_is_refused_until_overwritten(small_set, text):
    before = tree(small_set)
    (small_set / "set.json").write_text(text)
    for action in (lambda: build(ifs_recipe(), small_set), lambda: verify(small_set)):
        with pytest.raises(SetError, match=r"set\.json is damaged.*--overwrite"):
            action()
    build(ifs_recipe(), small_set, overwrite=True)
    assert tree(small_set) == before


def test_a_set_of_a_later_release_is_refused_even_with_overwrite(small_set):
    described = json.loads((small_set / "set.json").read_text())
    described["versions"]["set"] = 99
    (small_set / "set.json").write_text(json.dumps(described))
    for overwrite in (False, True):
        with pytest.raises(SetError, match="version 99"):
            build(ifs_recipe(), small_set, overwrite=overwrite)


def test_a_manifest_without_a_description_is_refused_until_overwritten(small_set):
    before = tree(small_set)
    (small_set / "set.json").unlink()
    with pytest.raises(SetError, match=r"no set\.json"):
        build(ifs_recipe(), small_set)
    build(ifs_recipe(), small_set, overwrite=True)
    assert tree(small_set) == before


def test_a_second_build_is_refused_and_the_lock_is_freed(small_set):
    with (
        locked(small_set),
        pytest.raises(SetError, match=rf"process {os.getpid()}\) is using"),
    ):
        build(ifs_recipe(), small_set)
    build(ifs_recipe(), small_set)


def test_asking_for_less_than_belongs_to_the_set_tells_what_is_missing(small_set):
    for index in (1, 4, 5):
        (small_set / f"ifs/{index:06d}.jpg").unlink()
    summary = build(ifs_recipe(2), small_set)
    assert (summary.families[0].requested, summary.n_drawn, summary.n_missing) == (2, 1, 2)


def test_the_summary_counts_attempts(tmp_path):
    summary = build(ifs_recipe(30), tmp_path)
    attempts = [ifs_recipe(30).spec("ifs", index).attempt for index in range(30)]
    assert max(attempts) > 1
    assert summary.families[0].acceptance == pytest.approx(30 / sum(attempts))
    assert summary.n_bytes == sum(p.stat().st_size for p in (tmp_path / "ifs").iterdir())


@pytest.mark.parametrize("options", [{}, {"shard_size": 2}])
def test_progress_reaches_the_total(tmp_path, options):
    seen = []
    build(ifs_recipe(5), tmp_path, progress=lambda done, n: seen.append((done, n)), **options)
    assert seen == [(i, 5) for i in range(6)]
