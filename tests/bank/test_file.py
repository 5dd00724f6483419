import json
import struct

import numpy as np
import pytest

from fractalgen.bank.file import BankWriter, Contents, DamagedError, read_bank

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 7, 7, 3), np.uint8)
CONTENTS = Contents("key", 7, tuple(f"{i}.png" for i in range(5)), (("bad\udcff.png", "damaged"),))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "bank.npy"
    with path.open("w+b") as file:
        writer = BankWriter(file, 7)
        writer.write([2, 3, 0], IMAGES[[2, 3, 0]])
        writer.write([4, 1], IMAGES[[4, 1]])
        writer.finish(CONTENTS)
    return path


def test_what_was_written_is_read(path):
    images, contents = read_bank(path)
    assert contents == CONTENTS
    assert np.array_equal(images, IMAGES)
    assert not images.flags.writeable


@pytest.mark.parametrize("kept", [[0, 1, 2, 3, 4], [1, 2, 4], [0, 3], [4]])
def test_gaps_are_closed(tmp_path, kept):
    with (tmp_path / "bank.npy").open("w+b") as file:
        writer = BankWriter(file, 7)
        writer.write(kept, IMAGES[kept])
        writer.close_gaps(kept)
        writer.finish(Contents("key", 7, tuple(f"{i}.png" for i in kept)))
    assert np.array_equal(read_bank(tmp_path / "bank.npy")[0], IMAGES[kept])


def test_numpy_reads_the_file_by_itself(path):
    assert np.array_equal(np.load(path), IMAGES)
    assert np.array_equal(np.load(path, mmap_mode="r"), IMAGES)


def test_a_bank_is_none_until_it_is_finished(tmp_path):
    path = tmp_path / "bank.npy"
    with path.open("wb") as file:
        BankWriter(file, 7).write(range(5), IMAGES)
    with pytest.raises(DamagedError):
        read_bank(path)


def test_a_file_cut_short_anywhere_is_refused(path):
    data = path.read_bytes()
    for length in [*range(0, len(data), 61), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(DamagedError):
            read_bank(path)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (b'"version": 1', b'"version": 2', "another version"),
        (b'"size": 7', b'"size": 8', "another length"),
        (b'"size": 7', b'"size": x', "cannot be read"),
        (b'"size": 7', b'"size": -7', "cannot be read"),
        (b'"0.png"', b"0", "cannot be read"),
        (b'"key"', b'"kez"', "cannot be read"),
        (b"'shape': (5", b"'shape': (4", "header"),
        (b"fgbank01", b"fgbank99", "no bank"),
    ],
)
def test_a_file_of_another_kind_is_refused(path, before, after, message):
    data = path.read_bytes()
    assert data.count(before) >= 1
    path.write_bytes(data.replace(before, after, 1))
    with pytest.raises(DamagedError, match=message):
        read_bank(path)


def test_what_nests_too_deep_to_be_read_is_refused(path):
    data = path.read_bytes()
    begin = data.index(b'{"version"')
    text = b'{"version": 1, "key": ' + b"[" * 200_000
    path.write_bytes(data[:begin] + text + struct.pack("<Q8s", len(text), b"fgbank01"))
    with pytest.raises(DamagedError, match="cannot be read"):
        read_bank(path)


def test_bytes_too_many_are_refused(path):
    data = path.read_bytes()
    path.write_bytes(data[:200] + b"more" + data[200:])
    with pytest.raises(DamagedError, match="another length"):
        read_bank(path)


def test_what_it_was_made_from_is_json(path):
    data = path.read_bytes()
    text = data[data.index(b'{"version"') : -16]
    assert json.loads(text)["files"] == list(CONTENTS.files)
