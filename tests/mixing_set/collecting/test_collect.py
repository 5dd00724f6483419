import functools
import http.server
import io
import json
import os
import threading
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from fractalgen.errors import SetError
from fractalgen.files.downloader import WebOptions
from fractalgen.mixing_set.building.build import build, repair
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.collecting import archives, sources
from fractalgen.mixing_set.collecting.collect import CollectOptions
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
from tests.images.test_decoding import odd_metadata
from tests.mixing_set.small_sets import SIZE, ifs_recipe, names_in, tree


def noise(seed, size=(20, 30)):
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8))


@pytest.fixture
def mine(tmp_path):
    """A user's folder: five usable images, two that are not, and other things."""
    folder = tmp_path / "mine"
    (folder / "deep/er").mkdir(parents=True)
    (folder / ".thumbs").mkdir()
    noise(0).save(folder / "b.png")
    noise(1).save(folder / "a.JPG", "JPEG")
    noise(2).save(folder / "deep/c.webp", lossless=True)
    noise(3).convert("L").save(folder / "deep/er/grey.png")
    noise(4).save(folder / "deep/er/übergröße, 4.bmp")
    (folder / "broken.jpg").write_bytes((folder / "a.JPG").read_bytes()[:300])
    noise(5).save(folder / "moving.gif", save_all=True, append_images=[noise(6)])
    (folder / "readme.txt").write_text("no image")
    noise(7).save(folder / ".thumbs/t.png")
    noise(8).save(folder / ".hidden.png")
    return folder


LOCAL = CollectOptions(web=WebOptions(allow_private=True, backoff=0.01))
EMPTY = Recipe(SIZE, families=())
USABLE = ["a.JPG", "b.png", "deep/c.webp", "deep/er/grey.png", "deep/er/übergröße, 4.bmp"]


