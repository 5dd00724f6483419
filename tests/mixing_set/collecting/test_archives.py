import io
import stat
import tarfile
import threading
import zipfile

import numpy as np
import pytest
from PIL import Image

from fractalgen.errors import SetError
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.collecting import archives
from fractalgen.mixing_set.collecting.item import Item, Refusal
from tests.mixing_set.collecting.test_collect import EMPTY, noise, records
from tests.mixing_set.small_sets import SIZE, tree


def png(seed):
    buffer = io.BytesIO()
    noise(seed).save(buffer, "PNG")
    return buffer.getvalue()


def add(archive, name, data=b"", kind=tarfile.REGTYPE, link=""):
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = len(data), kind, link
    archive.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_archive_gives_its_images_and_refuses_the_rest_one_by_one(tmp_path, mode):
    path = tmp_path / "images"
    with tarfile.open(path, mode) as archive:
        add(archive, "b.png", png(0))
        add(archive, "notes.txt", b"no image")
        add(archive, "folder", kind=tarfile.DIRTYPE)
        add(archive, "/tmp/evil.png", png(1))
        add(archive, "a/../../evil.png", png(2))
        add(archive, "C:evil.png", png(2))
        add(archive, "link.png", kind=tarfile.SYMTYPE, link="/etc/passwd")
        add(archive, "hard.png", kind=tarfile.LNKTYPE, link="b.png")
        add(archive, "device.png", kind=tarfile.CHRTYPE)
        add(archive, "pipe", kind=tarfile.FIFOTYPE)
        add(archive, "more.tar.gz", b"nested")
        add(archive, "page.png", b"<!DOCTYPE html><title>no image</title>")
        add(archive, "a/a.png", png(3))
    summary = build(EMPTY, tmp_path / "set", collected={"extra": str(path)})
    assert {one.path: one.reason for one in summary.refused} == {
        "/tmp/evil.png": "its path in the archive is absolute",
        "a/../../evil.png": "its path leads out of the archive",
        "C:evil.png": "its path in the archive is absolute",
        "link.png": "a link",
        "hard.png": "a link",
        "device.png": "not a regular file",
        "pipe": "not a regular file",
        "more.tar.gz": "an archive within the archive",
        "page.png": "not an image, or its header is damaged",
    }
    found = [record["origin"]["path"] for record in records(tmp_path / "set")]
    assert found == ["b.png", "a/a.png"]
    whole = tree(tmp_path / "set")
    assert not build(EMPTY, tmp_path / "set", collected={"extra": str(path)}).n_drawn
    assert tree(tmp_path / "set") == whole


