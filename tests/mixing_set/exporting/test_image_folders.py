import errno
import os

import numpy as np
import pytest
from PIL import Image

from fractalgen.bank import MixingSet
from fractalgen.errors import SetError, UnknownNameError
from fractalgen.mixing_set.building.build import build, repair
from fractalgen.mixing_set.exporting import image_folders as module
from fractalgen.mixing_set.exporting.export import export
from fractalgen.mixing_set.recipes.recipe import Recipe
from tests.mixing_set.small_sets import ifs_recipe, names_in, tree

COUNTS = {"escape-time": 2, "ifs": 3, "moire": 1, "features": 2}
FRACTALS = "fractals_and_fvis/fractals/images"
FEATURES = "fractals_and_fvis/first_layers_resized256_onevis/images"


@pytest.fixture(params=["jpeg", "png", "webp"])
def mixed_set(request, tmp_path):
    folder = tmp_path / "set"
    build(Recipe(16, format=request.param, families=COUNTS), folder, workers=1)
    return folder


def visible(folder):
    return {file: data for file, data in tree(folder).items() if not file.startswith(".")}


def no_links(number):
    def link(*_, **__):
        raise OSError(number, os.strerror(number))

    return link


@pytest.mark.parametrize("copy", [False, True])
def test_every_image_is_in_the_folder_that_pixmix_reads(mixed_set, tmp_path, copy):
    before = tree(mixed_set)
    done = export(mixed_set, tmp_path / "out", copy=copy)
    assert (done.n_linked, done.n_copied) == ((0, 8) if copy else (8, 0))
    assert done.folders == {FRACTALS: 6, FEATURES: 2}
    expected = {
        f"{FEATURES if file.startswith('features') else FRACTALS}/{file.replace('/', '-')}": data
        for file, data in before.items()
        if "/" in file
    }
    assert visible(tmp_path / "out") == expected
    assert tree(mixed_set) == before
    suffix = next(iter(expected)).rpartition(".")[2]
    linked = (tmp_path / "out" / FRACTALS / f"ifs-000002.{suffix}").samefile(
        mixed_set / f"ifs/000002.{suffix}"
    )
    assert linked is not copy


def test_an_image_folder_reads_it_as_pixmix_does(mixed_set, tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    export(mixed_set, tmp_path / "out")
    found = datasets.ImageFolder(tmp_path / "out/fractals_and_fvis")
    assert found.classes == ["first_layers_resized256_onevis", "fractals"]
    assert [label for _, label in found.samples] == [0] * 2 + [1] * 6
    assert found[0][0].size == (16, 16)


def test_a_bank_reads_it(mixed_set, tmp_path):
    export(mixed_set, tmp_path / "out")
    assert len(MixingSet(tmp_path / "out", size=16)) == 8


def test_a_family_without_images_gets_no_folder(small_set, tmp_path):
    export(small_set, tmp_path / "out")
    assert names_in(tmp_path / "out/fractals_and_fvis") == ["fractals"]


def test_collected_images_are_exported(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    for shade in range(3):
        Image.fromarray(np.full((20, 20, 3), shade, np.uint8)).save(mine / f"{shade}.png")
    collected = {"features": str(mine), "extra": str(mine)}
    build(ifs_recipe(2), tmp_path / "set", collected=collected, workers=1)
    done = export(tmp_path / "set", tmp_path / "out")
    assert done.folders == {FRACTALS: 5, FEATURES: 3}
    assert "extra-000002.png" in names_in(tmp_path / "out" / FRACTALS)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP])
def test_images_are_copied_where_there_are_no_links(small_set, tmp_path, monkeypatch, number):
    monkeypatch.setattr(module.os, "link", no_links(number))
    done = export(small_set, tmp_path / "out")
    assert (done.n_linked, done.n_copied) == (0, 6)