def records(folder):
    lines = (folder / "manifest.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_folder_is_copied_converted_recorded_and_refused_by_name(mine, tmp_path):
    out = tmp_path / "set"
    summary = build(EMPTY, out, collected={"extra": str(mine)})
    assert not summary.ok
    assert [refusal.path for refusal in summary.refused] == ["broken.jpg", "moving.gif"]
    assert [record["origin"]["path"] for record in records(out)] == USABLE
    assert names_in(out / "extra") == [
        "000000.jpg",
        "000001.png",
        "000002.webp",
        "000003.jpg",
        "000004.jpg",
    ]
    for index, name in enumerate(["a.JPG", "b.png", "deep/c.webp"]):
        copy = out / records(out)[index]["file"]
        assert copy.read_bytes() == (mine / name).read_bytes()
    with Image.open(out / "extra/000003.jpg") as image:
        assert (image.mode, image.size) == ("RGB", (30, 20))
    described = json.loads((out / "set.json").read_text())
    assert described["recipe"]["families"]["extra"] == {"collected": True, "indices": [[0, 5]]}
    assert described["licence"]["extra"] == "as their origin says"
    assert verify(out, redraw=5).ok


def test_a_collection_resumes_to_the_same_set(mine, tmp_path):
    out = tmp_path / "set"
    build(EMPTY, out, collected={"extra": str(mine)})
    whole = tree(out)
    lines = whole["manifest.jsonl"].splitlines(keepends=True)
    for kept in range(6):
        (out / "manifest.jsonl").write_bytes(b"".join(lines[:kept]))
        (out / "extra/000001.png").unlink()
        build(EMPTY, out, collected={"extra": str(mine)}, workers=kept + 1)
        assert tree(out) == whole


def test_new_images_follow_and_known_ones_keep_their_numbers(mine, tmp_path):
    out = tmp_path / "set"
    build(EMPTY, out, collected={"extra": str(mine)})
    noise(9).save(mine / "aa.png")
    summary = build(EMPTY, out, collected={"extra": str(mine)})
    assert summary.n_drawn == 1
    assert [record["origin"]["path"] for record in records(out)] == [*USABLE, "aa.png"]


def test_collected_features_take_the_place_of_generated_ones(mine, tmp_path):
    out = tmp_path / "set"
    recipe = Recipe(SIZE, families=(FamilyRecipe.of("ifs", 2), FamilyRecipe.of("features", 3)))
    build(recipe, out, collected={"features": str(mine)})
    found = [(record["family"], "origin" in record) for record in records(out)]
    assert found == [("ifs", False)] * 2 + [("features", True)] * 5
    with pytest.raises(SetError, match='features is "collected" in the set, but "generated"'):
        build(recipe, out)
    generated = tmp_path / "generated"
    build(recipe, generated)
    with pytest.raises(SetError, match='features is "generated" in the set, but "collected"'):
        build(recipe, generated, collected={"features": str(mine)})
    build(recipe, generated, collected={"features": str(mine)}, overwrite=True)
    assert tree(generated) == tree(out)


def test_extra_images_stay_when_the_rest_is_overwritten(mine, tmp_path):
    out = tmp_path / "set"
    build(ifs_recipe(2), out, collected={"extra": str(mine)})
    build(ifs_recipe(2, seed=4), out, overwrite=True)
    assert len(names_in(out / "extra")) == 5
    assert verify(out).ok


def test_a_repair_needs_the_originals(mine, tmp_path):
    out = tmp_path / "set"
    build(ifs_recipe(2), out, collected={"extra": str(mine)})
    whole = tree(out)
    (out / "extra/000001.png").write_bytes(b"altered")
    (out / "extra/000004.jpg").unlink()
    (out / "ifs/000001.jpg").unlink()
    summary = repair(out)
    assert not summary.ok
    assert sorted(summary.unrepaired) == ["extra/000001.png", "extra/000004.jpg"]
    summary = repair(out, collected={"extra": str(mine)})
    assert summary.unrepaired == ()
    assert tree(out) == whole


def test_the_users_own_files_in_a_set_are_not_written_over(mine, tmp_path):
    out = tmp_path / "set"
    build(ifs_recipe(2), out)
    (out / "extra").mkdir()
    (out / "extra/000000.jpg").write_text("mine")
    (out / "extra/000001.png").write_text("mine")
    build(EMPTY, out, collected={"extra": str(mine)})
    assert (out / "extra/000000.jpg").read_text() == "mine"
    assert (out / "extra/000001.png").read_text() == "mine"
    build(ifs_recipe(2), tmp_path / "fresh", collected={"extra": str(mine)})
    origins = [
        [record["origin"]["sha256"] for record in records(folder) if "origin" in record]
        for folder in (out, tmp_path / "fresh")
    ]
    assert origins[0] == origins[1]


@pytest.mark.parametrize("gone", [False, True])
def test_a_repair_mends_collected_images_whose_records_are_lost(mine, tmp_path, gone):
    out = tmp_path / "set"
    build(ifs_recipe(2), out, collected={"extra": str(mine)})
    whole = tree(out)
    lines = whole["manifest.jsonl"].splitlines(keepends=True)
    lines[3] = b"hello\n"
    del lines[5]
    (out / "manifest.jsonl").write_bytes(b"".join(lines))
    if gone:
        (out / "extra/000001.png").unlink()
    else:
        assert verify(out).findings.unrecorded == ("extra/000001.png", "extra/000003.jpg")
        assert verify(out).findings.foreign == ()
    noise(9).save(mine / "zz.png")
    summary = repair(out, collected={"extra": str(mine)})
    assert summary.unrepaired == ()
    assert summary.n_drawn == 2
    assert tree(out) == whole


def test_the_set_itself_is_no_source(mine, tmp_path):
    out = mine / "set"
    build(EMPTY, out, collected={"extra": str(mine)})
    build(EMPTY, out, collected={"extra": str(mine)})
    assert len(records(out)) == 5
    for inside in (out, out / "extra"):
        with pytest.raises(SetError, match="is inside the set"):
            build(EMPTY, out, collected={"extra": str(inside)})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe")
def test_a_pipe_named_like_a_image_does_not_hang(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    noise(0).save(folder / "a.png")
    os.mkfifo(folder / "pipe.png")
    summary = build(EMPTY, tmp_path / "set", collected={"extra": str(folder)})
    assert [(one.path, one.reason) for one in summary.refused] == [
        ("pipe.png", "it is a pipe, not a file")
    ]


def test_a_place_without_images_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").touch()
    for name, message in (
        ("empty", "holds no images"),
        ("file.txt", "neither an image, a folder, an archive, nor a list of URLs"),
        ("nowhere", "does not exist"),
    ):
        with pytest.raises(SetError, match=message):
            build(EMPTY, tmp_path / "set", collected={"extra": str(tmp_path / name)})


@pytest.fixture
def archive(mine, tmp_path):
    path = tmp_path / "served" / "images.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in sorted(mine.rglob("*")):
            file.write(name, name.relative_to(mine).as_posix())
        buffer = io.BytesIO()
        noise(11).save(buffer, "PNG")
        for evil in ("../../evil.png", "/tmp/evil.png", "..\\evil.png"):
            file.writestr(evil, buffer.getvalue())
    return path


def test_an_archive_gives_what_the_folder_gives_and_writes_nothing_elsewhere(
    mine, archive, tmp_path
):
    out = tmp_path / "deep/deeper/set"
    build(EMPTY, out, collected={"extra": str(archive)})
    paths = [record["origin"]["path"] for record in records(out)]
    assert set(USABLE) < set(paths)
    assert names_in(out / "extra")[-1] == f"{len(paths) - 1:06d}.jpg"
    assert not list(tmp_path.rglob("evil*"))


class _Server(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/short.zip":
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(b"PK" * 100)
        elif path == "/moved.zip":
            self.send_response(302)
            self.send_header("Location", "/images.zip")
            self.end_headers()
        else:
            super().do_GET()


@pytest.fixture
def address(archive):
    handler = functools.partial(_Server, directory=str(archive.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_an_archive_is_fetched_from_the_web(address, archive, tmp_path):
    seen = []
    build(
        EMPTY,
        tmp_path / "fetched",
        collected={"extra": f"{address}/moved.zip"},
        collecting=LOCAL,
        fetching=lambda done, total: seen.append((done, total)),
    )
    size = archive.stat().st_size
    assert seen[-1] == (size, size)
    build(EMPTY, tmp_path / "local", collected={"extra": str(archive)})
    fetched, local = tree(tmp_path / "fetched"), tree(tmp_path / "local")
    urls = {record["origin"].pop("url") for record in records(tmp_path / "fetched")}
    assert urls == {f"{address}/moved.zip"}
    images = {name for name in local if name.startswith("extra/")}
    assert {name: fetched[name] for name in images} == {name: local[name] for name in images}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.zip", "404"),
        ("short.zip", "was interrupted"),
        ("text.zip", "neither an image nor a zip or tar archive"),
    ],
)
def test_what_cannot_be_fetched_is_a_sentence_and_no_set(address, archive, tmp_path, path, message):
    (archive.parent / "text.zip").write_text("hello")
    with pytest.raises(SetError, match=message):
        build(EMPTY, tmp_path / "set", collected={"extra": f"{address}/{path}"}, collecting=LOCAL)
    assert not (tmp_path / "set/set.json").exists()


@pytest.mark.parametrize("path", ["nowhere.zip", "short.zip", "text.zip", "empty.zip"])
def test_no_secret_of_an_address_is_shown(address, archive, tmp_path, path):
    (archive.parent / "text.zip").write_text("hello")
    zipfile.ZipFile(archive.parent / "empty.zip", "w").close()
    place = f"{address.replace('//', '//me:secret@')}/{path}?key=secret"
    with pytest.raises(SetError, match=path) as caught:
        build(EMPTY, tmp_path / "set", collected={"extra": place}, collecting=LOCAL)
    assert "secret" not in str(caught.value)


def test_an_address_that_is_none(tmp_path):
    with pytest.raises(SetError, match="not a valid URL"):
        build(
            EMPTY,
            tmp_path / "set",
            collected={"extra": "http://[me:secret@/a.zip"},
            collecting=LOCAL,
        )


def test_an_archive_of_a_later_kind_is_refused_by_name(archive, tmp_path):
    data = bytearray(archive.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 6 : at + 8] = (99).to_bytes(2, "little")
    archive.write_bytes(data)
    with pytest.raises(SetError, match=r"images\.zip is not a valid zip archive.*9\.9"):
        build(EMPTY, tmp_path / "set", collected={"extra": str(archive)})


def test_nobody_listens(tmp_path):
    with pytest.raises(SetError, match="no connection"):
        build(
            EMPTY,
            tmp_path / "set",
            collected={"extra": "http://127.0.0.1:9/a.zip"},
            collecting=LOCAL,
        )


def test_bounds_hold_whatever_the_server_or_the_archive_says(
    address, archive, tmp_path, monkeypatch
):
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    summary = build(EMPTY, tmp_path / "a", collected={"extra": str(archive)})
    assert "b.png" in {refusal.path for refusal in summary.refused if "larger" in refusal.reason}
    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 1000)
    with pytest.raises(SetError, match="larger than"):
        build(EMPTY, tmp_path / "b", collected={"extra": f"{address}/images.zip"}, collecting=LOCAL)


def test_odd_metadata_are_no_reason_to_refuse_where_warnings_are_errors(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(odd_metadata())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summary = build(EMPTY, tmp_path / "set", collected={"extra": str(folder)})
    assert summary.ok
    assert summary.n_drawn == 1
    assert verify(tmp_path / "set").ok


def test_images_of_a_grey_set_become_grey(tmp_path):
    (tmp_path / "mine").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mine" / "a.png")
    recipe = Recipe(SIZE, families=[FamilyRecipe.of("ifs", 1)], gray=True, format="png")
    build(recipe, tmp_path / "set", collected={"extra": str(tmp_path / "mine")})
    with Image.open(tmp_path / "set" / "extra" / "000000.png") as image:
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), np.asarray(Image.fromarray(pixels).convert("L")))
    assert verify(tmp_path / "set").ok


def test_a_class_set_takes_no_collected_images(tmp_path):
    (tmp_path / "mine").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "mine" / "a.png")
    families = [FamilyRecipe.of_classes("fractal-db", 2, 2)]
    build(Recipe(SIZE, families=families), tmp_path / "set")
    before = names_in(tmp_path / "set")
    with pytest.raises(SetError, match="is a class set"):
        build(Recipe(families=[]), tmp_path / "set", collected={"extra": str(tmp_path / "mine")})
    assert names_in(tmp_path / "set") == before


def test_an_image_that_two_sources_have_is_counted_once(tmp_path):
    (tmp_path / "mine").mkdir()
    noise(0).save(tmp_path / "mine" / "a.png")
    places = {"extra": [str(tmp_path / "mine")] * 2}
    summary = build(Recipe(families=[]), tmp_path / "set", collected=places)
    assert (summary.n_images, summary.n_drawn, summary.families[0].kept) == (1, 1, 0)


def test_a_file_that_a_crash_left_without_a_record_does_not_end_the_collecting(tmp_path):
    (tmp_path / "mine").mkdir()
    noise(0).save(tmp_path / "mine" / "a.png")
    build(Recipe(families=[]), tmp_path / "set", collected={"extra": str(tmp_path / "mine")})
    left = tmp_path / "set" / "extra" / "000001.png"
    left.write_bytes(b"of an image that is gone from the list")
    noise(1).save(tmp_path / "mine" / "b.png")
    build(Recipe(families=[]), tmp_path / "set", collected={"extra": str(tmp_path / "mine")})
    assert left.read_bytes() == b"of an image that is gone from the list"
    assert [record["file"] for record in records(tmp_path / "set")] == [
        "extra/000000.png",
        "extra/000002.png",
    ]
