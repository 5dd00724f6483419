"""Sets in shards: what is drawn, what is kept, and what is refused."""

import itertools
import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.cli import cli
from fractalgen.errors import ArgumentError, DamagedSetError, SetError
from fractalgen.families import FAMILIES, sample
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.building.summary import BuildInterrupted
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.engines.local import LocalEngine
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.part import Part
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_store import FolderStore
from fractalgen.mixing_set.stores.shard_plan import ShardPlan
from fractalgen.mixing_set.stores.shard_store import ShardStore
from fractalgen.mixing_set.stores.task import Failure, ShardTask
from tests.mixing_set.small_sets import SIZE, ifs_recipe, stamps, tree

SHARD_SIZE = 3


def two_families(ifs=7, moire=4, **options):
    families = (FamilyRecipe.of("ifs", ifs, **options), FamilyRecipe.of("moire", moire))
    return Recipe(SIZE, families=families)


def class_recipe(classes, instances):
    families = {"fractal-db": {"classes": classes, "instances": instances}}
    return Recipe(SIZE, families=families)


def build_shards(recipe, folder, **options):
    return build(recipe, folder, shard_size=SHARD_SIZE, **options)


def images(folder):
    """Each image's record and bytes, by its file."""
    store = ShardStore.open(folder)
    return {
        record.file: (record.to_line(), store.read_image(record.file))
        for record in store.records_in_order()
    }


def images_of_folder(folder):
    return {
        record.file: (record.to_line(), (folder / record.file).read_bytes())
        for record in FolderStore.open(folder).records_in_order()
    }


def stop_after(n):
    def progress(done, _):
        if done >= n:
            raise KeyboardInterrupt

    return progress


class Backwards:
    """An engine that does the last tasks first."""

    def run(self, recipe, tasks, on_drawn=None):
        for task in reversed(tasks):
            yield from LocalEngine(1).run(recipe, [task], on_drawn)


@pytest.fixture
def shards(tmp_path):
    """Seven images in shards 0, 1 and 2, and four in shards 3 and 4."""
    folder = tmp_path / "shards"
    build_shards(two_families(), folder, workers=1)
    return folder


@pytest.mark.parametrize(
    "recipe",
    [
        two_families(),
        Recipe(SIZE, 5, "png", families={"ifs": 4}),
        Recipe(SIZE, format="webp", families={"moire": 4}, gray=True),
        class_recipe(2, 4),
    ],
)
def test_the_images_are_those_of_a_set_in_folders(tmp_path, recipe):
    build(recipe, tmp_path / "folder")
    summary = build_shards(recipe, tmp_path / "shards")
    assert summary.ok
    assert summary.n_drawn == summary.n_images
    expected = images_of_folder(tmp_path / "folder")
    found = images(tmp_path / "shards")
    assert found == expected
    assert list(found) == list(expected) == list(ShardStore.open(tmp_path / "shards").files())
    tars = (tmp_path / "shards").glob("*.tar")
    assert summary.n_bytes == sum(path.stat().st_size for path in tars)
    classes = [tree(tmp_path / name).get("classes.jsonl") for name in ("folder", "shards")]
    assert classes[0] == classes[1]


@pytest.mark.parametrize("how", ["threads", "backwards", "stopped", "without an index", "parts"])
def test_the_bytes_depend_on_the_recipe_alone(tmp_path, shards, how):
    recipe, out = two_families(), tmp_path / "other"
    n_drawn = 11
    if how == "threads":
        summary = build_shards(recipe, out, workers=3)
    elif how == "backwards":
        summary = build_shards(recipe, out, engine=Backwards())
    elif how == "stopped":
        with pytest.raises(BuildInterrupted) as stopped:
            build_shards(recipe, out, workers=1, progress=stop_after(5))
        there = stamps(out)
        n_stored = len([*ShardStore.open(out).records_in_order()])
        assert stopped.value.n_done == n_stored > 0
        assert tree(out).items() < tree(shards).items()
        summary = build(recipe, out)
        assert stamps(out).items() > there.items()
        n_drawn -= stopped.value.n_done
    elif how == "without an index":
        build_shards(recipe, out)
        there = stamps(out)
        (out / "shard-000003.jsonl").unlink()
        summary = build_shards(recipe, out)
        changed = {name for name, stamp in stamps(out).items() if there[name] != stamp}
        assert changed == {"shard-000003.tar", "shard-000003.jsonl"}
        n_drawn = 3
    else:
        drawn = [build_shards(recipe, out, part=Part(i, 2)) for i in (2, 1)]
        assert [one.n_images for one in drawn] == [6, 5]
        assert [one.n_missing for one in drawn] == [5, 0]
        summary, n_drawn = drawn[1], 5
    assert (summary.ok, summary.n_drawn, summary.n_missing) == (True, n_drawn, 0)
    assert tree(out) == tree(shards)


