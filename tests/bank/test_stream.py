import contextlib
import itertools
import pickle
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
from click.testing import CliRunner

import fractalgen as fg
from fractalgen.bank import MixingSet
from fractalgen.cli import cli
from fractalgen.errors import ArgumentError, BankError, UnreadableImagesError
from fractalgen.mixing_set.building.build import build
from tests.bank.sharded_sets import in_shards
from tests.mixing_set.small_sets import ifs_recipe

N = 23


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain") / "set"
    build(ifs_recipe(N), folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def shards(plain, tmp_path_factory):
    """Six shards of four images and less."""
    return in_shards(plain, tmp_path_factory.mktemp("shards") / "set")


@pytest.fixture(scope="module")
def whole(plain, tmp_path_factory):
    return MixingSet(plain, 12, cache_dir=tmp_path_factory.mktemp("cache"))


def taken(n, *arguments, **options):
    with contextlib.closing(MixingSet.stream(*arguments, **options)) as stream:
        return list(itertools.islice(stream, n))


@pytest.mark.parametrize(
    ("buffer", "lengths"),
    [(5, [5, 5, 5, 4, 4]), (8, [8, 8, 7]), (22, [12, 11]), (23, [23]), (1000, [23]), (1, [1] * N)],
)
def test_each_pass_gives_every_image_once(shards, whole, buffer, lengths):
    windows = taken(2 * len(lengths), shards, 12, buffer)
    row_of = {name: row for row, name in enumerate(whole.files)}
    for part in (windows[: len(lengths)], windows[len(lengths) :]):
        assert [len(window) for window in part] == lengths
        names = [name for window in part for name in window.files]
        assert sorted(names) == list(whole.files)
        for window in part:
            assert list(window.files) == sorted(window.files)
            rows = [row_of[name] for name in window.files]
            assert np.array_equal(window.array, whole.array[rows])


def test_the_seed_decides_the_order_and_each_pass_has_another(shards):
    orders = [[one.files for one in taken(10, shards, 4, 5, seed=seed)] for seed in (0, 0, 1)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0][:5] != orders[0][5:]
    assert [one.digest for one in taken(3, shards, 4, 5)] == [
        one.digest for one in taken(3, shards, 8, 5, workers=1)
    ]


def test_a_window_is_a_mixing_set(shards):
    (window,) = taken(1, shards, 12, 7)
    assert isinstance(window, fg.MixingSet)
    assert repr(window) == f"<MixingSet {str(shards)!r}: 7 images of 12 x 12>"
    assert window.path is None
    assert len(window.digest) == 32
    image = np.full((8, 8, 3), 128, np.uint8)
    aug = fg.IPMix(window)
    assert np.array_equal(aug(image, seed=1), fg.IPMix(np.array(window.array))(image, seed=1))
    for view in (window[0], window.array):
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 0
    twin = pickle.loads(pickle.dumps(window))
    assert np.array_equal(twin.array, window.array)
    assert (twin.files, twin.digest, repr(twin)) == (window.files, window.digest, repr(window))
    with pytest.raises(ValueError, match="read-only"):
        twin.array[0] = 0


def stream_threads():
    return [one for one in threading.enumerate() if one.name.startswith("fractalgen-stream")]


@pytest.mark.parametrize("how", ["close", "drop"])
def test_closing_or_dropping_the_iterator_stops_the_thread(shards, how):
    stream = fg.MixingSet.stream(shards, 12, 5)
    assert not stream_threads()
    next(stream)
    assert len(stream_threads()) == 1
    if how == "close":
        stream.close()
        with pytest.raises(StopIteration):
            next(stream)
    else:
        del stream
    assert not stream_threads()


UNCLOSED = """
import sys
import fractalgen as fg
stream = fg.MixingSet.stream(sys.argv[1], 12, 5)
print(len(next(stream)))
"""


def test_a_program_ends_though_it_did_not_close_the_iterator(shards):
    command = [sys.executable, "-W", "error", "-c", UNCLOSED, str(shards)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "5\n", "")


PEAK = """
import sys
from pathlib import Path
import numpy as np
import fractalgen as fg

def peak():  # unlike ru_maxrss, not also that of the process that started this one
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

next(fg.MixingSet.stream(sys.argv[1], 8, 10, workers=1)).array.sum()
before, n = peak(), 0
# Malloc gives the memory of such large windows back at once, but may keep up to 32 MB.
for window in fg.MixingSet.stream(sys.argv[1], 800, 60, workers=1):
    n += window.array.max() > 0
    if n == 6:
        break
print(peak() - before, window.array.nbytes / 2**20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_two_windows_at_most_are_in_memory(tmp_path):
    build(ifs_recipe(120), tmp_path / "set", workers=2)
    place = in_shards(tmp_path / "set", tmp_path / "shards", 20)
    command = [sys.executable, "-c", PEAK, str(place)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    megabytes, window = map(float, done.stdout.split())
    assert window > 100
    assert megabytes < 2 * window + 80  # besides, the images that are being decoded


def test_unreadable_images_end_the_stream_or_are_left_out(plain, tmp_path):
    place = in_shards(plain, tmp_path / "shards")
    (place / "shard-000002.tar").unlink()
    with pytest.raises(UnreadableImagesError, match=r"4 images.*cannot be read"):
        taken(10, place, 12, N)
    with pytest.warns(UserWarning, match="not contain them"):
        (window,) = taken(1, place, 12, N, skip_unreadable=True)
    assert len(window) == N - 4
    for path in place.glob("*.tar"):
        path.unlink()
    with pytest.raises(BankError, match="none of 4 images"):
        taken(10, place, 12, 4, skip_unreadable=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"buffer": 0}, "buffer must be a whole number from 1"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"size": "x"}, "size must be a whole number"),
        ({"workers": 0}, "workers must be a whole number"),
        ({"skip_unreadable": 1}, "skip_unreadable must be True or False"),
    ],
)
def test_options_are_checked_before_anything_is_read(shards, options, message):
    with pytest.raises(ArgumentError, match=message):
        fg.MixingSet.stream(shards, **options)


def test_only_shards_can_be_streamed(plain, tmp_path):
    """The command that the message names makes shards of a set in folders."""
    with pytest.raises(BankError, match=r"holds no shards.* OUT --layout webdataset'") as caught:
        fg.MixingSet.stream(plain)
    command = re.search("'fractalgen (.*)'", str(caught.value))[1]
    done = CliRunner().invoke(cli, command.replace("OUT", str(tmp_path / "out")).split())
    assert done.exit_code == 0, done.output
    fg.MixingSet.stream(tmp_path / "out").close()
    with pytest.raises(BankError, match="nowhere does not exist; 'fractalgen build-set"):
        fg.MixingSet.stream(tmp_path / "nowhere")