def test_a_zip_archive_does_too(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        for name in ("a.png", "/evil.png", "../evil.png", "..\\evil.png", "more.zip"):
            archive.writestr(name, png(0))
    summary = build(EMPTY, tmp_path / "set", collected={"extra": str(path)})
    assert {one.path: one.reason for one in summary.refused} == {
        "/evil.png": "its path in the archive is absolute",
        "../evil.png": "its path leads out of the archive",
        "..\\evil.png": "its path leads out of the archive",
        "link.png": "a link",
        "more.zip": "an archive within the archive",
    }
    assert summary.n_drawn == 1


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_bombs_are_refused_and_what_came_before_is_kept(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(archives, "MIN_UNPACKED", 1 << 20)
    path = tmp_path / f"images.{kind}"
    bomb = bytes(30 << 20)
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.png", png(0))
            archive.writestr("b.png", bomb)
    else:
        with tarfile.open(path, "w:gz") as archive:
            add(archive, "a.png", png(0))
            add(archive, "b.png", bomb)
            add(archive, "c.png", png(1))
    summary = build(EMPTY, tmp_path / "set", collected={"extra": str(path)})
    assert summary.n_drawn == 1
    assert [one.path for one in summary.refused] == ["b.png"]
    assert "more than 100 times its size" in summary.refused[0].reason


def test_a_zip_bomb_loses_the_same_images_in_whatever_order_threads_read(monkeypatch):
    monkeypatch.setattr(archives, "MIN_UNPACKED", 1 << 20)
    file, small = io.BytesIO(), [png(0), png(1)]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in zip("abcd", [*small, bytes(30 << 20), png(2)], strict=True):
            archive.writestr(f"{name}.png", data)
    found = [*archives.open_archive(file, "zip", "bomb.zip", None).items()]
    read = [one.read(threading.Event()) for one in reversed(found) if isinstance(one, Item)]
    assert read == small[::-1]
    assert [one.path for one in found if isinstance(one, Refusal)] == ["c.png", "d.png"]


def test_a_bomb_of_pixels_is_refused_before_it_is_decoded(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    noise(0).save(folder / "a.png")
    header = bytearray(png(1))
    header[16:24] = (60_000).to_bytes(4, "big") * 2
    crc = __import__("zlib").crc32(header[12:29])
    header[29:33] = crc.to_bytes(4, "big")
    (folder / "huge.png").write_bytes(header)
    summary = build(EMPTY, tmp_path / "set", collected={"extra": str(folder)})
    assert [one.reason for one in summary.refused] == [
        "60000 x 60000 pixels are more than 100,000,000"
    ]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_damaged_tar_archive_gives_what_came_before_the_damage(tmp_path, mode):
    path = tmp_path / "images.tar"
    with tarfile.open(path, mode) as archive:
        for number in range(40):
            add(archive, f"{number:02d}.png", png(number))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    summary = build(EMPTY, tmp_path / "set", collected={"extra": str(path)})
    assert 0 < summary.n_drawn < 40
    assert len(summary.refused) == 1
    assert "damaged" in summary.refused[0].reason


def test_tar_archives_without_images_or_sense_are_refused(tmp_path):
    empty, damaged = tmp_path / "empty.tar", tmp_path / "damaged.gz"
    with tarfile.open(empty, "w") as archive:
        add(archive, "notes.txt", b"no image")
    damaged.write_bytes(b"\x1f\x8b nothing")
    for path, message in ((empty, "holds no images"), (damaged, "not a valid tar archive")):
        with pytest.raises(SetError, match=message):
            build(EMPTY, tmp_path / "set", collected={"extra": str(path)})


def test_metadata_is_dropped_and_pixels_are_kept(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x013B] = "SECRET NAME"
    image = noise(0, (SIZE, SIZE))
    image.save(folder / "a.jpg", exif=exif, comment=b"SECRET COMMENT", progressive=True)
    image.save(folder / "b.webp", exif=exif, xmp=b"<x>SECRET</x>", lossless=True)
    from PIL import PngImagePlugin

    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "SECRET NAME")
    image.save(folder / "c.png", pnginfo=texts, exif=exif)
    (folder / "d.jpg").write_bytes((folder / "a.jpg").read_bytes() + b"SECRET TAIL")
    summary = build(EMPTY, tmp_path / "set", collected={"extra": str(folder)})
    assert summary.ok
    for record in records(tmp_path / "set"):
        original = folder / record["origin"]["path"]
        copy = tmp_path / "set" / record["file"]
        assert b"SECRET" in original.read_bytes()
        assert b"SECRET" not in copy.read_bytes()
        assert copy.suffix == original.suffix
        with Image.open(copy) as stored, Image.open(original) as given:
            assert not stored.getexif()
            assert np.array_equal(np.asarray(stored), np.asarray(given))


def test_sparse_members_are_refused(tmp_path):
    path = tmp_path / "sparse.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        add(archive, "good.png", png(0))
        add(archive, "holes.png", kind=tarfile.GNUTYPE_SPARSE)
    summary = build(EMPTY, tmp_path / "set", collected={"extra": str(path)})
    assert [(one.path, one.reason) for one in summary.refused] == [
        ("holes.png", "not a regular file")
    ]
    assert summary.n_images == 1
