import itertools
import pickle
import shutil

import numpy as np
import pytest

import fractalgen as fg
from fractalgen.bank.source import as_place
from fractalgen.errors import SetError, UnreadableImagesError
from fractalgen.files.location import open_location
from tests.bank.sharded_sets import in_shards


@pytest.fixture(params=["file", "memory", "s3"])
def url(request, tmp_path):
    """A place where nothing is."""
    if request.param == "file":
        return f"file://{tmp_path}/remote"
    if request.param == "memory":
        pytest.importorskip("fsspec")
        return f"memory://{tmp_path.name}/set"
    return f"{request.getfixturevalue('s3').bucket}/some/set"


def test_a_remote_bank_is_that_of_the_folder(small_set, tmp_path, url):
    in_shards(small_set, url, 2)
    ours = fg.MixingSet(url, 16, cache_dir=tmp_path / "ours")
    theirs = fg.MixingSet(small_set, 16, cache_dir=tmp_path / "theirs")
    assert ours.path.read_bytes() == theirs.path.read_bytes()
    assert ours.digest == theirs.digest
    assert np.array_equal(pickle.loads(pickle.dumps(ours)).array, theirs.array)
    windows = list(itertools.islice(fg.MixingSet.stream(url, 16, 3), 2))
    assert sorted(name for window in windows for name in window.files) == list(theirs.files)
    location = open_location(url)
    with location.writing("shard-000001.tar") as file:
        file.write(bytes(100_000))
    with pytest.raises(UnreadableImagesError, match="2 images"):
        fg.MixingSet(url, 17, cache_dir=tmp_path / "ours")


def test_opening_it_reads_only_the_indexes(small_set, tmp_path, s3):
    place = in_shards(small_set, f"{s3.bucket}/set", 2)
    fg.MixingSet(place, 16, cache_dir=tmp_path / "cache")
    read = [path for method, path, _ in s3.requests if method == "GET" and ".tar" in path]
    assert len(read) == 3  # each once
    del s3.requests[:]
    fg.MixingSet(place, 16, cache_dir=tmp_path / "cache")
    assert not [path for _, path, _ in s3.requests if ".tar" in path]


def test_a_url_without_shards_is_refused_in_words(small_set, tmp_path, s3):
    for place in ("memory://nothing/here", f"{s3.bucket}/nothing"):
        with pytest.raises(SetError, match=r"holds no shards; 'fractalgen build-set "):
            fg.MixingSet(place, 16, cache_dir=tmp_path / "cache")
    location = open_location("memory://plain/set")
    for name in ("set.json", "manifest.jsonl"):
        with location.writing(name) as file, (small_set / name).open("rb") as source:
            shutil.copyfileobj(source, file)
    with pytest.raises(SetError, match="holds no shards"):
        fg.MixingSet("memory://plain/set", 16, cache_dir=tmp_path / "cache")


def test_a_plain_set_at_a_file_url_is_a_folder(small_set, tmp_path):
    bank = fg.MixingSet(f"file://{small_set}", 16, cache_dir=tmp_path / "cache")
    assert len(bank) == 6


def test_a_url_keeps_its_slashes():
    assert as_place("set", "s3://a/b") == "s3://a/b"
    assert as_place("set", "a//b") == as_place("set", "a/b")
