import copy
import multiprocessing
import pickle

import numpy as np
import pytest
from PIL import Image

from fractalgen.bank import MixingSet
from fractalgen.bank.folder import content_key, list_images
from fractalgen.errors import BankError
from fractalgen.images.crops import read_square
from tests.mixing_set.small_sets import names_in


def save_image(path, seed, side=20):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    """Five images at two depths."""
    for seed, name in enumerate(["b.png", "a.png", "deep/c.png", "deep/d.bmp", "deep/er/e.jpg"]):
        save_image(tmp_path / "images" / name, seed)
    return tmp_path / "images"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_a_bank_holds_the_images_in_the_order_of_their_names(folder, cache):
    bank = MixingSet(folder, size=12, cache_dir=cache)
    assert bank.files == ("a.png", "b.png", "deep/c.png", "deep/d.bmp", "deep/er/e.jpg")
    assert len(bank) == 5
    assert bank.size == 12
    assert bank.array.shape == (5, 12, 12, 3)
    for name, image in zip(bank.files, bank, strict=True):
        assert np.array_equal(image, read_square(folder / name, 12))


def test_a_bank_cannot_be_written_to(folder, cache):
    bank = MixingSet(folder, size=12, cache_dir=cache)
    assert isinstance(bank.array, np.memmap)
    for view in (bank[0], bank.array):
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 0


def test_indices_are_as_a_lists(folder, cache):
    bank = MixingSet(folder, size=12, cache_dir=cache)
    assert np.array_equal(bank[-1], bank[np.int64(4)])
    assert np.shares_memory(bank[1], bank.array)
    with pytest.raises(IndexError):
        bank[5]
    with pytest.raises(TypeError):
        bank[0:2]


def test_a_bank_says_what_it_is(folder, cache):
    text = repr(MixingSet(folder, size=12, cache_dir=cache))
    assert text == f"<MixingSet {str(folder)!r}: 5 images of 12 x 12>"


def test_a_digest_names_the_folders_images(folder, cache, tmp_path):
    bank = MixingSet(folder, size=12, cache_dir=cache)
    assert bank.digest == MixingSet(folder, size=13, cache_dir=cache).digest
    assert bank.digest == content_key(list_images(folder))
    assert pickle.loads(pickle.dumps(bank)).digest == bank.digest
    save_image(folder / "a.png", seed=9)
    assert MixingSet(folder, size=12, cache_dir=cache).digest != bank.digest


def test_a_fractalgen_set_becomes_a_bank(small_set, cache):
    bank = MixingSet(small_set, size=16, cache_dir=cache)
    assert bank.files == tuple(f"ifs/{index:06d}.jpg" for index in range(6))
    assert bank.array.std() > 10


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_workers_changes_nothing(tmp_path, workers):
    for seed in range(150):
        save_image(tmp_path / "many" / f"{seed}.bmp", seed, side=4)
    bank = MixingSet(tmp_path / "many", 4, cache_dir=tmp_path / "cache", workers=workers)
    for name, image in zip(bank.files, bank, strict=True):
        assert np.array_equal(image, np.asarray(Image.open(tmp_path / "many" / name)))


def test_the_cache_is_used_again(folder, cache):
    path = MixingSet(folder, size=12, cache_dir=cache).path
    written = path.stat().st_mtime_ns
    assert names_in(cache) == [path.name]
    assert MixingSet(folder, size=12, cache_dir=cache).path == path
    assert path.stat().st_mtime_ns == written


def test_another_size_and_another_content_are_other_files(folder, cache):
    small = MixingSet(folder, size=12, cache_dir=cache)
    large = MixingSet(folder, size=13, cache_dir=cache)
    save_image(folder / "a.png", seed=77)
    changed = MixingSet(folder, size=12, cache_dir=cache)
    assert len({bank.path for bank in (small, large, changed)}) == 3
    assert not np.array_equal(changed[0], small[0])
    assert np.array_equal(changed[0], read_square(folder / "a.png", 12))


@pytest.mark.parametrize("damage", ["truncate", "version", "not a bank"])
def test_a_damaged_cache_file_is_made_anew(folder, cache, damage):
    bank = MixingSet(folder, size=12, cache_dir=cache)
    path, expected = bank.path, np.array(bank.array)
    data = path.read_bytes()
    del bank
    damaged = {
        "truncate": data[:-100],
        "version": data.replace(b'"version": 1', b'"version": 0'),
        "not a bank": b"something else",
    }
    path.write_bytes(damaged[damage])
    again = MixingSet(folder, size=12, cache_dir=cache)
    assert again.path == path
    assert np.array_equal(again.array, expected)


def test_a_pickled_bank_is_a_path(folder, cache):
    bank = MixingSet(folder, size=64, cache_dir=cache)
    data = pickle.dumps(bank)
    assert len(data) < 1000
    for twin in (pickle.loads(data), copy.deepcopy(bank)):
        assert isinstance(twin.array, np.memmap)
        assert np.array_equal(twin.array, bank.array)
        assert (twin.files, twin.path, repr(twin)) == (bank.files, bank.path, repr(bank))


def test_a_pickled_bank_works_in_another_current_folder(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(MixingSet("images", size=12, cache_dir="cache"))
    monkeypatch.chdir(tmp_path / "images")
    assert len(pickle.loads(data)) == 5


def test_a_pickled_bank_whose_file_is_gone_says_so(folder, cache):
    bank = MixingSet(folder, size=12, cache_dir=cache)
    data = pickle.dumps(bank)
    bank.path.unlink()
    with pytest.raises(BankError, match=r"No such file.*open the folder again"):
        pickle.loads(data)
    save_image(folder / "f.png", seed=5)
    MixingSet(folder, size=12, cache_dir=cache).path.replace(bank.path)
    with pytest.raises(BankError, match="no longer the bank"):
        pickle.loads(data)


def send_sum(bank, connection):
    connection.send((int(bank.array.sum()), bank.files, bank.array.flags.writeable))


# Python warns of fork where there are threads, of which the bank leaves none.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_every_kind_read_the_bank(folder, cache, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on this system")
    bank = MixingSet(folder, size=12, cache_dir=cache)
    context = multiprocessing.get_context(method)
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=send_sum, args=(bank, theirs))
    process.start()
    assert ours.poll(300)
    assert ours.recv() == (int(bank.array.sum()), bank.files, False)
    process.join()
    assert process.exitcode == 0


def open_together(folder, cache, barrier, connection):
    barrier.wait(300)
    bank = MixingSet(folder, size=64, cache_dir=cache, workers=1)
    connection.send((int(bank.array.sum()), len(bank)))


def test_two_processes_may_build_at_once(tmp_path, cache):
    for seed in range(60):
        save_image(tmp_path / "many" / f"{seed}.png", seed)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    ends, processes = [], []
    for _ in range(2):
        ours, theirs = context.Pipe(duplex=False)
        arguments = (tmp_path / "many", cache, barrier, theirs)
        processes.append(context.Process(target=open_together, args=arguments))
        processes[-1].start()
        ends.append(ours)
    assert all(end.poll(300) for end in ends)
    first, second = (end.recv() for end in ends)
    for process in processes:
        process.join()
    assert first == second
    assert first[1] == 60
    assert len(names_in(cache)) == 1
