import io
import json
import tarfile
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image

from fractalgen.bank import MixingSet
from fractalgen.bank import sharded as sharded_module
from fractalgen.bank.shards import Member, write_shard
from fractalgen.errors import BankError, UnreadableImagesError
from fractalgen.files.location import Folder
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
from tests.bank.sharded_sets import in_shards, members_of
from tests.mixing_set.small_sets import SIZE


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A set of two families: of names in another order than the families'."""
    folder = tmp_path_factory.mktemp("plain") / "set"
    families = (FamilyRecipe.of("ifs", 7, 0), FamilyRecipe.of("features", 6, 0))
    build(Recipe(SIZE, 0, "jpeg", families), folder, workers=1)
    return folder


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def shards(plain, tmp_path):
    return in_shards(plain, tmp_path / "shards")


@pytest.mark.parametrize("range_bytes", [1, 4000, 2 << 20])
@pytest.mark.parametrize("shard_size", [1, 4, 100])
def test_the_bank_is_that_of_the_same_images_in_a_folder(
    plain, tmp_path, monkeypatch, shard_size, range_bytes
):
    monkeypatch.setattr(sharded_module, "_RANGE_BYTES", range_bytes)
    place = in_shards(plain, tmp_path / "shards", shard_size, short=[1])
    ours = MixingSet(place, 16, cache_dir=tmp_path / "ours")
    theirs = MixingSet(plain, 16, cache_dir=tmp_path / "theirs")
    assert ours.files == theirs.files
    assert ours.files[0] == "features/000000.jpg"
    assert ours.digest == theirs.digest
    assert ours.path.read_bytes() == theirs.path.read_bytes()


def test_opening_it_again_reads_only_the_indexes(shards, cache):
    """Of which the tar files are then gone; what a bank lacks would be read again."""
    before = MixingSet(shards, 16, cache_dir=cache)
    for tar in shards.glob("*.tar"):
        tar.write_bytes(b"")
    again = MixingSet(shards, 16, cache_dir=cache)
    assert again.path == before.path
    assert again.digest == before.digest


def test_a_range_reads_over_small_gaps_only(tmp_path):
    class Noting(Folder):
        ranges = 0

        def read(self, name, start=0, stop=None):
            self.ranges += name.endswith(".tar")
            return super().read(name, start, stop)

    location = Noting(tmp_path)
    images = [bytes([number]) * 100_000 for number in range(9)]
    records = [
        {"file": f"ifs/{number}.jpg", "bytes": len(data), "file_sha256": sha256(data).hexdigest()}
        for number, data in enumerate(images)
    ]
    write_shard(
        location,
        0,
        [
            Member(record["file"], data, json.dumps(record))
            for record, data in zip(records, images, strict=True)
        ],
    )
    packed = sharded_module.ShardList(location).images_of(0)
    reader = sharded_module.ShardReader(location, location.sizes())
    for chosen, n_ranges in ([0, 1, 3, 5, 8], 1), ([0, 4, 8], 3):
        location.ranges = 0
        parts = list(reader.parts((packed[number] for number in chosen), 100))
        read = [read() for part in parts for _, read in part]
        assert read == [images[number] for number in chosen]
        assert location.ranges == n_ranges


def damage(path, offset):
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 255]))


def names_in_shard(folder, number):
    lines = (folder / f"shard-{number:06d}.jsonl").read_text().splitlines()
    return json.loads(lines[0])["offsets"], [json.loads(line)["file"] for line in lines[1:]]


def test_a_damaged_image_is_named_or_skipped(shards, plain, cache):
    offsets, names = names_in_shard(shards, 1)
    damage(shards / "shard-000001.tar", offsets[2] + 300)
    with pytest.raises(UnreadableImagesError, match="it differs from its record") as caught:
        MixingSet(shards, 16, cache_dir=cache)
    assert [name for name, _ in caught.value.refused] == [names[2]]
    with pytest.warns(UserWarning, match=names[2]):
        some = MixingSet(shards, 16, skip_unreadable=True, cache_dir=cache)
    whole = MixingSet(plain, 16, cache_dir=cache.with_name("other"))
    kept = [row for row, name in enumerate(whole.files) if name != names[2]]
    assert some.files == tuple(whole.files[row] for row in kept)
    assert np.array_equal(some.array, whole.array[kept])


