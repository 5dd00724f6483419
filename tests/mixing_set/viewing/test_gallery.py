"""The gallery: what is written, and what is refused."""

import base64
import io
import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from fractalgen.color import palettes
from fractalgen.errors import SetError
from fractalgen.images.crops import read_square
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_set import FolderSet
from fractalgen.mixing_set.stores.manifest import Manifest
from fractalgen.mixing_set.viewing.gallery import gallery
from tests.mixing_set.small_sets import names_in, tree

SIZE = 32
TILE = 112


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery") / "my set"
    families = (
        FamilyRecipe.of("escape-time", 4, palette="agate"),
        FamilyRecipe.of("ifs", 105, 40),
        FamilyRecipe.of("features", 3),
    )
    build(Recipe(SIZE, 0, "jpeg", families), folder)
    return folder


def record_many(folder, n):
    """Record `n` images that repeat the params of a few."""
    store = FolderSet.open(folder)
    lines = []
    for family in ("escape-time", "ifs", "features"):
        some = [record for key, record in store.records.items() if key[0] == family]
        for index in range(n // 3 + 1):
            record = some[index % len(some)]
            lines.append(replace(record, file=f"{family}/{index:06d}.jpg").to_line() + "\n")
    store.manifest.path.write_text("".join(lines))
    return len(lines)


class Scripts(HTMLParser):
    """The texts of a page's scripts, by id."""

    def __init__(self, page):
        super().__init__()
        self.texts, self._open = {}, None
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        self._open = dict(attrs).get("id", "main") if tag == "script" else None

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open:
            self.texts[self._open] = self.texts.get(self._open, "") + data

    def data(self):
        return json.loads(self.texts["data"])


def files_in(data):
    """The images of a page, in its order."""
    return [
        f"{family}/{index:06d}.{extension}"
        for family, extension, first, n in data["runs"]
        for index in range(first, first + n)
    ]


def script_records(path, number):
    match = re.fullmatch(rf"galleryRecords\({number}, (.*)\);\n", path.read_text())
    return json.loads(match[1])


def test_every_image_appears_once(small_set, tmp_path):
    steps = []
    summary = gallery(small_set, tmp_path / "out", progress=lambda *step: steps.append(step))
    assert summary.page == tmp_path / "out" / "index.html"
    assert (summary.n_images, summary.left_out) == (112, ())
    assert summary.n_bytes == sum(map(len, tree(tmp_path / "out").values()))
    assert steps == [(done, 112) for done in range(1, 113)]
    data = Scripts(summary.page).data()
    store = FolderSet.open(small_set)
    assert files_in(data) == [record.file for record in store.manifest.in_order()]
    assert all(len(data[key]) == 112 for key in ("palettes", "hue", "complexity"))
    assert names_in(tmp_path / "out" / "sheets") == ["0000.jpg", "0001.jpg"]
    records = []
    for number in range(2):
        records += script_records(tmp_path / "out" / "records" / f"{number:04d}.js", number)
    for record, shown in zip(store.manifest.in_order(), records, strict=True):
        assert json.loads(shown["params"]) == json.loads(record.params)
        assert (shown["seed"], shown["size"]) == ("0", f"{SIZE} x {SIZE} px")


def test_a_thumbnail_is_where_the_page_looks_for_it(small_set, tmp_path):
    gallery(small_set, tmp_path / "out")
    files = files_in(Scripts(tmp_path / "out" / "index.html").data())
    for place in (0, 9, 10, 99, 100, 111):
        sheet = np.asarray(Image.open(tmp_path / "out" / "sheets" / f"{place // 100:04d}.jpg"))
        assert sheet.shape == (10 * TILE, 10 * TILE, 3)
        row, column = divmod(place % 100, 10)
        tile = sheet[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
        expected = read_square(small_set / files[place], TILE)
        others = read_square(small_set / files[place - 1], TILE)
        error, apart = (
            np.abs(tile.astype(int) - one.astype(int)).mean() for one in (expected, others)
        )
        assert error < 12 < apart


def test_palettes_get_their_names_back(small_set, tmp_path):
    gallery(small_set, tmp_path / "out")
    data = Scripts(tmp_path / "out" / "index.html").data()
    names = [[data["paletteNames"][one] for one in numbers] for numbers in data["palettes"]]
    assert names[:4] == [["agate"]] * 4
    assert names[-3:] == [["none"]] * 3
    counts = Counter(name for some in names[4:-3] for name in some)
    assert counts["random or custom"] > 20
    assert set(counts) - {"random or custom"} <= set(palettes.names())
    (base, trap) = script_records(tmp_path / "out" / "records" / "0000.js", 0)[0]["colors"]
    assert base == ["coloring.base_colors", "agate", list(palettes.load("agate").colors)]
    assert trap[:2] == ["coloring.trap_colors", "agate"]


def test_one_file_holds_everything(small_set, tmp_path):
    summary = gallery(small_set, tmp_path / "one.html", single_file=True)
    assert names_in(tmp_path) == ["one.html"]
    scripts = Scripts(summary.page)
    assert len(files_in(scripts.data())) == 112
    assert scripts.data()["root"] is None
    for number in (0, 1):
        sheet = Image.open(io.BytesIO(base64.b64decode(scripts.texts[f"sheet-{number}"])))
        assert sheet.size == (10 * TILE, 10 * TILE)
    records = [json.loads(scripts.texts[f"records-{number}"]) for number in (0, 1)]
    assert [len(some) for some in records] == [100, 12]
    page = summary.page.read_text("utf-8")
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)


def test_a_page_of_13000_images_is_small(small_set, tmp_path, monkeypatch):
    folder = tmp_path / "set"
    shutil.copytree(small_set, folder)
    n = record_many(folder, 13_000)
    tile = np.zeros((TILE, TILE, 3), np.uint8)
    monkeypatch.setattr(FolderSet, "read_image", lambda self, file: b"")
    monkeypatch.setattr("fractalgen.mixing_set.viewing.gallery.square", lambda data, size: tile)
    summary = gallery(folder, tmp_path / "out")
    assert summary.n_images == n >= 13_000
    assert summary.page.stat().st_size < 400_000
    sizes = [path.stat().st_size for path in (tmp_path / "out" / "records").iterdir()]
    assert len(sizes) == -(-n // 100)
    assert max(sizes) < 1_000_000


def test_links_and_commands_with_odd_names(tmp_path):
    folder = tmp_path / "it's <100%> #1"
    build(Recipe(SIZE, 0, "png", (FamilyRecipe.of("ifs", 1),)), folder)
    data = Scripts(gallery(folder, tmp_path / "a" / "b").page).data()
    assert data["root"] == "../../it%27s%20%3C100%25%3E%20%231/"
    assert data["command"] == "'" + str(folder).replace("'", "'\"'\"'") + "'"
    assert "it&#39;s &lt;100%&gt; #1" in (tmp_path / "a/b/index.html").read_text()


def test_collected_images(tmp_path):
    source = tmp_path / "source"
    (source / "<").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(source / "<" / "script><b>.png")
    build(
        Recipe(SIZE, 0, "jpeg", (FamilyRecipe.of("ifs", 2),)),
        tmp_path / "set",
        collected={"extra": str(source)},
    )
    gallery(tmp_path / "set", tmp_path / "out")
    scripts = Scripts(tmp_path / "out" / "index.html")
    assert len(files_in(scripts.data())) == 3
    (shown,) = [
        one for one in script_records(tmp_path / "out/records/0000.js", 0) if "origin" in one
    ]
    assert shown == {"size": "60 x 40 px", "origin": "</script><b>.png"}
    page = gallery(tmp_path / "set", tmp_path / "one.html", single_file=True).page
    assert json.loads(Scripts(page).texts["records-0"])[2] == shown


def test_what_cannot_be_shown_is_left_out(small_set, tmp_path):
    folder = tmp_path / "set"
    shutil.copytree(small_set, folder)
    (folder / "ifs/000041.jpg").write_bytes(b"damaged")
    (folder / "ifs/000050.jpg").unlink()
    summary = gallery(folder, tmp_path / "out")
    assert summary.n_images == 110
    assert [line.partition(":")[0] for line in summary.left_out] == [
        "ifs/000041.jpg",
        "ifs/000050.jpg",
    ]
    files = files_in(Scripts(summary.page).data())
    assert len(set(files)) == 110
    for family in ("escape-time", "ifs", "features"):
        shutil.rmtree(folder / family)
    before = tree(tmp_path / "out")
    with pytest.raises(SetError, match="no readable images; run 'fractalgen verify"):
        gallery(folder, tmp_path / "out", overwrite=True)
    assert tree(tmp_path / "out") == before
    Manifest(folder / "manifest.jsonl").write()
    with pytest.raises(SetError, match="no images yet"):
        gallery(folder, tmp_path / "out", overwrite=True)


def test_overwriting(small_set, tmp_path):
    out = tmp_path / "out"
    gallery(small_set, out)
    before = tree(out)
    with pytest.raises(SetError, match="--overwrite replaces the gallery"):
        gallery(small_set, out)
    fewer = tmp_path / "fewer"
    build(Recipe(SIZE, 0, "jpeg", (FamilyRecipe.of("ifs", 2),)), fewer)
    gallery(fewer, out, overwrite=True)
    assert sorted(tree(out)) == ["index.html", "records/0000.js", "sheets/0000.jpg"]
    (out / "index.html").unlink()  # as after a crash
    (out / "sheets/.fractalgen-0001.jpg.part").write_bytes(b"")
    gallery(small_set, out)
    assert tree(out) == before
    page = tmp_path / "one.html"
    gallery(small_set, page, single_file=True)
    with pytest.raises(SetError, match="--overwrite replaces the gallery"):
        gallery(small_set, page, single_file=True)
    gallery(fewer, page, single_file=True, overwrite=True)
    assert len(files_in(Scripts(page).data())) == 2


@pytest.mark.parametrize(
    ("out", "single_file", "message"),
    [
        ("set/gallery", False, "inside the set"),
        ("set", False, "inside the set"),
        ("set/page.html", True, "inside the set"),
        ("", False, "holds other files, such as "),
        ("notes", False, "holds other files, such as notes.txt"),
        ("pages", False, "holds other files, such as index.html"),
        ("sheets-of-others", False, "holds other files, such as mine.jpg"),
        ("notes/notes.txt", False, "is not a folder"),
        ("notes/notes.txt", True, "is not a gallery"),
        ("notes", True, "is a folder, not a file"),
        ("nowhere/page.html", True, "the folder .*nowhere does not exist"),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_other_files_are_never_touched(small_set, tmp_path, out, single_file, message, overwrite):
    shutil.copytree(small_set, tmp_path / "set")
    for file in ("notes/notes.txt", "pages/index.html", "sheets-of-others/sheets/mine.jpg"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(SetError, match=message):
        gallery(tmp_path / "set", tmp_path / out, single_file=single_file, overwrite=overwrite)
    assert tree(tmp_path) == before


def test_the_script_is_short(small_set, tmp_path):
    page = gallery(small_set, tmp_path / "out").page
    assert len(Scripts(page).texts["main"].strip().splitlines()) < 300
