"""Sets whose folders are classes, and grey sets."""

import json
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

import fractalgen as fg
from fractalgen.color.gray import in_gray
from fractalgen.errors import RecipeError, SetError
from fractalgen.images.decoding import to_rgb
from fractalgen.mixing_set.building.build import build, repair
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.exporting.export import export
from fractalgen.mixing_set.measuring.stats import stats
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.recipes.toml_file import read_recipe
from fractalgen.mixing_set.stores.folder_store import FolderStore
from fractalgen.mixing_set.stores.open_set import redraw
from fractalgen.mixing_set.viewing.contact_sheet import contact_sheet
from fractalgen.mixing_set.viewing.gallery import gallery
from tests.mixing_set.small_sets import SIZE, ifs_recipe, names_in, tree


def class_recipe(classes=2, instances=3, family="fractal-db", gray=None, file_format=None, **more):
    counts = {"classes": classes, "instances": instances, **more}
    return Recipe(SIZE, format=file_format, families={family: counts}, gray=gray)


@pytest.fixture
def class_set(tmp_path):
    folder = tmp_path / "set"
    build(class_recipe(), folder, workers=1)
    return folder


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_only_classes_are_folders_and_every_image_is_recorded(class_set):
    names = ["class-000000", "class-000001", "classes.jsonl", "manifest.jsonl", "set.json"]
    assert [name for name in names_in(class_set) if not name.startswith(".")] == names
    records = lines(class_set / "manifest.jsonl")
    assert [(one["family"], one["class"], one["index"]) for one in records] == [
        ("fractal-db", c, i) for c in range(2) for i in range(3)
    ]
    assert [one["file"] for one in records][3] == "class-000001/000000.jpg"
    classes = lines(class_set / "classes.jsonl")
    assert [(one["class"], one["folder"], one["family"]) for one in classes] == [
        (0, "class-000000", "fractal-db"),
        (1, "class-000001", "fractal-db"),
    ]
    report = verify(class_set, 6)
    assert report.ok
    assert (report.n_images, report.n_redrawn) == (6, 6)


def test_the_images_are_those_that_sample_returns(class_set):
    store = FolderStore.open(class_set)
    for (folder, index), record in store.records.items():
        number = int(folder.removeprefix("class-"))
        spec = fg.sample("fractal-db", seed=0, class_=number, instance=index)
        assert record.spec() == spec
        assert np.array_equal(redraw(record, 32), fg.render(spec, size=32))


def test_the_bank_reads_a_class_set(class_set):
    assert len(fg.MixingSet(class_set, size=16)) == 6


@pytest.mark.parametrize("steps", [[(1, 1), (1, 3), (4, 3)], [(4, 1), (2, 3)]])
def test_a_set_that_grows_keeps_its_images_and_ends_like_one_drawn_at_once(tmp_path, steps):
    there = {}
    for classes, instances in steps:
        build(class_recipe(classes, instances), tmp_path / "grown")
        images = {name: data for name, data in tree(tmp_path / "grown").items() if "/" in name}
        assert images.items() >= there.items()
        there = images
    build(class_recipe(4, 3), tmp_path / "whole")
    assert tree(tmp_path / "grown") == tree(tmp_path / "whole")


def test_drawing_again_draws_nothing(class_set):
    before = tree(class_set)
    assert build(class_recipe(), class_set).n_drawn == 0
    assert tree(class_set) == before


@pytest.mark.parametrize("damage", ["gone", "cut", "changed"])
def test_a_damaged_list_of_classes_is_found_and_restored(class_set, damage):
    path = class_set / "classes.jsonl"
    before = path.read_text()
    if damage == "gone":
        path.unlink()
    else:
        path.write_text(before[:-20] if damage == "cut" else before.replace("0.1", "0.2", 1))
    findings = verify(class_set).findings
    assert findings.broken == ("classes.jsonl",)
    assert repair(class_set).ok
    assert path.read_text() == before
    assert verify(class_set).ok


def test_damaged_images_of_a_class_are_found_and_redrawn(class_set):
    before = tree(class_set)
    (class_set / "class-000001/000002.jpg").unlink()
    (class_set / "class-000000/000000.jpg").write_bytes(b"?")
    (class_set / "class-000007").mkdir()
    findings = verify(class_set).findings
    assert findings.missing == ("class-000001/000002.jpg",)
    assert findings.truncated == ("class-000000/000000.jpg",)
    assert findings.foreign == ("class-000007/",)
    repair(class_set)
    assert tree(class_set) == before


