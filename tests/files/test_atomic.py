import signal
import subprocess
import sys
import textwrap

import pytest

from fractalgen.files.atomic import atomic_file, remove_leftovers, write_atomically
from tests.mixing_set.small_sets import names_in


def test_the_folder_is_made_and_an_old_file_replaced(tmp_path):
    path = tmp_path / "ifs" / "000000.jpg"
    write_atomically(path, b"old")
    write_atomically(path, b"new", durable=True)
    assert path.read_bytes() == b"new"
    assert names_in(path.parent) == ["000000.jpg"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.jpg"
    path.mkdir()
    with pytest.raises(OSError, match="directory") as caught:
        write_atomically(path, b"data")
    assert caught.value.filename == str(path)
    assert names_in(tmp_path) == ["a.jpg"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
def test_a_ctrl_c_at_any_moment_leaves_no_hidden_file(tmp_path):
    script = """
        import os, random, signal, sys
        from pathlib import Path
        from fractalgen.files.atomic import write_atomically

        chance, folder = random.Random(0), Path(sys.argv[1])
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        n_interrupted = 0
        for number in range(500):
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 300e-6))
                while True:
                    write_atomically(folder / "a.jpg", b"whole")
            except KeyboardInterrupt:
                n_interrupted += 1
            assert os.listdir(folder) in ([], ["a.jpg"]), f"after {number}: {os.listdir(folder)}"
        assert n_interrupted == 500
        assert (folder / "a.jpg").read_bytes() == b"whole"
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_a_crash_left_does_not_stand_in_the_way(tmp_path):
    (tmp_path / ".fractalgen-a.png.part").write_bytes(b"half a pic")
    write_atomically(tmp_path / "a.png", b"data")
    assert (tmp_path / "a.png").read_bytes() == b"data"
    assert names_in(tmp_path) == ["a.png"]


def test_a_link_is_replaced_and_not_followed(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_bytes(b"keep me")
    (tmp_path / "a.jpg").symlink_to(outside)
    write_atomically(tmp_path / "a.jpg", b"data")
    assert outside.read_bytes() == b"keep me"
    assert not (tmp_path / "a.jpg").is_symlink()


def test_only_our_leftovers_are_removed(tmp_path):
    for name in (".fractalgen-000000.jpg.part", ".hidden", "a.part", "a.jpg"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert names_in(tmp_path) == [".hidden", "a.jpg", "a.part"]


@pytest.mark.parametrize("shared", [False, True])
def test_a_file_is_in_its_place_when_the_block_ends(tmp_path, shared):
    path = tmp_path / "a.npy"
    with atomic_file(path, shared=shared) as file:
        file.write(b"some")
        file.flush()
        assert not path.exists()
        file.write(b"thing")
    assert path.read_bytes() == b"something"
    with pytest.raises(TypeError), atomic_file(path, shared=shared) as file:
        file.writelines([b"half", "text"])
    assert path.read_bytes() == b"something"
    assert names_in(tmp_path) == ["a.npy"]


def test_two_may_write_a_shared_file_at_once(tmp_path):
    path = tmp_path / "deep" / "er" / "a.npy"
    with atomic_file(path, shared=True) as one, atomic_file(path, shared=True) as other:
        one.write(b"same")
        other.write(b"same")
    assert path.read_bytes() == b"same"
    assert names_in(path.parent) == ["a.npy"]