def test_drawing_again_draws_nothing(shards):
    before, then = tree(shards), stamps(shards)
    summary = build(two_families(), shards, shards=True)
    assert (summary.n_drawn, [one.kept for one in summary.families]) == (0, [7, 4])
    assert (tree(shards), stamps(shards)) == (before, then)


def test_a_tar_file_that_is_gone_is_drawn_again(shards):
    before = tree(shards)
    (shards / "shard-000003.tar").unlink()
    summary = build(two_families(), shards)
    assert (summary.n_drawn, summary.n_missing, tree(shards)) == (3, 0, before)


@pytest.mark.parametrize(
    ("name", "n_bytes"), [("shard-000001.tar", 3000), ("shard-000001.jsonl", 0)]
)
def test_a_file_that_is_cut_is_drawn_again(shards, name, n_bytes):
    sound = tree(shards)
    with (shards / name).open("r+b") as file:
        file.truncate(n_bytes)
    assert build_shards(two_families(), shards).n_drawn == 3
    assert tree(shards) == sound


def test_a_short_shard_does_not_replace_one_that_another_build_stored(shards):
    store, sound = ShardStore.open(shards), tree(shards)
    task = ShardTask(store.location, next(iter(store.plan)))
    assert task.keys() == ()
    assert list(task.store([Failure("ifs/000000.webp", "MemoryError: ")])) == []
    assert tree(shards) == sound


def test_overwriting_leaves_no_tar_file_behind(shards):
    (shards / "shard-000002.jsonl").unlink()  # as a build that was killed leaves it
    build(two_families(1, 1, palette="ember"), shards, overwrite=True)
    assert verify(shards).ok
    assert sorted(path.name for path in shards.glob("*.tar")) == [
        "shard-000000.tar",
        "shard-000001.tar",
    ]


@pytest.mark.parametrize("first", ["x", None, 1.5, -1])
def test_a_damaged_plan_is_a_damaged_description(shards, first):
    plain = json.loads((shards / "set.json").read_text())
    plain["shards"]["sections"][0]["first"] = first
    (shards / "set.json").write_text(json.dumps(plain))
    with pytest.raises(DamagedSetError, match=r"set\.json is damaged"):
        verify(shards)


def test_parts_in_folders_of_their_own_have_each_shard_once(tmp_path, shards):
    found = []
    for number in (1, 2, 3):
        build_shards(two_families(), tmp_path / str(number), part=Part(number, 3))
        found += [(name, data) for name, data in tree(tmp_path / str(number)).items()]
    own = [(name, data) for name, data in found if name.startswith("shard-")]
    assert len(own) == 10
    assert dict(own).items() <= tree(shards).items()


@pytest.mark.parametrize(
    "steps",
    [
        [ifs_recipe(4), ifs_recipe(6), ifs_recipe(11)],
        [ifs_recipe(4, start_index=5), ifs_recipe(11)],
        [ifs_recipe(4), two_families(7, 4)],
        [class_recipe(1, 1), class_recipe(1, 4), class_recipe(3, 4)],
        [class_recipe(3, 1), class_recipe(2, 3)],
    ],
)
def test_a_set_that_grows_keeps_its_shards(tmp_path, steps):
    grown, there = tmp_path / "grown", {}
    for recipe in steps:
        n = len(images(grown)) if there else 0
        summary = build_shards(recipe, grown)
        assert stamps(grown).items() > there.items()
        there = stamps(grown)
        assert summary.n_missing == 0
        assert len(images(grown)) == n + summary.n_drawn
        assert verify(grown, 1).ok
    whole = FolderStore.open(built(tmp_path / "whole", steps)).recipe
    assert ShardStore.open(grown).recipe == whole
    assert images(grown) == images_of_folder(tmp_path / "whole")


def built(folder, steps):
    for recipe in steps:
        build(recipe, folder)
    return folder