@pytest.mark.parametrize("copy", [False, True])
def test_an_interrupted_export_continues(small_set, tmp_path, monkeypatch, copy):
    out = tmp_path / "out"
    work = module.write_atomically if copy else os.link
    done = []

    def interrupted(*arguments):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(work(*arguments))

    with monkeypatch.context() as patch:
        home, name = (module, "write_atomically") if copy else (module.os, "link")
        patch.setattr(home, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            export(small_set, out, copy=copy)
    assert len(visible(out)) == 3
    (out / FRACTALS / ".fractalgen-ifs-000004.jpg.part").write_bytes(b"half")
    again = export(small_set, out, copy=copy)
    assert (again.n_kept, again.n_linked + again.n_copied) == (3, 3)
    assert sorted(visible(out).values()) == sorted(
        data for file, data in tree(small_set).items() if file.startswith("ifs/")
    )
    assert not list(out.rglob("*.part"))
    assert export(small_set, out, copy=copy).n_kept == 6


def test_copies_replace_links_when_they_are_asked_for(small_set, tmp_path):
    out = tmp_path / "out"
    export(small_set, out)
    assert export(small_set, out, copy=True).n_copied == 6
    assert export(small_set, out).n_kept == 6
    before = tree(small_set)
    (out / FRACTALS / "ifs-000000.jpg").write_bytes(b"edited")
    assert tree(small_set) == before


def test_images_that_a_set_gains_are_added(small_set, tmp_path):
    export(small_set, tmp_path / "out")
    build(ifs_recipe(8), small_set, workers=1)
    done = export(small_set, tmp_path / "out")
    assert (done.n_kept, done.n_linked) == (6, 2)


@pytest.mark.parametrize(
    "name",
    [
        "holiday.jpg",
        ".hidden",
        "pictures/",
        "fractals_and_fvis/",
        "fractals_and_fvis/third/",
        f"{FRACTALS}/ifs-000099.jpg",
        f"{FRACTALS}/ifs-000001.jpg/",
        FRACTALS,
    ],
)
def test_a_folder_with_other_files_is_refused_and_left_as_it_is(small_set, tmp_path, name):
    out = tmp_path / "out"
    if name.endswith("/"):
        (out / name).mkdir(parents=True)
    else:
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text("mine")
    before = sorted(out.rglob("*"))
    if name == "fractals_and_fvis/":  # empty, and the export's own
        assert export(small_set, out).n_linked == 6
        return
    with pytest.raises(SetError, match=r"holds other files than the set's: .*; export to a new"):
        export(small_set, out)
    assert sorted(out.rglob("*")) == before


@pytest.mark.parametrize("kind", ["contents", "link", "folder"])
def test_what_is_not_the_sets_is_not_replaced(small_set, tmp_path, kind):
    out = tmp_path / "out"
    export(small_set, out, copy=True)
    image = out / FRACTALS / "ifs-000003.jpg"
    if kind == "folder":
        (out / FRACTALS).rename(tmp_path / "elsewhere")
        (out / FRACTALS).symlink_to(tmp_path / "elsewhere")
    elif kind == "link":
        image.rename(tmp_path / "elsewhere.jpg")
        image.symlink_to(tmp_path / "elsewhere.jpg")
    else:
        image.write_bytes(bytes(image.stat().st_size))
    before = tree(out)
    with pytest.raises(SetError, match="holds other files"):
        export(small_set, out, copy=True)
    assert tree(out) == before


def test_another_sets_export_is_refused(small_set, tmp_path):
    export(small_set, tmp_path / "out")
    build(ifs_recipe(seed=1), tmp_path / "other", workers=1)
    with pytest.raises(SetError, match="holds other files"):
        export(tmp_path / "other", tmp_path / "out")


@pytest.mark.parametrize("fault", ["missing", "truncated", "altered", "unrecorded"])
def test_an_incomplete_set_is_refused_until_it_is_repaired(small_set, tmp_path, fault):
    image = small_set / "ifs/000002.jpg"
    data = image.read_bytes()
    if fault == "missing":
        image.unlink()
    elif fault == "truncated":
        image.write_bytes(data[:-5])
    elif fault == "altered":
        image.write_bytes(data[:-5] + b"12345")
    else:
        manifest = small_set / "manifest.jsonl"
        lines = manifest.read_text().splitlines(keepends=True)
        manifest.write_text("".join(lines[:2] + lines[3:]))
    with pytest.raises(SetError, match=r"ifs/000002\.jpg\. 'fractalgen verify .*' lists them"):
        export(small_set, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert repair(small_set).ok
    assert export(small_set, tmp_path / "out").n_images == 6


def test_a_place_that_cannot_be_used(small_set, tmp_path):
    for out in (small_set, small_set / "out"):
        with pytest.raises(SetError, match="inside the set"):
            export(small_set, out)
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(SetError, match="not a folder"):
            export(small_set, out)
    with pytest.raises(SetError, match="holds other files"):
        export(small_set, tmp_path)
    with pytest.raises(SetError, match="does not exist"):
        export(tmp_path / "none", tmp_path / "out")
    with pytest.raises(UnknownNameError, match=r"unknown layout 'pixmx': did you mean 'pixmix'\?"):
        export(small_set, tmp_path / "out", layout="pixmx")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing_half_written(small_set, tmp_path, monkeypatch):
    """Links and copies both fail, and the file is named."""
    monkeypatch.setattr(module.os, "link", no_links(errno.ENOSPC))

    def replace(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="No space") as caught:
        export(small_set, tmp_path / "out")
    assert caught.value.filename.endswith("ifs-000000.jpg")
    assert visible(tmp_path / "out") == {}


def test_progress_is_told(small_set, tmp_path):
    told = []
    export(small_set, tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert told == [(number, 6) for number in range(1, 7)]
