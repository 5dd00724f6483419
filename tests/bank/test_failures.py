import os
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from fractalgen.bank import MixingSet
from fractalgen.errors import BankError, SetError, UnreadableImagesError
from tests.mixing_set.small_sets import names_in


@pytest.fixture
def folder(tmp_path):
    """Two images, one of which is truncated, and a text that is named as an image."""
    (tmp_path / "images").mkdir()
    for name in ("a.png", "z.png"):
        Image.effect_noise((40, 40), 50).save(tmp_path / "images" / name)
    truncated = tmp_path / "images" / "b.png"
    truncated.write_bytes((tmp_path / "images" / "a.png").read_bytes()[:-300])
    (tmp_path / "images" / "c.jpg").write_text("no image")
    return tmp_path / "images"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_unreadable_images_are_all_named(folder, cache):
    with pytest.raises(UnreadableImagesError) as caught:
        MixingSet(folder, cache_dir=cache)
    message = str(caught.value)
    assert "2 images" in message
    assert "b.png: damaged" in message
    assert "c.jpg: not an image" in message
    assert "a.png" not in message
    assert "skip_unreadable" in message
    assert [name for name, _ in caught.value.refused] == ["b.png", "c.jpg"]
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, SetError)
    assert names_in(cache) == []
    assert str(pickle.loads(pickle.dumps(caught.value))) == message


def test_unreadable_images_are_skipped_with_a_warning_each_time(folder, cache):
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"(?s)2 images.*b\.png.*c\.jpg.*not cont") as caught:
            bank = MixingSet(folder, skip_unreadable=True, cache_dir=cache)
        assert caught[0].filename == __file__
        assert bank.files == ("a.png", "z.png")
        assert len(bank) == len(bank.array) == 2
    assert len(names_in(cache)) == 1


def test_a_bank_without_unreadable_images_is_not_taken_for_a_whole_one(folder, cache):
    with pytest.warns(UserWarning, match="b.png"):
        MixingSet(folder, skip_unreadable=True, cache_dir=cache)
    with pytest.raises(UnreadableImagesError, match=r"(?s)b\.png.*c\.jpg"):
        MixingSet(folder, cache_dir=cache)


def test_a_image_that_can_be_read_again_is_taken_in(small_set, cache):
    """The manifest, and so the bank's name, stays the same while a set is repaired."""
    path = small_set / "ifs" / "000002.jpg"
    sound = path.read_bytes()
    path.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="000002.jpg: it differs"):
        before = MixingSet(small_set, skip_unreadable=True, cache_dir=cache)
    path.write_bytes(sound)
    after = MixingSet(small_set, skip_unreadable=True, cache_dir=cache)
    assert (len(before), len(after)) == (5, 6)
    assert after.path == before.path
    assert np.array_equal(after.array[3:], before.array[2:])


def test_skipping_everything_is_an_error(folder, cache):
    (folder / "a.png").unlink()
    (folder / "z.png").unlink()
    with pytest.raises(BankError, match="none of the 2 images"):
        MixingSet(folder, skip_unreadable=True, cache_dir=cache)


def test_a_sets_image_that_is_not_the_recorded_one_is_refused(small_set, cache):
    Image.new("RGB", (24, 24)).save(small_set / "ifs" / "000002.jpg")
    with pytest.raises(UnreadableImagesError, match=r"ifs/000002\.jpg: it differs") as caught:
        MixingSet(small_set, cache_dir=cache)
    assert len(caught.value.refused) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be a whole number from 1 to 8192, not 0"),
        ({"size": -3}, "size must be .* not -3"),
        ({"size": 10**30}, "size must be .* not 10000"),
        ({"size": 36.0}, "size must be .* not 36.0"),
        ({"size": "36"}, "size must be .* not '36'"),
        ({"size": True}, "size must be .* not True"),
        ({"size": None}, "size must be .* not None"),
        ({"workers": 0}, "workers must be a whole number from 1 to 1024, not 0"),
        ({"workers": 10**9}, "workers must be"),
        ({"workers": float("nan")}, "workers must be .* not nan"),
        ({"skip_unreadable": "no"}, "skip_unreadable must be True or False, not 'no'"),
        ({"cache_dir": ""}, "cache_dir must be a path, not ''"),
        ({"cache_dir": "a\0b"}, "cache_dir must be a path"),
        ({"cache_dir": 3}, "cache_dir must be a path, not 3"),
    ],
)
def test_options_are_checked_and_named(folder, cache, options, message):
    with pytest.raises(ValueError, match=message):
        MixingSet(folder, **{"cache_dir": cache, **options})
    assert not cache.exists()