def test_several_families_share_the_numbers_of_classes(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(
        f"size = {SIZE}\ngray = true\n"
        "[fractal-db]\nclasses = 2\ninstances = 2\n"
        '[ifs]\nclasses = 1\ninstances = 3\nstart_class = 7\npalette = "ember"\n'
    )
    recipe = read_recipe(path)
    assert recipe.gray
    build(recipe, tmp_path / "set")
    assert verify(tmp_path / "set").ok
    classes = lines(tmp_path / "set/classes.jsonl")
    assert [(one["class"], one["family"]) for one in classes] == [
        (0, "fractal-db"),
        (1, "fractal-db"),
        (7, "ifs"),
    ]
    record = lines(tmp_path / "set/manifest.jsonl")[-1]
    assert record["file"] == "class-000007/000002.jpg"
    assert Recipe.from_json(json.loads(json.dumps(recipe.as_json()))) == recipe


@pytest.mark.parametrize(
    ("families", "message"),
    [
        ({"ifs": {"classes": 0, "instances": 1}}, "classes must be a whole number, 1 or more"),
        ({"ifs": {"classes": 1, "instances": -1}}, "instances must be a whole number, 1 or more"),
        ({"ifs": {"classes": 1.5, "instances": 1}}, "classes must be a whole number"),
        ({"ifs": {"classes": 1}}, "ifs needs instances"),
        ({"moire": {"classes": 1, "instances": 1}}, "moire has no classes; these families have: e"),
        ({"ifs": {"classes": 900_000, "instances": 1}}, "classes that can be told apart, not 900,"),
        ({"ifs": {"classes": 2, "instances": 1, "start_class": 999_999}}, "must be at most 1,000,"),
        ({"ifs": {"classes": 1000, "instances": 100_000}}, "too many images for a set"),
        (
            {"ifs": {"classes": 9, "instances": 1}, "fractal-db": {"classes": 9, "instances": 1}},
            "class 0 would belong to both fractal-db and ifs.*give ifs a start_class, such as 9",
        ),
        ({"ifs": {"classes": 1, "instances": 1}, "moire": 3}, "moire has no classes, but other"),
    ],
)
def test_bad_classes_are_refused(families, message):
    with pytest.raises(RecipeError, match=message):
        Recipe(families=families)


def test_no_more_classes_are_added_than_can_be_told_apart(class_set, monkeypatch):
    monkeypatch.setattr(fg.FAMILIES["fractal-db"], "max_classes", 3)
    before = tree(class_set)
    with pytest.raises(RecipeError, match="at most 3 classes that can be told apart, not 4"):
        build(class_recipe(2, 1, start_class=2), class_set)
    assert tree(class_set) == before


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (class_recipe(brush="point"), 'fractal-db.brush is "patch" in the set, but "point"'),
        (class_recipe(family="ifs"), "class 0 would belong to both"),
        (ifs_recipe(), "the set has classes, but images without classes were requested"),
        (class_recipe(gray=True), "gray is false in the set, but true was requested"),
    ],
)
def test_another_recipe_is_refused_and_changes_nothing(class_set, recipe, message):
    before = tree(class_set)
    with pytest.raises((SetError, RecipeError), match=message):
        build(recipe, class_set)
    assert tree(class_set) == before


def test_classes_are_refused_in_a_set_without(small_set):
    with pytest.raises(SetError, match="the set has no classes, but classes were requested"):
        build(class_recipe(), small_set)


@pytest.mark.parametrize("shards", [False, True])
def test_overwriting_turns_one_kind_of_set_into_the_other(tmp_path, shards):
    plain = Recipe(SIZE, families={"ifs": 2})
    place = tmp_path / "set"
    for recipe, name in ((plain, "plain"), (class_recipe(), "classes")):
        build(recipe, tmp_path / name, workers=1, shards=shards)
    build(class_recipe(), place, workers=1, shards=shards)
    build(plain, place, workers=1, overwrite=True)
    assert tree(place) == tree(tmp_path / "plain")
    build(class_recipe(), place, workers=1, overwrite=True)
    assert tree(place) == tree(tmp_path / "classes")


