import json

import pytest

from fractalgen.errors import SetError
from fractalgen.mixing_set.building.build import build, repair
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.stores.folder_store import FolderStore
from fractalgen.mixing_set.stores.open_set import redraw
from tests.mixing_set.small_sets import ifs_recipe, names_in, tree


def image(folder, index):
    return folder / f"ifs/{index:06d}.jpg"


def test_a_sound_set_passes_and_is_left_as_it_is(small_set):
    before = tree(small_set)
    report = verify(small_set, redraw=4)
    assert report.ok
    assert (report.n_images, report.n_redrawn) == (6, 4)
    assert verify(small_set, redraw=100).n_redrawn == 6
    assert tree(small_set) == before


def damage(folder):
    image(folder, 0).unlink()
    data = image(folder, 1).read_bytes()
    image(folder, 1).write_bytes(data[:-7])
    data = bytearray(image(folder, 2).read_bytes())
    data[-20] ^= 1
    image(folder, 2).write_bytes(data)
    image(folder, 3).write_bytes(image(folder, 3).read_bytes() + b"x")
    image(folder, 4).unlink()
    image(folder, 4).symlink_to(image(folder, 5))
    (folder / "ifs/holiday.jpg").write_text("mine")
    (folder / "ifs/.DS_Store").write_text("nobody's")
    (folder / "notes.txt").write_text("mine")
    (folder / ".git").mkdir()
    (folder / "ifs/inner").mkdir()


def test_each_kind_of_fault_is_found(small_set):
    damage(small_set)
    found = verify(small_set).findings
    assert found.missing == ("ifs/000000.jpg",)
    assert found.truncated == ("ifs/000001.jpg",)
    assert found.altered == ("ifs/000002.jpg", "ifs/000003.jpg", "ifs/000004.jpg")
    assert found.foreign == (".git/", "ifs/holiday.jpg", "ifs/inner/", "notes.txt")


def test_a_repair_redraws_just_the_broken_and_leaves_the_foreign(small_set):
    before = tree(small_set)
    damage(small_set)
    untouched = image(small_set, 5).stat()
    summary = repair(small_set)
    assert summary.ok
    assert summary.n_drawn == 5
    assert "ifs/holiday.jpg" in summary.notes[0]
    assert image(small_set, 5).stat() == untouched
    foreign = {"ifs/holiday.jpg", "ifs/.DS_Store", "notes.txt"}
    after = tree(small_set)
    assert foreign <= set(after)
    assert {name: data for name, data in after.items() if name not in foreign} == before
    assert not verify(small_set).findings.broken


def test_lines_that_are_no_records_are_named_and_left_out_by_a_repair(small_set):
    before = tree(small_set)
    path = small_set / "manifest.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace('"ifs/000002.jpg"', '"../../000002.jpg"')
    lines[4] = "hello\n"
    path.write_text("".join(lines))
    report = verify(small_set)
    assert not report.ok
    assert [number for number, _ in report.bad_lines] == [3, 5]
    assert report.findings.unrecorded == ("ifs/000002.jpg", "ifs/000004.jpg")
    with pytest.raises(SetError, match="line 3"):
        build(ifs_recipe(), small_set)
    repair(small_set)
    assert tree(small_set) == before


def test_a_record_of_another_seed_or_size_is_altered(small_set):
    path = small_set / "manifest.jsonl"
    path.write_text(path.read_text().replace('"index":3,"seed":0', '"index":3,"seed":4'))
    assert verify(small_set).findings.altered == ("ifs/000003.jpg",)


def test_redrawing_finds_what_hashes_cannot(small_set):
    """A record whose params are another image's passes every hash of files."""
    path = small_set / "manifest.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["params"], lines[1]["params"] = lines[1]["params"], lines[0]["params"]
    lines[2]["params"] = {"nonsense": 1}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert verify(small_set).ok
    report = verify(small_set, redraw=6)
    assert report.differing == ("ifs/000000.jpg", "ifs/000001.jpg", "ifs/000002.jpg")
    assert not report.ok


@pytest.mark.parametrize("options", [{"palette": "any", "wings": 2}, {"palette": "embr"}])
def test_options_of_another_release_are_refused_in_words(small_set, options):
    path = small_set / "set.json"
    described = json.loads(path.read_text())
    described["recipe"]["families"]["ifs"]["options"] = options
    path.write_text(json.dumps(described))
    image(small_set, 0).unlink()
    with pytest.raises(SetError, match=r"wings|embr"):
        repair(small_set)


def test_what_is_no_set_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for place, message in (("", r"no set\.json"), ("file", "not a folder"), ("no", "not exist")):
        with pytest.raises(SetError, match=message):
            verify(tmp_path / place)
        with pytest.raises(SetError, match=message):
            repair(tmp_path / place)


@pytest.mark.parametrize("indices", [[], [[0, 1]]])
def test_a_family_that_leads_out_of_the_set_is_refused_and_nothing_is_removed(small_set, indices):
    victim = small_set.parent / "victim"
    victim.mkdir()
    (victim / ".fractalgen-000000.jpg.part").touch()
    (small_set.parent / "empty").mkdir()
    path = small_set / "set.json"
    described = json.loads(path.read_text())
    for name in ("../victim", "../empty", str(victim)):
        described["recipe"]["families"] = {name: {"collected": True, "indices": indices}}
        path.write_text(json.dumps(described))
        for action in (repair, verify, lambda folder: build(ifs_recipe(), folder)):
            with pytest.raises(SetError, match=r"set\.json is damaged"):
                action(small_set)
    assert names_in(victim) == [".fractalgen-000000.jpg.part"]
    assert (small_set.parent / "empty").is_dir()


@pytest.mark.parametrize(
    "damage", [{"colors": ["no colour"]}, {"colors": []}, {"texture": "velvet"}, {"shape": 3}]
)
def test_damaged_params_differ_when_redrawn_and_are_no_traceback(small_set, damage):
    path = small_set / "manifest.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[2]["params"]["backdrop"] |= damage
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert verify(small_set, redraw=6).differing == ("ifs/000002.jpg",)
    _, record = FolderStore.find(image(small_set, 2))
    with pytest.raises(SetError, match=r"params of ifs/000002\.jpg"):
        redraw(record, 16)