def test_a_family_is_overwritten_also_after_an_interruption(tmp_path, shards):
    before, then = images(shards), stamps(shards)
    again = Recipe(SIZE, families=[FamilyRecipe.of("ifs", 8, palette="ember")])
    others = {name for name in then if name.split(".")[0] in ("shard-000003", "shard-000004")}
    with pytest.raises(SetError, match=r"ifs.palette is .* Use another folder, or --overwrite"):
        build(again, shards)
    assert images(shards) == before
    with pytest.raises(BuildInterrupted):
        build(again, shards, overwrite=True, workers=1, progress=stop_after(4))
    assert verify(shards).findings.missing
    drawn = stamps(shards)
    n_left = sum(shard.n for shard in ShardStore.open(shards).plan if shard.file not in drawn)
    assert 0 < n_left < 8
    summary = build(again, shards, overwrite=True)
    assert (summary.n_drawn, summary.n_removed, summary.n_missing) == (n_left, 0, 0)
    assert stamps(shards).items() > drawn.items()
    assert {name for name, stamp in stamps(shards).items() if then.get(name) == stamp} == others
    assert "overwriting" not in json.loads((shards / "set.json").read_text())
    assert verify(shards, 12).ok
    build(again, tmp_path / "ifs")
    moire = {file: image for file, image in before.items() if file.startswith("moire")}
    assert images(shards) == images_of_folder(tmp_path / "ifs") | moire
    once_more = build(again, shards, overwrite=True)
    assert (once_more.n_drawn, once_more.n_removed) == (8, 8)


def test_overwriting_with_other_settings_removes_all(tmp_path, shards):
    other = Recipe(16, families={"moire": 2})
    summary = build(other, shards, overwrite=True)
    assert (summary.n_removed, summary.n_drawn) == (11, 2)
    build_shards(other, tmp_path / "other")
    assert tree(shards) == tree(tmp_path / "other")


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        (Recipe(16, families={"ifs": 1}), {}, "size is 24 in the set, but 16 was requested"),
        (ifs_recipe(seed=1), {}, "seed is 0 in the set, but 1 was requested"),
        (ifs_recipe(file_format="png"), {}, 'format is "jpeg" in the set, but "png" was'),
        (class_recipe(1, 1), {}, "the set has no classes, but classes were requested"),
        (ifs_recipe(), {"shard_size": 4}, "3 images per shard, not 4; leave out --shard-size"),
        (
            ifs_recipe(),
            {"shard_size": 4, "overwrite": True},
            "3 images per shard, not 4; leave out --shard-size",
        ),
        (ifs_recipe(), {"collected": {"extra": "."}}, "collected into folders, not into shards"),
    ],
)
def test_another_set_is_refused_and_changes_nothing(shards, recipe, options, message):
    before, then = tree(shards), stamps(shards)
    with pytest.raises(SetError, match=message):
        build(recipe, shards, **options)
    assert (tree(shards), stamps(shards)) == (before, then)


def test_a_set_in_folders_does_not_become_one_in_shards(small_set):
    before = tree(small_set)
    with pytest.raises(SetError, match="a set in folders, not in shards; use another folder"):
        build_shards(ifs_recipe(), small_set)
    (small_set / "set.json").unlink()
    with pytest.raises(SetError, match=r"has a manifest.jsonl, so it is not a set in shards"):
        build_shards(ifs_recipe(), small_set, overwrite=True)
    assert tree(small_set).items() < before.items()


@pytest.mark.parametrize("size", [0, 1_000_001, 2.5])
def test_a_bad_size_of_shards_is_refused(tmp_path, size):
    with pytest.raises(ArgumentError, match="shard_size must be"):
        build(ifs_recipe(), tmp_path / "set", shard_size=size)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("shards_again", [False, True])
def test_shards_whose_description_is_lost_are_replaced_only_on_request(shards, shards_again):
    before = tree(shards)
    for damage, message in (("{", "set.json is damaged"), (None, "has shards but no set.json")):
        (shards / "set.json").unlink()
        if damage:
            (shards / "set.json").write_text(damage)
        with pytest.raises(SetError, match=message):
            build(two_families(), shards, shards=shards_again)
        again = {"shard_size": SHARD_SIZE} if shards_again else {}
        assert build(two_families(), shards, overwrite=True, **again).ok
        if shards_again:
            assert tree(shards) == before
        else:
            assert ShardStore.open(shards).plan.size == 1000
            assert verify(shards).ok


@pytest.fixture
def poisoned(monkeypatch):
    """The images 3, 4 and 5 of ifs cannot be drawn."""
    bad = [sample("ifs", index=index).params for index in (3, 4, 5)]
    render = FAMILIES["ifs"].render

    def failing(self, params, size):
        if params in bad:
            raise ZeroDivisionError("poisoned")
        return render(self, params, size)

    with monkeypatch.context() as patch:
        patch.setattr(FAMILIES["ifs"], "render", failing)
        yield bad
        bad.clear()


