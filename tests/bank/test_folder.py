import os
import shutil

import pytest

from fractalgen.bank.folder import content_key, list_images
from fractalgen.errors import BankError


def fill(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"anything")


def names(folder):
    return [image.name for image in list_images(folder)]


def key(folder):
    return content_key(list_images(folder))


def test_images_are_listed_by_name_at_every_depth(tmp_path):
    fill(tmp_path, "b.PNG", "a/z.jpg", "a/b/c.webp", "a-b.jpeg", "c.tif")
    assert names(tmp_path) == ["a-b.jpeg", "a/b/c.webp", "a/z.jpg", "b.PNG", "c.tif"]


def test_hidden_files_and_other_files_are_left_out(tmp_path):
    fill(tmp_path, "a.png", ".b.png", ".git/c.png", "notes.txt", "png", "set.json")
    assert names(tmp_path) == ["a.png"]


def test_links_are_followed_but_not_round_and_round(tmp_path):
    fill(tmp_path, "elsewhere/a.png", "folder/b.png")
    (tmp_path / "folder" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder" / "up").symlink_to(tmp_path / "folder")
    (tmp_path / "folder" / "nowhere.png").symlink_to(tmp_path / "missing")
    (tmp_path / "folder" / "itself.png").symlink_to(tmp_path / "folder" / "itself.png")
    assert names(tmp_path / "folder") == ["b.png", "itself.png", "linked/a.png", "nowhere.png"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "does not exist"),
        ("a.png", "is not a folder"),
        ("empty", "holds no images"),
        ("texts", r"holds no images.*\.png"),
    ],
)
def test_a_folder_without_images_is_refused_in_words(tmp_path, name, message):
    fill(tmp_path, "a.png", "texts/a.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BankError, match=message):
        list_images(tmp_path / name)


def test_every_change_of_a_plain_folder_changes_its_key(tmp_path):
    fill(tmp_path, "a.png", "b.png")
    keys = [key(tmp_path)]
    assert key(tmp_path) == keys[0]
    fill(tmp_path, "c.png")
    keys.append(key(tmp_path))
    (tmp_path / "c.png").rename(tmp_path / "d.png")
    keys.append(key(tmp_path))
    os.utime(tmp_path / "d.png", ns=(1, 1))
    keys.append(key(tmp_path))
    (tmp_path / "d.png").write_bytes(b"longer than before")
    os.utime(tmp_path / "d.png", ns=(1, 1))
    keys.append(key(tmp_path))
    assert len(set(keys)) == 5
    (tmp_path / "d.png").unlink()
    assert key(tmp_path) == keys[0]


def test_a_copied_set_keeps_its_key(small_set, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(small_set, copied, copy_function=shutil.copyfile)
    for path in copied.rglob("*.jpg"):
        os.utime(path, ns=(1, 1))
    assert key(copied) == key(small_set)
    assert all(image.sha256 for image in list_images(copied))


def test_the_last_whole_line_of_a_manifest_counts(small_set):
    before = key(small_set)
    manifest = small_set / "manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    hash_of_first = list_images(small_set)[0].sha256
    altered = lines[0].replace(hash_of_first, "0" * 64)
    manifest.write_text(altered + "".join(lines) + altered[:-1])
    assert key(small_set) == before
    manifest.write_text("".join(lines) + altered)
    assert key(small_set) != before


def test_a_image_that_no_manifest_records_counts_by_its_time(small_set):
    before = key(small_set)
    fill(small_set, "ifs/mine.jpg")
    added = key(small_set)
    os.utime(small_set / "ifs" / "mine.jpg", ns=(1, 1))
    assert len({before, added, key(small_set)}) == 3


def test_a_manifest_of_another_program_is_passed_over(tmp_path):
    fill(tmp_path, "a.png", "set.json")
    (tmp_path / "manifest.jsonl").write_bytes(b'{"file":"a.png"}\n\xff\xfe{]\n{"file":"a.png\n')
    assert list_images(tmp_path)[0].sha256 is None
