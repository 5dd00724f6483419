import dataclasses
import hashlib
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.errors import SetError
from fractalgen.mixing_set.stores.manifest import Manifest
from fractalgen.mixing_set.stores.record import Origin, Record

hashes = st.binary().map(lambda data: hashlib.sha256(data).hexdigest())
counts = st.integers(0, 2**60)
places = st.tuples(st.sampled_from(["ifs", "escape-time", "extra"]), st.integers(0, 999_999))
finite = st.floats(allow_nan=False, allow_infinity=False)
params = st.dictionaries(st.text(), st.one_of(finite, st.text(), st.lists(finite))).map(
    lambda value: json.dumps(value, separators=(",", ":"))
)
files = st.builds(lambda place, end: f"{place[0]}/{place[1]:06d}.{end}", places, st.just("jpg"))
drawn = st.builds(
    Record, files, counts, counts, counts, hashes, hashes, counts, counts, params, st.none()
)
texts = st.none() | st.text()
origins = st.builds(Origin, st.text(), hashes, texts, texts, texts)
alike = st.none() | hashes.map(lambda text: text[:16])
collected = st.builds(
    Record, files, counts, counts, counts, hashes, hashes, origin=origins, perceptual_hash=alike
)
records = st.one_of(drawn, collected)


def record(index=0, family="ifs"):
    return Record(f"{family}/{index:06d}.jpg", 8, 8, 5, "0" * 64, "1" * 64, 0, 1, "{}")


@given(records)
def test_a_record_survives_its_line(one):
    line = one.to_line()
    assert "\n" not in line
    assert Record.from_line(line) == one
    assert json.loads(line)["file"] == one.file


@given(st.text() | records.flatmap(lambda r: st.integers(0, 200).map(lambda n: r.to_line()[:n])))
def test_what_is_no_line_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"\S"):
        Record.from_line(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file": "../ifs/000000.jpg"}, "leads out of the set"),
        ({"file": "/etc/000000.jpg"}, "leads out of the set"),
        ({"file": "..\\ifs\\000000.jpg"}, "leads out of the set"),
        ({"file": "C:/ifs/000000.jpg"}, "leads out of the set"),
        ({"file": "ifs/../../000000.jpg"}, "leads out of the set"),
        ({"file": "ifs/000000.jpg.exe"}, "not the path"),
        ({"file": ".git/000000.jpg"}, "not the path"),
        ({"file": "ifs/000001.jpg"}, "another image"),
        ({"file": 3}, "not text"),
        ({"family": "features"}, "another image"),
        ({"index": 1}, "another image"),
        ({"size": [8]}, "size"),
        ({"size": [8, -8]}, "size"),
        ({"bytes": 5.5}, "bytes"),
        ({"pixel_sha256": "abc"}, "hash"),
        ({"file_sha256": "G" * 64}, "hash"),
        ({"seed": None}, "seed"),
        ({"params": []}, "params"),
        ({"more": 1}, "keys"),
        ({"origin": {"path": "a.jpg", "sha256": "0" * 64}}, "keys"),
    ],
)
def test_a_foreign_line_is_named_and_never_a_path_out_of_the_set(tmp_path, change, message):
    line = json.dumps(json.loads(record().to_line()) | change)
    text = f"{record(7).to_line()}\n{line}\n{record(8).to_line()}\n"
    (tmp_path / "manifest.jsonl").write_text(text)
    manifest = Manifest.read(tmp_path / "manifest.jsonl")
    assert [key[1] for key in manifest.records] == [7, 8]
    assert [number for number, _ in manifest.bad_lines] == [2]
    with pytest.raises(SetError, match=rf"line 2: .*{message}.*--repair"):
        manifest.require_sound()


def test_a_torn_last_line_is_cut_off_before_the_next_is_appended(tmp_path):
    path = tmp_path / "manifest.jsonl"
    whole = record(0).to_line() + "\n"
    long = dataclasses.replace(record(1), params='{"x":[' + "1," * 500)
    path.write_text(whole + long.to_line()[:900])
    manifest = Manifest.read(tmp_path / "manifest.jsonl")
    assert manifest.torn
    manifest.require_sound()
    with manifest.appending():
        manifest.append(record(2))
    assert path.read_text() == whole + record(2).to_line() + "\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits")
def test_what_a_full_disk_leaves_of_a_line_is_taken_back(tmp_path):
    """A limit on the length of files stands in for a full disk: half of the line is written."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    manifest = Manifest.read(tmp_path / "manifest.jsonl")
    with manifest.appending():
        manifest.append(record(0))
        room = len(record(0).to_line()) * 3 // 2
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
        try:
            with pytest.raises(OSError, match="too large") as caught:
                manifest.append(record(1))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        manifest.append(record(2))
    assert caught.value.filename == str(tmp_path / "manifest.jsonl")
    lines = (record(0).to_line(), record(2).to_line())
    assert (tmp_path / "manifest.jsonl").read_text() == "".join(f"{line}\n" for line in lines)


def test_of_two_lines_of_a_image_the_last_counts(tmp_path):
    first, second = record(3), Record("ifs/000003.jpg", 8, 8, 9, "2" * 64, "3" * 64, 0, 1, "{}")
    (tmp_path / "manifest.jsonl").write_text(f"{first.to_line()}\n{second.to_line()}\n")
    assert Manifest.read(tmp_path / "manifest.jsonl").records == {("ifs", 3): second}


def test_the_canonical_order_is_by_family_and_number(tmp_path):
    mixed = [record(10), record(9), record(0, "extra"), record(5, "escape-time")]
    manifest = Manifest(tmp_path / "manifest.jsonl")
    manifest.records = {one.key: one for one in mixed}
    manifest.write()
    lines = (tmp_path / "manifest.jsonl").read_text().splitlines()
    files = [json.loads(line)["file"] for line in lines]
    assert files == [
        "escape-time/000005.jpg",
        "ifs/000009.jpg",
        "ifs/000010.jpg",
        "extra/000000.jpg",
    ]


def test_a_manifest_that_is_a_link_is_neither_read_nor_written(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("keep me")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "manifest.jsonl").symlink_to(outside)
    with pytest.raises(SetError, match="link"):
        Manifest.read(folder / "manifest.jsonl")
    assert outside.read_text() == "keep me"
