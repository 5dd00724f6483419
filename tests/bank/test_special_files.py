"""A folder or a cache may hold pipes, sockets and devices, which are not to be waited for."""

import os
import pickle
import shutil
import signal
import socket

import numpy as np
import pytest
from PIL import Image

from fractalgen.bank import MixingSet
from fractalgen.bank import folder as folder_module
from fractalgen.errors import BankError, UnreadableImagesError

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")


@pytest.fixture(autouse=True)
def _no_waiting():
    """End a test that waits for a pipe, where the test run would otherwise hang."""

    def stop(*_):
        raise TimeoutError("waited for a file")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    Image.effect_noise((40, 40), 50).save(tmp_path / "images" / "a.png")
    return tmp_path / "images"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def make_socket(path, monkeypatch):
    """Bind one; its address may be no longer than about a hundred letters."""
    monkeypatch.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)


def make(kind, path, monkeypatch):
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        make_socket(path, monkeypatch)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)


KINDS = ("pipe", "socket", "device", "circle")


def test_special_files_named_as_images_are_named_or_skipped(folder, cache, monkeypatch):
    for kind in KINDS:
        make(kind, folder / f"{kind}.png", monkeypatch)
    with pytest.raises(UnreadableImagesError) as caught:
        MixingSet(folder, 20, cache_dir=cache)
    reasons = dict(caught.value.refused)
    assert set(reasons) == {f"{kind}.png" for kind in KINDS}
    assert reasons["pipe.png"] == "it is a pipe, not a file"
    for _ in range(2):  # when it is made, and when it is opened again
        with pytest.warns(UserWarning, match=r"pipe\.png"):
            bank = MixingSet(folder, 20, cache_dir=cache, skip_unreadable=True)
        assert bank.files == ("a.png",)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["set.json", "manifest.jsonl"])
def test_a_special_file_instead_of_a_sets_own_is_passed_over(
    folder, cache, monkeypatch, kind, name
):
    for own in {"set.json", "manifest.jsonl"} - {name}:
        (folder / own).write_text("{}\n")
    make(kind, folder / name, monkeypatch)
    assert MixingSet(folder, 20, cache_dir=cache).files == ("a.png",)


@pytest.mark.parametrize("kind", KINDS)
def test_a_special_file_instead_of_the_cache_file_is_replaced(folder, cache, monkeypatch, kind):
    first = MixingSet(folder, 20, cache_dir=cache)
    pickled, expected = pickle.dumps(first), first[0].copy()
    first.path.unlink()
    make(kind, first.path, monkeypatch)
    with pytest.raises(BankError, match=r"cannot be read from .*open the folder again"):
        pickle.loads(pickled)
    again = MixingSet(folder, 20, cache_dir=cache)
    assert again.path.is_file()
    assert not again.path.is_symlink()
    assert np.array_equal(again[0], expected)


def test_a_folder_in_the_place_of_the_cache_file_is_refused_in_words(folder, cache):
    path = MixingSet(folder, 20, cache_dir=cache).path
    path.unlink()
    path.mkdir()
    with pytest.raises(BankError, match=r"cannot write the bank.*choose another folder"):
        MixingSet(folder, 20, cache_dir=cache)


def test_links_from_folder_to_folder_are_no_endless_search(folder, cache, monkeypatch):
    """Twelve folders with a link to each other have 12! paths through all of them."""
    monkeypatch.setattr(folder_module, "_MAX_FOLDERS", 5_000)
    for i in range(12):
        (folder / str(i)).mkdir()
        for j in range(12):
            (folder / str(i) / f"to-{j}").symlink_to(folder / str(j))
    with pytest.raises(BankError, match=r"more than 5,000 folders in it.*links that lead"):
        MixingSet(folder, 20, cache_dir=cache)


def test_a_very_deep_folder_is_read(folder, cache, monkeypatch):
    """Deeper than Python calls functions within one another."""
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        for _ in range(1_200):
            os.mkdir("n")  # noqa: PTH102 - a path from the top may be no longer than 4,096 letters
            os.chdir("n")
        Image.effect_noise((40, 40), 50).save("b.png")
    assert len(MixingSet(folder, 20, cache_dir=cache).files) == 2
    # Python before 3.12, and so pytest when it cleans up, cannot remove a folder this deep.
    while (folder / "n").exists():
        (folder / "n").rename(folder / "outer")
        if (folder / "outer/n").exists():
            (folder / "outer/n").rename(folder / "n")
        shutil.rmtree(folder / "outer")