@pytest.mark.parametrize("what", ["missing", "truncated"])
def test_a_damaged_tar_file_loses_the_images_in_it(shards, cache, what):
    offsets, names = names_in_shard(shards, 1)
    tar = shards / "shard-000001.tar"
    lost = names
    if what == "missing":
        tar.unlink()
    else:
        tar.write_bytes(tar.read_bytes()[: offsets[2]])
        lost = names[2:]
    with pytest.raises(UnreadableImagesError) as caught:
        MixingSet(shards, 16, cache_dir=cache)
    assert {name for name, _ in caught.value.refused} == set(lost)
    word = "is missing" if what == "missing" else "is shorter than its index says"
    assert {reason for _, reason in caught.value.refused} == {f"shard-000001.tar {word}"}
    with pytest.warns(UserWarning, match="not contain them"):
        bank = MixingSet(shards, 16, skip_unreadable=True, cache_dir=cache)
    assert set(bank.files).isdisjoint(lost)
    assert len(bank) == 13 - len(lost)


def test_images_that_can_be_read_again_are_taken_in(shards, cache):
    tar = shards / "shard-000000.tar"
    sound = tar.read_bytes()
    tar.unlink()
    with pytest.warns(UserWarning, match="4 images"):
        before = MixingSet(shards, 16, skip_unreadable=True, cache_dir=cache)
    tar.write_bytes(sound)
    after = MixingSet(shards, 16, skip_unreadable=True, cache_dir=cache)
    assert (len(before), len(after)) == (9, 13)
    assert after.path == before.path


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-40],
        lambda text: text.replace('"version":1', '"version":99'),
        lambda text: text.replace('"file_sha256"', '"file_sha257"'),
        lambda text: text.replace('"bytes":', '"bytes":"1","b":'),
        lambda text: text.replace("\n{", "\n[[{"),
        lambda text: text.encode("utf-16").decode("latin-1"),
    ],
)
def test_a_damaged_index_is_refused_in_words(shards, cache, change):
    index = shards / "shard-000001.jsonl"
    index.write_text(change(index.read_text()))
    with pytest.raises(BankError, match=r"shard-000001.*damaged.*fractalgen verify"):
        MixingSet(shards, 16, cache_dir=cache)
    assert not cache.exists()


def test_an_index_that_lies_about_places_costs_those_images(shards, cache):
    index = shards / "shard-000001.jsonl"
    head, *lines = index.read_text().splitlines()
    data = json.loads(head)
    data["offsets"] = [-512, data["offsets"][0], 10**18, data["offsets"][3]]
    index.write_text("\n".join([json.dumps(data), *lines, ""]))
    with pytest.raises(UnreadableImagesError) as caught:
        MixingSet(shards, 16, cache_dir=cache)
    assert len(caught.value.refused) == 3


def test_an_image_in_two_shards_is_refused(shards, cache):
    for suffix in ("tar", "jsonl"):
        data = (shards / f"shard-000001.{suffix}").read_bytes()
        (shards / f"shard-000007.{suffix}").write_bytes(data.replace(b'd":1', b'd":7', 1))
    with pytest.raises(BankError, match=r"twice, in shard-000001\.tar and shard-000007\.tar"):
        MixingSet(shards, 16, cache_dir=cache)


def test_a_shard_without_an_index_does_not_count(shards, cache):
    (shards / "shard-000001.jsonl").unlink()
    assert len(MixingSet(shards, 16, cache_dir=cache)) == 9


def test_the_shards_themselves_are_tar_files_of_these_images(plain, shards):
    """Read by Python's own module, so that the tests above compare with the right thing."""
    found = {}
    for path in shards.glob("*.tar"):
        with tarfile.open(path) as tar:
            for member in tar:
                if member.name.endswith(".jpg"):
                    found[member.name] = tar.extractfile(member).read()
    assert found == {member.file: member.data for member in members_of(plain)}
    assert Image.open(io.BytesIO(found["ifs/000003.jpg"])).size == (SIZE, SIZE)
