"""What reads sets in shards: verify and repair, stats, gallery, contact sheet, export, render."""

import dataclasses
import gc
import hashlib
import io
import json
import re
import shutil
import tarfile

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fractalgen.bank.shards import Member, read_shard, write_shard
from fractalgen.cli import cli
from fractalgen.errors import SetError
from fractalgen.files.location import Folder
from fractalgen.images.decoding import to_rgb
from fractalgen.mixing_set.building.build import build, repair
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.exporting.export import export
from fractalgen.mixing_set.measuring.stats import stats
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.shard_store import ShardStore
from fractalgen.mixing_set.viewing.contact_sheet import contact_sheet
from fractalgen.mixing_set.viewing.gallery import gallery
from tests.mixing_set.small_sets import SIZE, stamps, tree

PLAIN = Recipe(SIZE, families={"ifs": 6, "moire": 2})
CLASSES = Recipe(SIZE, families={"fractal-db": {"classes": 2, "instances": 4}})
RECIPES = {"plain": PLAIN, "classes": CLASSES}
SHARD_SIZE = 2
IN_SHARD_1 = {
    "plain": ("ifs/000002.jpg", "ifs/000003.jpg"),
    "classes": ("class-000000/000002.jpg", "class-000000/000003.jpg"),
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Each set in folders, and in shards of two images."""
    place = tmp_path_factory.mktemp("drawn")
    for name, recipe in RECIPES.items():
        build(recipe, place / name / "folder")
        build(recipe, place / name / "shards", shard_size=SHARD_SIZE)
    return place


@pytest.fixture(params=RECIPES)
def kind(request):
    return request.param


@pytest.fixture
def folder(drawn, kind):
    return drawn / kind / "folder"


@pytest.fixture
def shards(drawn, kind, tmp_path):
    """A copy that may be damaged."""
    return shutil.copytree(drawn / kind / "shards", tmp_path / "shards")


def run(*arguments):
    return CliRunner().invoke(cli, [str(one) for one in arguments], catch_exceptions=False)


# Damage of shard 1.


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def members(path):
    with tarfile.open(path) as tar:
        return [(one, tar.extractfile(one).read()) for one in tar.getmembers()]


def rewrite(folder, change):
    """Change the members of the tar file, and let the index have its new size and hash."""
    changed = change(members(folder / "shard-000001.tar"))
    path = folder / "new.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for member, data in changed:
            tar.addfile(member, io.BytesIO(data))
    data = path.read_bytes()
    path.rename(folder / "shard-000001.tar")
    index = folder / "shard-000001.jsonl"
    head, *lines = index.read_text().splitlines(keepends=True)
    head = json.loads(head) | {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    index.write_text("".join([json.dumps(head, separators=(",", ":")) + "\n", *lines]))


def images(folder, number=1):
    """The members of a shard, as they are written."""
    store = ShardStore.open(folder)
    records = map(Record.from_line, read_shard(store.location, number).lines)
    return [
        Member(one.file, store.read_image(one.file), one.to_line(), one.class_) for one in records
    ]


def replace_images(folder, change, *, short=False):
    """Write the shard again, with other images and an index that has just these."""
    changed = change(images(folder))
    if short:
        (folder / "shard-000001.jsonl").unlink()
    write_shard(Folder(folder), 1, changed, is_short=lambda: short)


def with_another_record(all_):
    first, (second, data), *others = all_
    return [first, (second, data.replace(b'"seed":0', b'"seed":1')), *others]


def with_seed(member, seed):
    record = dataclasses.replace(Record.from_line(member.line), seed=seed)
    return member._replace(line=record.to_line())


def append(path, data):
    path.write_bytes(path.read_bytes() + data)


def cut(path, n):
    path.write_bytes(path.read_bytes()[:-n])


def index_of(folder):
    return folder / "shard-000001.jsonl"


def tar_of(folder):
    return folder / "shard-000001.tar"


DAMAGE = {
    "a byte of an image": ("altered", lambda at: flip(tar_of(at), 700)),
    "a byte of the padding": ("altered", lambda at: flip(tar_of(at), -1)),
    "a byte of a header": ("altered", lambda at: flip(tar_of(at), 3)),
    "a byte of the index": ("altered", lambda at: flip(index_of(at), -40)),
    "the index is cut": ("altered", lambda at: cut(index_of(at), 30)),
    "the index is empty": ("altered", lambda at: cut(index_of(at), 10**9)),
    "the index is of another shard": (
        "altered",
        lambda at: shutil.copy(at / "shard-000000.jsonl", index_of(at)),
    ),
    "the tar is cut": ("truncated", lambda at: cut(tar_of(at), 5000)),
    "the tar is empty": ("truncated", lambda at: tar_of(at).write_bytes(b"")),
    "the tar is longer": ("altered", lambda at: append(tar_of(at), bytes(512))),
    "no index": ("unrecorded", lambda at: index_of(at).unlink()),
    "no tar": ("missing", lambda at: tar_of(at).unlink()),
    "neither": ("missing", lambda at: (tar_of(at).unlink(), index_of(at).unlink())),
    "members in another order": ("altered", lambda at: rewrite(at, lambda all_: all_[::-1])),
    "a member more": ("altered", lambda at: rewrite(at, lambda all_: [*all_, all_[-1]])),
    "a member less": ("altered", lambda at: rewrite(at, lambda all_: all_[:-1])),
    "another record in the tar": (
        "altered",
        lambda at: rewrite(at, with_another_record),
    ),
    "images in another order": ("altered", lambda at: replace_images(at, lambda all_: all_[::-1])),
    "an image less": ("altered", lambda at: replace_images(at, lambda all_: all_[:1])),
    "an image twice": ("altered", lambda at: replace_images(at, lambda all_: [all_[0], *all_])),
    "images of another seed": (
        "altered",
        lambda at: replace_images(at, lambda all_: [with_seed(one, 9) for one in all_]),
    ),
    "another shard's images": ("altered", lambda at: replace_images(at, lambda _: images(at, 2))),
}


# What the damaged shard's index records, if not two images.
RECORDED = {
    **dict.fromkeys(["the index is cut", "the index is empty", "the index is of another shard"], 0),
    **dict.fromkeys(["no index", "neither"], 0),
    "an image less": 1,
    "an image twice": 3,
}
# The images themselves are whole, so that they can be exported.
IMAGES_ARE_WHOLE = {
    *("a byte of the padding", "a byte of a header", "a byte of the index"),
    *("a member more", "a member less", "another record in the tar"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_and_only_what_is_broken_is_drawn_again(shards, kind, damage):
    before, then = tree(shards), stamps(shards)
    fault, do = DAMAGE[damage]
    do(shards)
    report = verify(shards)
    findings = report.findings
    assert not report.ok
    assert getattr(findings, fault) == findings.broken == ("shard-000001.tar",)
    assert report.n_images == 6 + RECORDED.get(damage, 2)
    assert report.n_absent == (2 if damage == "neither" else 0)
    if damage in IMAGES_ARE_WHOLE:
        assert export(shards, shards.parent / "out").n_images == 8
    else:
        with pytest.raises(SetError, match="lacks images, or has damaged ones: "):
            export(shards, shards.parent / "out")
    summary = repair(shards)
    assert (summary.ok, summary.n_drawn, summary.n_missing) == (True, 2, 0)
    assert verify(shards).ok
    assert tree(shards) == before
    kept = {name for name, stamp in stamps(shards).items() if stamp == then[name]}
    assert kept == {name for name in then if "000001" not in name}


def test_a_sound_set_passes_and_is_left_as_it_is(shards):
    before, then = tree(shards), stamps(shards)
    steps = []
    report = verify(shards, redraw=5, progress=lambda *step: steps.append(step))
    assert (report.ok, report.n_images, report.n_redrawn) == (True, 8, 5)
    assert steps[-1] == (8, 8)
    assert verify(shards, redraw=99).n_redrawn == 8
    assert repair(shards).n_drawn == 0
    assert (tree(shards), stamps(shards)) == (before, then)


def test_the_images_that_a_short_shard_lacks_are_named_and_drawn(shards, kind):
    before = tree(shards)
    replace_images(shards, lambda all_: all_[1:], short=True)
    lacking, there = IN_SHARD_1[kind]
    report = verify(shards)
    assert report.findings.missing == report.findings.broken == (lacking,)
    assert report.n_images == 7
    store = ShardStore.open(shards)
    assert store.record(there).file == there
    with pytest.raises(SetError, match=f"has no image {lacking}"):
        store.record(lacking)
    assert gallery(shards, shards.parent / "gallery").n_images == 7
    assert stats(shards).total.n_images == 7
    assert repair(shards).n_drawn == 2
    assert tree(shards) == before


def test_a_short_shard_can_be_damaged_too(shards):
    before = tree(shards)
    replace_images(shards, lambda all_: all_[1:], short=True)
    flip(tar_of(shards), 700)
    assert verify(shards).findings.altered == ("shard-000001.tar",)
    assert repair(shards).ok
    assert tree(shards) == before


def test_foreign_files_are_found_and_left(shards, kind):
    (shards / "notes.txt").write_text("mine")
    (shards / "shard-000099.tar").write_text("mine")
    (shards / "ifs").mkdir()
    (shards / ".DS_Store").write_text("nobody's")
    before = tree(shards)
    found = ["ifs/", "notes.txt", "shard-000099.tar"]
    if kind == "plain":
        (shards / "classes.jsonl").write_text("mine")
        before["classes.jsonl"] = b"mine"
        found.insert(0, "classes.jsonl")
    report = verify(shards)
    assert report.findings.foreign == tuple(found)
    assert not report.findings.broken
    assert not report.ok
    summary = repair(shards)
    assert (summary.ok, summary.n_drawn) == (True, 0)
    assert "notes.txt" in summary.notes[0]
    assert tree(shards) == before


@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_a_damaged_list_of_classes_is_found_and_restored(drawn, tmp_path, damage):
    shards = shutil.copytree(drawn / "classes/shards", tmp_path / "set")
    before = tree(shards)
    path = shards / "classes.jsonl"
    path.unlink() if damage == "missing" else cut(path, 9)
    findings = verify(shards).findings
    assert getattr(findings, damage) == findings.broken == ("classes.jsonl",)
    assert (repair(shards).n_drawn, tree(shards)) == (0, before)


def test_images_whose_record_draws_another_are_found(drawn, tmp_path):
    shards = shutil.copytree(drawn / "plain/shards", tmp_path / "set")

    def swap_params(all_):
        first, second = (Record.from_line(one.line) for one in all_)
        wrong = dataclasses.replace(first, params=second.params)
        return [all_[0]._replace(line=wrong.to_line()), all_[1]]

    replace_images(shards, swap_params)
    assert verify(shards).ok
    report = verify(shards, redraw=8)
    assert report.differing == ("ifs/000002.jpg",)
    assert not report.ok


def test_the_commands_say_what_is_wrong_and_mend_it(shards):
    flip(tar_of(shards), 700)
    result = run("verify", shards)
    assert result.exit_code == 1
    assert "1 altered\n  shard-000001.tar\n" in result.stdout
    assert "--repair' redraws" in result.stdout
    assert run("build-set", shards, "--repair").exit_code == 0
    result = run("verify", shards, "--redraw", 3, "--json")
    assert (result.exit_code, json.loads(result.stdout)["images"]) == (0, 8)


# Reading.


def test_a_damaged_index_is_answered_with_what_tells_more(shards, tmp_path):
    (shards / "shard-000001.jsonl").write_text("damaged")
    out = tmp_path / "out.png"
    for read in (
        lambda: stats(shards),
        lambda: contact_sheet(shards),
        lambda: gallery(shards, out),
    ):
        with pytest.raises(SetError, match=f"see 'fractalgen verify {re.escape(str(shards))}'$"):
            read()


def test_statistics_are_those_of_the_folder(folder, shards):
    ours, theirs = stats(shards).to_json(), stats(folder).to_json()
    assert ours.pop("folder") == str(shards)
    del theirs["folder"]
    assert ours == theirs


def test_a_contact_sheet_is_that_of_the_folder(folder, shards):
    ours, theirs = (contact_sheet(one, n=6, columns=3, tile=16) for one in (shards, folder))
    assert np.array_equal(np.asarray(ours), np.asarray(theirs))
    result = run("contact-sheet", shards, "-o", shards.parent / "sheet.png")
    assert result.exit_code == 0


def test_a_gallery_is_that_of_the_folder_without_links_to_files(folder, shards, tmp_path):
    pages = []
    for name, place in (("ours", shards), ("theirs", folder)):
        done = gallery(place, tmp_path / name)
        assert (done.n_images, done.left_out) == (8, ())
        assert (tmp_path / name / "index.html").stat().st_size > 0
        (tmp_path / name / "index.html").unlink()
        pages.append(gallery(place, tmp_path / f"{name}.html", single_file=True).page.read_text())
    assert tree(tmp_path / "ours") == tree(tmp_path / "theirs")
    embedded = [re.findall(r">\s*([A-Za-z0-9+/=]{200,})\s*<", page) for page in pages]
    assert len(embedded[0]) == 1
    assert embedded[0] == embedded[1]


def test_an_export_is_a_copy_of_that_of_the_folder(folder, shards, tmp_path):
    before = tree(shards)
    done = export(shards, tmp_path / "ours")
    assert (done.n_linked, done.n_copied) == (0, 8)
    assert export(folder, tmp_path / "theirs").folders == done.folders
    assert tree(tmp_path / "ours") == tree(tmp_path / "theirs")
    assert export(shards, tmp_path / "ours").n_kept == 8
    with pytest.raises(SetError, match="inside the set"):
        export(shards, shards / "out")
    assert tree(shards) == before


def test_an_image_in_a_shard_is_redrawn_at_another_size(folder, shards, kind, tmp_path):
    file = IN_SHARD_1[kind][1]
    for name, place in (("ours.png", shards), ("theirs.png", folder)):
        result = run("render", place / file, "--size", 40, "-o", tmp_path / name)
        assert result.exit_code == 0, result.output
    ours = (tmp_path / "ours.png").read_bytes()
    assert ours == (tmp_path / "theirs.png").read_bytes()
    assert to_rgb((tmp_path / "ours.png").read_bytes())[0].shape == (40, 40, 3)
    result = run("render", shards / file.replace("3.jpg", "9.jpg"))
    assert result.exit_code == 1
    assert "has no image" in result.output


def test_an_image_that_differs_from_its_index_is_not_shown(shards, kind):
    flip(tar_of(shards), 700)
    with pytest.raises(SetError, match=f"cannot read .*{IN_SHARD_1[kind][0]}: it differs from its"):
        contact_sheet(shards, n=8)
    done = gallery(shards, shards.parent / "gallery")
    assert done.n_images == 7
    assert IN_SHARD_1[kind][0] in done.left_out[0]
    assert [file for file, _ in stats(shards).unreadable] == [IN_SHARD_1[kind][0]]


# Other programs.


@pytest.fixture(scope="module")
def losslessly(tmp_path_factory):
    folder = tmp_path_factory.mktemp("png") / "set"
    recipe = Recipe(SIZE, format="png", families=CLASSES.families)
    build(recipe, folder, shard_size=3)
    return folder


def pixel_hash(data):
    with Image.open(io.BytesIO(data)) as image:
        return hashlib.sha256(np.asarray(image.convert("RGB")).tobytes()).hexdigest()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_webdatasets_loader_reads_shards(losslessly):
    webdataset = pytest.importorskip("webdataset")
    shards = [str(path) for path in sorted(losslessly.glob("*.tar"))]
    samples = list(webdataset.WebDataset(shards, shardshuffle=False))
    gc.collect()  # it leaves files open
    records = list(ShardStore.open(losslessly).records_in_order())
    assert len(samples) == len(records) == 8
    for found, record in zip(samples, records, strict=True):
        assert f"{found['__key__']}.png" == record.file
        assert pixel_hash(found["png"]) == record.pixel_sha256
        assert found["json"].decode() == record.to_line()
        assert int(found["cls"]) == record.class_
    decoded = webdataset.WebDataset(shards[:1], shardshuffle=False).decode("rgb8")
    first = next(iter(decoded.to_tuple("png", "json", "cls")))
    assert hashlib.sha256(first[0].tobytes()).hexdigest() == records[0].pixel_sha256
    assert first[1:] == (json.loads(records[0].to_line()), 0)
    del decoded
    gc.collect()


def test_tarfile_reads_shards(losslessly):
    records = {one.file: one for one in ShardStore.open(losslessly).records_in_order()}
    found = {}
    for path in sorted(losslessly.glob("*.tar")):
        for member, data in members(path):
            assert member.isreg()
            assert (member.mtime, member.uid, member.gid, member.uname, member.mode) == (
                *(0, 0, 0),
                "",
                0o644,
            )
            found[member.name] = data
    assert len(found) == 3 * len(records)
    for file, record in records.items():
        stem = file.removesuffix(".png")
        assert pixel_hash(found[file]) == record.pixel_sha256
        assert found[f"{stem}.json"].decode() == record.to_line()
        assert int(found[f"{stem}.cls"]) == record.class_