def test_a_file_of_the_users_is_not_replaced_by_the_list(tmp_path):
    (tmp_path / "classes.jsonl").write_text("mine")
    with pytest.raises(SetError, match="already exists but is not part of this set"):
        build(class_recipe(), tmp_path)
    build(Recipe(SIZE, families={"ifs": 1}), tmp_path)
    assert (tmp_path / "classes.jsonl").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_": 1}, "class_ needs instance too"),
        ({"instance": 1}, "instance needs class_ too"),
        ({"class_": 1, "instance": 1, "index": 2}, "has an instance, not an index"),
        ({"class_": -1, "instance": 1}, "class_ must be"),
        ({"class_": 1, "instance": 1_000_000}, "instance must be"),
        ({"gray": 1}, "gray must be True or False"),
    ],
)
def test_sample_refuses_half_an_instance(arguments, message):
    with pytest.raises(fg.FractalgenError, match=message):
        fg.sample("ifs", **arguments)


def test_a_contact_sheet_has_a_row_for_each_class(class_set):
    page = contact_sheet(class_set, n=6, columns=3, tile=16)
    first = np.asarray(page)
    assert page.size == (3 * 17 + 1, 2 * 17 + 1)
    for row, folder in enumerate(("class-000000", "class-000001")):
        alone = contact_sheet(class_set, family=folder, n=3, columns=3, tile=16)
        tiles = {first[1 + row * 17 :][:16, 1 + i * 17 :][:, :16].tobytes() for i in range(3)}
        own = np.asarray(alone)
        assert tiles == {own[1:17, 1 + i * 17 :][:, :16].tobytes() for i in range(3)}


def test_statistics_count_a_family_of_classes_as_one_group(class_set):
    assert [(one.name, one.n_images) for one in stats(class_set).groups] == [("fractal-db", 6)]


def test_a_gallery_and_an_export_show_every_image(class_set, tmp_path):
    assert gallery(class_set, tmp_path / "gallery").n_images == 6
    page = (tmp_path / "gallery/index.html").read_text()
    assert '<option value="class-000001">' in page
    export(class_set, tmp_path / "out")
    images = tmp_path / "out/fractals_and_fvis/fractals/images"
    assert "class-000001-000002.jpg" in names_in(images)


# Grey images.


def test_grey_is_pillows_luma():
    rgb = np.random.default_rng(0).integers(0, 256, (64, 48, 3)).astype(np.uint8)
    rgb[0, :3] = [[0, 0, 0], [255, 255, 255], [255, 0, 0]]
    gray = in_gray(rgb)
    assert gray.shape == rgb.shape
    assert gray.dtype == np.uint8
    for channel in np.moveaxis(gray, 2, 0):
        assert np.array_equal(channel, np.asarray(Image.fromarray(rgb).convert("L")))


@pytest.mark.parametrize("file_format", ["jpeg", "png", "webp"])
def test_a_grey_set_is_grey_in_files_records_and_when_redrawn(tmp_path, file_format):
    recipe = Recipe(64, format=file_format, families={"moire": 3}, gray=True)
    in_color = Recipe(64, format=file_format, families={"moire": 3})
    gray = build(recipe, tmp_path / "gray").n_bytes
    colored = build(in_color, tmp_path / "color").n_bytes
    assert gray < colored
    assert verify(tmp_path / "gray", 3).ok
    store = FolderStore.open(tmp_path / "gray")
    for record in store.records.values():
        assert record.gray
        rgb = to_rgb(store.path(record.file).read_bytes())[0]
        assert all(np.array_equal(a, b) for a, b in pairwise(np.moveaxis(rgb, 2, 0)))
        redrawn = redraw(record, 64)
        assert np.array_equal(
            redrawn, in_gray(fg.render(fg.sample("moire", index=record.key[1]), size=64))
        )
        if file_format != "webp":
            with Image.open(store.path(record.file)) as image:
                assert image.mode == "L"


def test_grey_is_part_of_the_digest_and_color_sets_keep_theirs():
    color, gray = Recipe(families={"ifs": 3}), Recipe(families={"ifs": 3}, gray=True)
    assert gray.digest != color.digest
    assert "gray" not in color.as_json()
    assert Recipe(families={"ifs": 3}, gray=False) == color
    assert Recipe.from_json(gray.as_json()) == gray


def test_a_grey_set_stays_grey_unless_overwritten(tmp_path):
    build(class_recipe(1, 1, gray=True), tmp_path)
    assert build(class_recipe(1, 2), tmp_path).n_drawn == 1
    assert all(record.gray for record in FolderStore.open(tmp_path).records.values())
    with pytest.raises(SetError, match="gray is true in the set, but false was requested"):
        build(class_recipe(1, 2, gray=False), tmp_path)
    build(class_recipe(1, 2, gray=False), tmp_path, overwrite=True)
    assert not any(record.gray for record in FolderStore.open(tmp_path).records.values())
    assert verify(tmp_path, 2).ok
