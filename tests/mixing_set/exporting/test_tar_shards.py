"""A set in folders becomes a set in shards, with its collected images."""

import contextlib
import gc
import json
import tarfile
from io import BytesIO

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import fractalgen as fg
from fractalgen.cli import cli
from fractalgen.errors import ArgumentError, SetError
from fractalgen.mixing_set.building.build import build, repair
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.collecting.collect import CollectOptions
from fractalgen.mixing_set.exporting.export import export
from fractalgen.mixing_set.measuring.stats import stats
from fractalgen.mixing_set.merging.merge import merge
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.shard_store import ShardStore
from fractalgen.mixing_set.viewing.gallery import gallery
from tests.mixing_set.small_sets import SIZE, stamps, tree

DRAWN = Recipe(SIZE, 3, "png", families={"ifs": 5, "moire": 2})
CLASSES = Recipe(SIZE, families={"fractal-db": {"classes": 2, "instances": 4}}, gray=True)


def in_shards(folder, out, shard_size=3, **options):
    return export(folder, out, layout="webdataset", shard_size=shard_size, **options)


@pytest.fixture
def photos(tmp_path):
    """Four images in two formats, of other sizes than the drawn ones."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        image = Image.fromarray(rng.integers(0, 256, (20 + number, 30, 3), np.uint8))
        image.save(folder / f"{number}.{'png' if number % 2 else 'jpg'}")
    return folder


@pytest.fixture
def folder(tmp_path, photos):
    """Seven drawn images; four collected ones in place of features, and four beside them."""
    place = tmp_path / "folder"
    build(
        DRAWN,
        place,
        collected={"features": str(photos), "extra": str(photos)},
        collecting=CollectOptions(licence="CC-BY-4.0", author="Me"),
    )
    return place


def images_in(place):
    """The drawn and collected images of a set in folders, by their paths."""
    return {file: data for file, data in tree(place).items() if "/" in file}


def members(place):
    found = {}
    for path in sorted(place.glob("*.tar")):
        with tarfile.open(path) as tar:
            found |= {one.name: tar.extractfile(one).read() for one in tar.getmembers()}
    return found


@pytest.mark.parametrize("recipe", [DRAWN, CLASSES])
def test_drawn_images_give_the_shards_that_a_build_writes(tmp_path, recipe):
    build(recipe, tmp_path / "folder")
    before = tree(tmp_path / "folder")
    done = in_shards(tmp_path / "folder", tmp_path / "ours")
    build(recipe, tmp_path / "theirs", shard_size=3)
    assert tree(tmp_path / "ours") == tree(tmp_path / "theirs")
    assert tree(tmp_path / "folder") == before
    assert (done.n_copied, done.folders) == (
        sum(one.n for one in recipe.families),
        {one.name: one.n for one in recipe.families},
    )


def test_collected_images_come_along_with_licence_and_origin(folder, tmp_path):
    out = tmp_path / "out"
    assert in_shards(folder, out).n_copied == 15
    found = members(out)
    images = {name: data for name, data in found.items() if not name.endswith(".json")}
    assert images == images_in(folder)
    for line in (folder / "manifest.jsonl").read_text().splitlines():
        file = json.loads(line)["file"]
        assert found[file.rpartition(".")[0] + ".json"].decode() == line
    record = json.loads(found["extra/000001.json"])
    assert record["origin"]["licence"] == "CC-BY-4.0"
    assert record["origin"]["path"] == "1.png"
    build(DRAWN, tmp_path / "drawn", shard_size=3)
    drawn = {name: data for name, data in tree(tmp_path / "drawn").items() if "shard-" in name}
    assert drawn.items() < tree(out).items()
    in_shards(folder, tmp_path / "again")
    assert tree(tmp_path / "again") == tree(out)


def test_it_is_a_set_like_any_in_shards(folder, tmp_path):
    out = tmp_path / "out"
    in_shards(folder, out)
    report = verify(out, redraw=99)
    assert (report.ok, report.n_images, report.n_redrawn) == (True, 15, 7)
    ours = fg.MixingSet(out, 16, cache_dir=tmp_path / "cache")
    theirs = fg.MixingSet(folder, 16, cache_dir=tmp_path / "cache")
    assert (ours.files, ours.digest) == (theirs.files, theirs.digest)
    with contextlib.closing(fg.MixingSet.stream(out, 16, buffer=15)) as stream:
        assert sorted(next(stream).files) == list(theirs.files)
    mine, others = stats(out).to_json(), stats(folder).to_json()
    assert {**mine, "folder": ""} == {**others, "folder": ""}
    assert gallery(out, tmp_path / "gallery").n_images == 15
    export(out, tmp_path / "mine")
    export(folder, tmp_path / "others")
    assert tree(tmp_path / "mine") == tree(tmp_path / "others")
    assert sorted(ShardStore.open(out).files()) == sorted(images_in(folder))
    assert merge(tmp_path / "copy", [out]).ok
    assert tree(tmp_path / "copy") == tree(out)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_webdataset_reads_collected_images(folder, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    in_shards(folder, tmp_path / "out")
    shards = [str(path) for path in sorted((tmp_path / "out").glob("*.tar"))]
    found = {}
    for sample in webdataset.WebDataset(shards, shardshuffle=False):
        record = json.loads(sample["json"])
        ending = record["file"].rpartition(".")[2]
        assert f"{sample['__key__']}.{ending}" == record["file"]
        found[record["file"]] = Image.open(BytesIO(sample[ending])).size
    gc.collect()  # it leaves files open
    assert len(found) == 15
    assert found["extra/000003.png"] == (30, 23)


def test_an_interrupted_export_continues(folder, tmp_path):
    in_shards(folder, tmp_path / "whole")
    out = tmp_path / "out"

    def stop(done, total):
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_shards(folder, out, progress=stop)
    there = stamps(out)
    assert there
    told = []
    done = in_shards(folder, out, progress=lambda *one: told.append(one))
    assert (done.n_images, told[-1]) == (15, (15, 15))
    assert done.n_kept >= 6
    assert stamps(out).items() >= {k: v for k, v in there.items() if k.endswith("l")}.items()
    assert tree(out) == tree(tmp_path / "whole")
    assert in_shards(folder, out, shard_size=None).n_kept == 15


@pytest.mark.parametrize("what", ["tar is cut", "no tar", "no index", "index is cut"])
def test_what_is_not_whole_is_written_again(folder, tmp_path, what):
    out = tmp_path / "out"
    in_shards(folder, out)
    before = tree(out)
    tar, index = out / "shard-000004.tar", out / "shard-000004.jsonl"
    path = tar if "tar" in what else index
    path.unlink() if "no" in what else path.write_bytes(path.read_bytes()[:-700])
    assert in_shards(folder, out).n_copied == 1
    assert tree(out) == before


def test_images_that_a_set_gains_go_into_new_shards(folder, photos, tmp_path):
    out = tmp_path / "out"
    in_shards(folder, out)
    then = stamps(out)
    Image.fromarray(np.full((9, 9, 3), 7, np.uint8)).save(photos / "new.png")
    more = Recipe(families={"ifs": 8})
    build(more, folder, collected={"extra": str(photos)})
    done = in_shards(folder, out)
    assert (done.n_kept, done.n_copied) == (15, 4)
    assert stamps(out).items() > then.items()
    assert verify(out).ok
    assert members(out).keys() >= images_in(folder).keys()


@pytest.mark.parametrize("fault", ["missing", "unrecorded", "truncated", "altered"])
def test_a_broken_set_is_refused(folder, tmp_path, fault):
    path = folder / "extra/000001.png"
    data = path.read_bytes()
    if fault == "missing":
        path.unlink()
    elif fault == "unrecorded":
        path = folder / "ifs/000003.png"
        lines = (folder / "manifest.jsonl").read_text().splitlines(keepends=True)
        kept = [line for line in lines if "ifs/000003" not in line]
        (folder / "manifest.jsonl").write_text("".join(kept))
    else:
        path.write_bytes(data[:-1] if fault == "truncated" else data[:-1] + b"?")
    out = tmp_path / "out"
    file = path.relative_to(folder)
    with pytest.raises(SetError, match=f"lacks images, or has damaged ones: {file}"):
        in_shards(folder, out)
    if fault != "altered":  # which is only seen when it is copied
        assert not out.exists()
        return
    holders = [
        n for n, one in tree(out).items() if n.startswith("shard") and b"extra/000001" in one
    ]
    assert holders == []
    path.write_bytes(data)
    assert in_shards(folder, out).n_images == 15
    assert verify(out).ok


def test_a_place_that_holds_something_else_is_refused_and_left(folder, tmp_path):
    shards = tmp_path / "shards"
    in_shards(folder, shards)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").write_text("mine")
    build(Recipe(SIZE, 9, "png", families={"ifs": 1}), tmp_path / "seed", shard_size=3)
    build(Recipe(SIZE, 3, "png", families={"ifs": 9}), tmp_path / "more", shard_size=3)
    before = tree(tmp_path)
    for out, message in {
        "other": "holds other files than the set's: notes.txt",
        "photos": "holds other files than the set's: 0.jpg",
        "other/notes.txt": "not a folder",
        "folder": "is inside the set",
        "folder/below": "is inside the set",
        "seed": "holds a different set: seed is 9 in the set",
        "more": "holds a different set: it has more images of ifs",
    }.items():
        with pytest.raises(SetError, match=message):
            in_shards(folder, tmp_path / out)
    with pytest.raises(SetError, match="3 images per shard, not 4"):
        in_shards(folder, shards, 4)
    with pytest.raises(SetError, match=r"in shards already; 'fractalgen merge .*' copies it"):
        in_shards(shards, tmp_path / "new")
    with pytest.raises(SetError, match=r"in shards already$"):
        in_shards(shards, shards)
    with pytest.raises(ArgumentError):
        in_shards(folder, tmp_path / "new", 0)
    with pytest.raises(ArgumentError, match="no shards"):
        export(folder, tmp_path / "new", shard_size=3)
    assert tree(tmp_path) == before


def test_other_images_of_the_same_names_are_not_mixed_in(folder, photos, tmp_path):
    out = tmp_path / "out"
    in_shards(folder, out)
    for path in photos.iterdir():
        Image.open(path).rotate(90).save(path)
    other = tmp_path / "other"
    build(DRAWN, other, collected={"features": str(photos), "extra": str(photos)})
    before = tree(out)
    with pytest.raises(SetError, match=r"holds other images than the set, in shard-00000\d.tar"):
        in_shards(other, out)
    assert tree(out) == before


def test_collected_shards_are_never_drawn_again_or_removed(folder, tmp_path):
    out = tmp_path / "out"
    in_shards(folder, out)
    before = tree(out)
    (out / "shard-000000.tar").unlink()
    damaged = out / "shard-000004.tar"
    data = damaged.read_bytes()
    damaged.write_bytes(data[:1000])
    assert verify(out).findings.broken == ("shard-000000.tar", "shard-000004.tar")
    summary = repair(out)
    assert (summary.ok, summary.n_drawn, summary.unrepaired) == (False, 3, ())
    assert summary.unrepaired_shards == ("shard-000004.tar",)
    result = CliRunner().invoke(cli, ["build-set", str(out), "--repair"])
    assert result.exit_code == 1
    assert "collected images, which cannot be drawn again: shard-000004.tar" in result.output
    assert build(DRAWN, out).ok
    assert len(damaged.read_bytes()) == 1000
    damaged.write_bytes(data)
    assert tree(out) == before
    other = Recipe(SIZE, 4, "png", families={"ifs": 2})
    assert build(other, out, overwrite=True).n_removed == 7
    assert verify(out, redraw=9).n_images == 10


def test_the_command_writes_to_a_url(folder, tmp_path, s3):
    url = f"{s3.bucket}/set"
    command = ["export", str(folder), url, "--layout", "webdataset", "--shard-size", "3"]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    assert "extra: 4 images" in result.output
    in_shards(folder, tmp_path / "out")
    assert merge(tmp_path / "copy", [url]).ok
    assert tree(tmp_path / "copy") == tree(tmp_path / "out")
    assert verify(url).ok


def test_a_set_at_a_url_is_read_shard_by_shard(folder, tmp_path, s3):
    url = f"{s3.bucket}/set"
    in_shards(folder, url)
    for work in (gallery, export):
        del s3.requests[:]
        assert work(url, tmp_path / work.__name__).n_images == 15
        read = [path for method, path, _ in s3.requests if method == "GET" and ".tar" in path]
        assert len(read) == len(set(read)) == 7  # each shard once


@pytest.mark.parametrize(
    "command",
    [
        ["build-set", "memory://set", "--recipe", "ipmix"],
        ["ifs", "memory://set", "--n", "1"],
        ["export", "set", "Memory://set", "--layout", "webdataset"],
        ["merge", "memory://set", "part"],
    ],
)
def test_a_set_that_would_end_with_the_command_is_refused(command):
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 2
    assert "ends with this command, and the set with it" in result.output