@pytest.mark.parametrize("folder", [None, 3, "", b"images", ["images"], "pic\0tures"])
def test_what_is_no_path_is_refused(cache, folder):
    with pytest.raises(ValueError, match="folder must be a path, not"):
        MixingSet(folder, cache_dir=cache)


def test_a_folder_whose_name_is_too_long_is_refused_in_words(cache):
    with pytest.raises(BankError, match="cannot be read: "):
        MixingSet("x" * 5000, cache_dir=cache)


def test_places_that_a_bank_does_not_have(folder, cache):
    with pytest.warns(UserWarning, match="not contain them"):
        bank = MixingSet(folder, skip_unreadable=True, cache_dir=cache)
    assert np.array_equal(bank[-2], bank[0])
    for place in (2, -3, 10**30):
        with pytest.raises(IndexError, match=f"the bank has 2 images and none at {place}"):
            bank[place]


def test_a_cache_folder_that_cannot_be_is_refused_in_words(tmp_path, folder):
    (tmp_path / "file").write_text("")
    with pytest.raises(BankError, match=r"cannot keep the bank in .*file.*cache_dir"):
        MixingSet(folder, cache_dir=tmp_path / "file" / "cache")


def test_what_a_killed_process_left_is_removed_after_a_day(folder, cache):
    cache.mkdir()
    for name, age in ((".fractalgen-1-old.part", 2 * 86400), (".fractalgen-2-new.part", 60)):
        (cache / name).write_bytes(b"")
        os.utime(cache / name, (time.time() - age,) * 2)
    with pytest.warns(UserWarning, match="b.png"):
        bank = MixingSet(folder, skip_unreadable=True, cache_dir=cache)
    assert names_in(cache) == [".fractalgen-2-new.part", bank.path.name]


def run(code, *arguments, **environment):
    """Run code in a process of its own, with more environment."""
    return subprocess.run(
        [sys.executable, "-W", "always::UserWarning", "-c", code, *map(str, arguments)],
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


OPEN = """
import sys
from fractalgen.bank import MixingSet
bank = MixingSet(sys.argv[1], skip_unreadable=True)
assert len(bank) == len(MixingSet(sys.argv[1], skip_unreadable=True)) == 2
print(bank.path)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="XDG is for the others")
def test_the_users_cache_folder_is_the_default(tmp_path, folder):
    done = run(OPEN, folder, XDG_CACHE_HOME=tmp_path / "xdg")
    assert done.stdout.strip().startswith(str(tmp_path / "xdg" / "fractalgen" / "bank"))
    done = run(OPEN, folder, XDG_CACHE_HOME="relative", HOME=tmp_path)
    assert names_in(tmp_path / ".cache" / "fractalgen") or sys.platform == "darwin"


@pytest.mark.skipif(sys.platform == "win32", reason="TMPDIR is for the others")
def test_a_temporary_folder_serves_where_the_default_cannot_be_written_to(tmp_path, folder):
    (tmp_path / "file").write_text("")
    (tmp_path / "temporary").mkdir()
    done = run(OPEN, folder, XDG_CACHE_HOME=tmp_path / "file", TMPDIR=tmp_path / "temporary")
    assert done.returncode == 0, done.stderr
    assert "cannot keep the bank in" in done.stderr
    assert "until this process ends" in done.stderr
    assert done.stdout.startswith(str(tmp_path / "temporary"))
    assert names_in(tmp_path / "temporary") == []


FULL_DISK = """
import resource, sys
from fractalgen.bank import MixingSet
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
MixingSet(sys.argv[1], size=300, skip_unreadable=True, cache_dir=sys.argv[2])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on files' lengths")
def test_a_full_disk_is_told_in_words_and_leaves_nothing(folder, cache):
    done = run(FULL_DISK, folder, cache)
    assert "BankError: cannot write the bank, 1 MB, to" in done.stderr
    assert "cache_dir" in done.stderr
    assert names_in(cache) == []


PEAK = """
import sys
from pathlib import Path
from fractalgen.bank import MixingSet

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

before = peak()
bank = MixingSet(sys.argv[1], size=256, cache_dir=sys.argv[2], workers=2)
print(peak() - before, bank.array.nbytes / 2**20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_bank_is_never_in_memory_as_a_whole(tmp_path, cache):
    (tmp_path / "many").mkdir()
    rng = np.random.default_rng(0)
    for index in range(600):
        tiny = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
        tiny.save(tmp_path / "many" / f"{index}.bmp")
    done = run(PEAK, tmp_path / "many", cache)
    megabytes, size = map(float, done.stdout.split())
    assert size > 110
    assert megabytes < 70
