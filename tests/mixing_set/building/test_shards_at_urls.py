"""Sets in shards in an object store, also one that fails for a while."""

import json
import threading

import pytest
from click.testing import CliRunner

from fractalgen.bank.shards import complete_shards
from fractalgen.cli import cli
from fractalgen.errors import SetError
from fractalgen.files.location import open_location
from fractalgen.files.object_store import ObjectStore
from fractalgen.mixing_set.building.build import build, repair
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.measuring.stats import stats
from fractalgen.mixing_set.merging.merge import merge
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.open_set import find_image
from fractalgen.mixing_set.stores.shard_store import ShardStore
from fractalgen.mixing_set.viewing.contact_sheet import contact_sheet
from tests.mixing_set.small_sets import SIZE, tree

RECIPE = Recipe(SIZE, families={"fractal-db": {"classes": 3, "instances": 4}})
SHARD_SIZE = 3


@pytest.fixture(autouse=True)
def in_haste(monkeypatch):
    """What failed is tried again soon."""
    monkeypatch.setattr("fractalgen.files.object_store._FIRST_WAIT_SECONDS", 0.02)


@pytest.fixture
def expected(tmp_path):
    build(RECIPE, tmp_path / "local", shard_size=SHARD_SIZE)
    return {name: data for name, data in tree(tmp_path / "local").items() if name[0] != "."}


def contents(url):
    """Every file at a URL."""
    location = open_location(url)
    return {name: location.read(name) for name in sorted(location.sizes())}


def put(url, name, data):
    with open_location(url).writing(name) as file:
        file.write(data)


def test_a_set_in_a_store_is_that_of_a_folder(tmp_path, s3, expected):
    url = f"{s3.bucket}/deep/set"
    summary = build(RECIPE, url, shard_size=SHARD_SIZE)
    assert (summary.ok, summary.n_drawn, summary.folder) == (True, 12, url)
    assert contents(url) == expected
    report = verify(url, redraw=4)
    assert (report.ok, report.n_images, report.n_redrawn, report.folder) == (True, 12, 4, url)
    ours, theirs = stats(url).to_json(), stats(tmp_path / "local").to_json()
    assert ours.pop("folder") == url
    assert ours.items() < theirs.items()
    store, record = find_image(f"{url}/class-000002/000003.jpg")
    assert (store.folder, record.file) == (None, "class-000002/000003.jpg")
    s3.behave()
    assert build(RECIPE, url).n_drawn == 0
    assert repair(url).n_drawn == 0
    assert not s3.count("PUT", "shard-")
    assert contents(url) == expected


def test_damage_in_a_store_is_found_and_mended(s3, expected):
    url = f"{s3.bucket}/set"
    build(RECIPE, url, shard_size=SHARD_SIZE)
    location = open_location(url)
    put(url, "shard-000000.tar", expected["shard-000000.tar"][:-600])
    put(url, "shard-000001.tar", bytes(len(expected["shard-000001.tar"])))
    location.remove("shard-000002.jsonl")
    location.remove("classes.jsonl")
    put(url, "notes.txt", b"mine")
    findings = verify(url).findings
    assert findings.truncated == ("shard-000000.tar",)
    assert findings.altered == ("shard-000001.tar",)
    assert findings.unrecorded == ("shard-000002.tar",)
    assert findings.missing == ("classes.jsonl",)
    assert findings.foreign == ("notes.txt",)
    s3.behave()
    assert repair(url).n_drawn == 9
    assert not s3.count("PUT", "shard-000003")
    assert contents(url) == expected | {"notes.txt": b"mine"}


FAULTS = {
    "answers 500": [(500, 6)],
    "answers 503": [(503, 6)],
    "cuts uploads": [("cut-upload", 4)],
    "stores half of an upload": [("short-upload", 3)],
    "all at once": [(500, 3), (503, 3), ("cut-upload", 3), ("short-upload", 2)],
}


@pytest.mark.parametrize("faults", FAULTS)
def test_a_store_that_fails_for_a_while_has_the_same_set_in_the_end(s3, expected, faults):
    url = f"{s3.bucket}/set"

    def fail(done, _):
        if done >= 2 and not failing:
            failing.append(True)
            for kind, times in FAULTS[faults]:
                s3.fail(kind, times, method="PUT")

    failing = []
    summary = build(RECIPE, url, shard_size=SHARD_SIZE, workers=1, progress=fail)
    kinds = [kind for _, _, kind in s3.requests if kind]
    assert len(kinds) == sum(times for _, times in FAULTS[faults])
    assert (summary.ok, summary.n_drawn, summary.n_missing) == (True, 12, 0)
    assert contents(url) == expected
    s3.fail(503, 4, method="GET")
    assert verify(url).ok