@pytest.mark.parametrize("n_bad", [1, 3])
def test_what_cannot_be_drawn_is_reported_and_drawn_by_the_next_build(
    tmp_path, shards, poisoned, n_bad
):
    del poisoned[n_bad:]
    out = tmp_path / "set"
    summary = build_shards(two_families(), out)
    assert [one.file for one in summary.failed] == [f"ifs/00000{3 + i}.jpg" for i in range(n_bad)]
    assert {one.reason for one in summary.failed} == {"ZeroDivisionError: poisoned"}
    for one in summary.failed:
        assert json.loads(one.params) == json.loads(images(shards)[one.file][0])["params"]
    assert (summary.ok, summary.n_drawn, summary.families[0].missing) == (False, 11 - n_bad, n_bad)
    assert (out / "shard-000001.short.jsonl").exists()
    assert images(out).items() < images(shards).items()
    assert len(images(out)) == 11 - n_bad
    assert verify(out).findings.missing == tuple(one.file for one in summary.failed)
    then = stamps(out)
    assert not build_shards(two_families(), out).ok
    poisoned.clear()
    summary = build_shards(two_families(), out)
    assert (summary.ok, summary.n_drawn) == (True, 3)
    kept = {name for name, stamp in stamps(out).items() if then.get(name) == stamp}
    assert kept == {name for name in then if "000001" not in name}
    assert tree(out) == tree(shards)


def test_the_command_reports_what_cannot_be_drawn(tmp_path, poisoned):
    (tmp_path / "recipe.toml").write_text(f"size = {SIZE}\n[ifs]\nn = 7\n")
    out = str(tmp_path / "set")
    command = ["build-set", out, "--recipe", str(tmp_path / "recipe.toml"), "--shard-size", "3"]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 1
    assert 'ifs/000004.jpg: ZeroDivisionError: poisoned (params {"' in result.stderr
    assert "Error: 3 images could not be drawn; the others were." in result.stderr
    poisoned.clear()
    assert CliRunner().invoke(cli, ["build-set", out, "--repair"]).exit_code == 0
    assert verify(out).ok


# The plan.

RANGES = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 6)).map(lambda pair: (pair[0], sum(pair))),
    min_size=1,
    max_size=3,
)


def family_recipes(name, classes):
    whole = FamilyRecipe.of_classes(name, 1, 1) if classes else FamilyRecipe.of(name, 1)

    def of(numbers, ranges):
        made = FamilyRecipe(name, (), whole.options, version=whole.version)
        made = made.with_ranges(ranges)
        return made.joined(FamilyRecipe(name, (), classes=tuple(numbers))) if classes else made

    return st.builds(of, RANGES, RANGES)


STEPS = st.booleans().flatmap(
    lambda classes: st.lists(
        st.lists(
            st.sampled_from(["fractal-db"] if classes else ["ifs", "moire"]).flatmap(
                lambda name: family_recipes(name, classes)
            ),
            min_size=1,
            max_size=2,
            unique_by=lambda family: family.name,
        ).map(lambda families: Recipe(SIZE, families=families)),
        min_size=1,
        max_size=4,
    )
)


@given(STEPS, st.integers(1, 9))
def test_every_image_is_in_one_shard_and_stays_there(steps, size):
    plan, recipe, before = ShardPlan(size), Recipe(SIZE, families=()), {}
    for step in steps:
        recipe = recipe.merged(step)
        plan = plan.extended(recipe)
        shards = {shard.number: shard for shard in plan}
        assert len(shards) == len(plan) == len(list(plan))
        held = {shard.number: shard.keys() for shard in plan}
        keys = [key for some in held.values() for key in some]
        expected = [key for family in recipe.families for key in family.image_keys()]
        assert sorted(keys) == sorted(expected)
        assert all(0 < shard.n == len(held[shard.number]) <= size for shard in plan)
        assert all(plan.find(key) == shard for shard in plan for key in held[shard.number])
        assert plan.find(("ifs", 99)) is plan.find(("class-000099", 0)) is None
        assert shards.items() >= before.items()
        before = shards
        assert ShardPlan.from_json(json.loads(json.dumps(plan.as_json())), recipe) == plan
        for family in recipe.families:
            for start, stop in itertools.pairwise(range(0, family.n + 5, 3)):
                some = itertools.islice(family.image_keys(), start, stop)
                assert list(family.keys_between(start, stop)) == list(some)
