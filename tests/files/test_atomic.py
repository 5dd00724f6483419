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