def test_a_build_that_a_store_ends_goes_on(s3, expected, monkeypatch):
    url = f"{s3.bucket}/set"
    monkeypatch.setitem(ObjectStore.__init__.__kwdefaults__, "patience", 0.5)

    def fail(done, _):
        if done >= 5:
            s3.fail(503, method="PUT")

    with pytest.raises(OSError, match="the server answered 503 SlowDown"):
        build(RECIPE, url, shard_size=SHARD_SIZE, workers=1, progress=fail)
    s3.behave()
    there = complete_shards(open_location(url).sizes())
    assert 0 < len(there) < 4
    summary = build(RECIPE, url)
    assert summary.n_drawn == 12 - 3 * len(there)
    drawn = {path for method, path, _ in s3.requests if method == "PUT" and ".tar" in path}
    assert not any(f"shard-{number:06d}" in path for number in there for path in drawn)
    assert contents(url) == expected


def test_a_store_in_which_nothing_may_be_removed(s3, expected):
    """Also where a shard replaces one that lacks images: its new index counts."""
    url = f"{s3.bucket}/set"
    s3.fail(403, method="DELETE")
    build(RECIPE, url, shard_size=SHARD_SIZE, part="1/2")
    assert s3.count("DELETE", "shard-") == 0
    put(url, "shard-000001.short.jsonl", b"of a shard that lacks images")
    put(url, "shard-000001.tar", expected["shard-000001.tar"])
    assert build(RECIPE, url).n_drawn == 6
    found = contents(url)
    assert {name: found[name] for name in expected} == expected
    assert verify(url).ok
    merge(f"{s3.bucket}/joined", [url])
    assert contents(f"{s3.bucket}/joined") == expected


def test_two_builds_at_once_leave_one_set(s3, expected):
    url = f"{s3.bucket}/set"
    summaries = []

    def draw():
        summaries.append(build(RECIPE, url, shard_size=SHARD_SIZE, workers=1))

    both = [threading.Thread(target=draw) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [one.ok for one in summaries] == [True, True]
    assert [one.n_missing for one in summaries] == [0, 0]
    assert contents(url) == expected


@pytest.mark.parametrize("read", [stats, contact_sheet])
def test_images_are_read_by_shards(s3, read):
    url = f"{s3.bucket}/set"
    build(RECIPE, url, shard_size=SHARD_SIZE)
    s3.behave()
    read(url)
    assert s3.count("GET", ".tar") == s3.count("GET", ".jsonl") == 4


def test_the_commands_take_urls(s3, tmp_path):
    url = f"{s3.bucket}/set"

    def run(*arguments):
        result = CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)
        return result.exit_code, result.output

    (tmp_path / "recipe.toml").write_text(f"size = {SIZE}\n[ifs]\nn = 4\n")
    recipe = ("--recipe", tmp_path / "recipe.toml", "--quiet")
    assert run("build-set", url, *recipe, "--shard-size", 3) == (0, "")
    assert len(ShardStore.open(url).stored()) == 2
    code, output = run("verify", url, "--redraw", 2, "--json", "--quiet")
    assert (code, json.loads(output)["folder"]) == (0, url)
    assert run("stats", url, "--quiet")[0] == 0
    assert run("gallery", url, "-o", tmp_path / "gallery", "--quiet")[0] == 0
    assert run("contact-sheet", url, "-o", tmp_path / "sheet.png")[0] == 0
    assert run("export", url, tmp_path / "out", "--quiet") == (0, "")
    code, output = run("build-set", f"{s3.bucket}-that-is-not-there/set", *recipe)
    assert code == 1
    assert "that-is-not-there" in output


def test_without_a_description_there_is_no_set(s3):
    url = f"{s3.bucket}/set"
    with pytest.raises(SetError, match=r"is not a set in shards: it has no set\.json"):
        verify(url)
    with pytest.raises(SetError, match=r"is not a set in shards: it has no set\.json"):
        repair(url)
    assert ShardStore(open_location(url)).stored() == {}
