import pickle
import shutil

import numpy as np
import pytest
from PIL import Image, ImageOps
from torchvision.transforms import CenterCrop, Compose, Resize
from torchvision.transforms.functional import resized_crop

from fractalgen.errors import RunError
from fractalgen.training.datasets import folders, load_data
from fractalgen.training.datasets.folders import FolderImages


def draw_image(width, height, seed):
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path):
    """Two classes with two images each to train on and one to test; and things to pass over."""
    place = tmp_path / "photos"
    seed = 0
    for part, n in (("train", 2), ("val", 1)):
        for name in ("cat", "dog"):
            (place / part / name).mkdir(parents=True)
            for index in range(n):
                seed += 1
                draw_image(70 + seed, 50, seed).save(place / part / name / f"{index}.png")
    (place / "train" / ".hidden").mkdir()
    draw_image(9, 9, 0).save(place / "train" / "loose.png")
    (place / "train" / "cat" / "notes.txt").write_text("cats")
    return place


def load(folder, **options):
    return load_data(f"folder:{folder}", data_dir=folder, **options)


def test_classes_labels_and_sizes(folder):
    data = load(folder)
    assert data.name == f"folder:{folder}"
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == [0, 0, 1, 1]
    assert data.test.labels.tolist() == [0, 1]
    assert data.size == 224
    assert data.mean == (0.485, 0.456, 0.406)
    assert data.std == (0.229, 0.224, 0.225)
    assert data.test.for_testing([1, 0]).shape == (2, 224, 224, 3)
    assert load(folder, image_size=20).train.for_training([3], [1]).shape == (1, 20, 20, 3)


@pytest.mark.parametrize(("width", "height"), [(500, 375), (375, 500), (256, 256), (61, 40)])
@pytest.mark.parametrize("size", [224, 64])
def test_testing_is_torchvisions_resize_and_centre_crop(tmp_path, width, height, size):
    image = draw_image(width, height, 3)
    image.save(tmp_path / "a.png")
    ours = FolderImages(tmp_path, ["a.png"], np.zeros(1, np.int64), size).for_testing([0])[0]
    theirs = Compose([Resize(round(size * 256 / 224)), CenterCrop(size)])(image)
    assert np.abs(ours.astype(int) - np.asarray(theirs)).max() <= 1


def test_the_whole_of_a_small_square_image_is_shown_if_asked_for(tmp_path):
    image = draw_image(32, 32, 3)
    image.save(tmp_path / "a.png")
    images = FolderImages(tmp_path, ["a.png"], np.zeros(1, np.int64), 32, whole=True)
    assert np.array_equal(images.for_testing([0])[0], np.asarray(image))


def coordinates(width, height):
    """An image whose red tells how far right, and whose green how far down."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, 0 * x], axis=2).round().astype(np.uint8))


@pytest.mark.parametrize(("width", "height"), [(300, 200), (200, 300), (900, 60)])
def test_training_takes_parts_of_the_published_areas_and_shapes(tmp_path, width, height):
    coordinates(width, height).save(tmp_path / "a.png")
    images = FolderImages(tmp_path, ["a.png"], np.zeros(1, np.int64), 32)
    views = images.for_training([0] * 300, list(range(300))).astype(float)
    # Half a pixel of the view lies beyond its outermost centres, on each side.
    red = views[..., 0][:, :, [0, -1]].mean(axis=1)
    green = views[..., 1][:, [0, -1]].mean(axis=2)
    wide = np.abs(np.diff(red)[:, 0]) * 32 / 31 / 255 * width
    high = np.diff(green)[:, 0] * 32 / 31 / 255 * height
    areas, shapes = wide * high / (width * height), wide / high
    mirrored = (np.diff(red)[:, 0] < 0).mean()
    assert np.all(high > 0)
    assert 0.4 < mirrored < 0.6
    if max(width, height) < 3 * min(width, height):
        assert shapes.min() > 0.70
        assert shapes.max() < 1.42
        assert 0.07 < areas.min() < 0.15
        assert 0.8 < areas.max() < 1.03
        assert 0.3 < np.median(areas) < 0.6
    else:
        # Little fits into a long strip: of the rest the middle is taken, 4/3 as wide as high.
        assert shapes.max() < 1.45
        middle = np.abs(red.mean(axis=1) - 127.5) < 1
        assert middle.mean() > 0.2


def test_a_training_view_is_torchvisions_resized_crop(tmp_path, monkeypatch):
    image = draw_image(300, 200, 3)
    image.save(tmp_path / "a.png")
    images = FolderImages(tmp_path, ["a.png"], np.zeros(1, np.int64), 64)
    box = (31, 12, 250, 190)
    monkeypatch.setattr(folders, "_random_box", lambda width, height, rng: box)
    theirs = resized_crop(image, 12, 31, 190 - 12, 250 - 31, [64, 64])
    views = [images.for_training([0], [seed])[0].astype(int) for seed in range(8)]
    mirrored = [np.abs(view[:, ::-1] - np.asarray(theirs)).max() <= 2 for view in views]
    plain = [np.abs(view - np.asarray(theirs)).max() <= 2 for view in views]
    assert any(plain)
    assert any(mirrored)
    assert all(one != other for one, other in zip(plain, mirrored, strict=True))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_large_photograph_shows_what_the_whole_image_does_whichever_side_is_up(
    tmp_path, orientation
):
    """It is decoded at a fraction of its scale, in which its sides are no whole numbers."""
    noted = Image.Exif()
    noted[0x0112] = orientation
    coordinates(1301, 907).save(tmp_path / "a.jpg", quality=95, exif=noted)
    with Image.open(tmp_path / "a.jpg") as image:
        ImageOps.exif_transpose(image).save(tmp_path / "a.png")
    views = [
        FolderImages(tmp_path, [name], np.zeros(1, np.int64), 32).for_training(range(1), [seed])
        for name in ("a.jpg", "a.png")
        for seed in range(12)
    ]
    difference = np.abs(np.array(views[:12]).astype(int) - np.array(views[12:]))
    assert difference.max() <= 2
    assert difference.mean() < 0.3


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}], ids=str)
@pytest.mark.parametrize("size", [32, 37])
def test_a_jpeg_of_which_only_some_rows_are_decoded_shows_what_the_whole_does(
    tmp_path, options, size
):
    draw_image(150, 110, 4).save(tmp_path / "a.jpg", **options)
    with Image.open(tmp_path / "a.jpg") as image:
        image.save(tmp_path / "a.png")
    jpeg, png = (
        FolderImages(tmp_path, [name], np.zeros(1, np.int64), size) for name in ("a.jpg", "a.png")
    )
    seeds = range(40)
    assert np.array_equal(
        jpeg.for_training([0] * len(seeds), seeds), png.for_training([0] * len(seeds), seeds)
    )


def test_a_jpeg_that_was_cut_short_is_named_wherever_the_crop_lies(tmp_path):
    draw_image(150, 110, 4).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: -len(whole) // 10])
    images = FolderImages(tmp_path, ["a.jpg"], np.zeros(1, np.int64), 32)
    for seed in range(20):
        with pytest.raises(RunError, match=r"a\.jpg: damaged \(image file is truncated"):
            images.for_training([0], [seed])


def test_a_training_view_depends_on_image_and_seed_alone(folder):
    train = load(folder, image_size=32).train
    together = train.for_training([0, 3, 0], [5, 6, 2**64 - 1])
    assert np.array_equal(train.for_training([3], [6])[0], together[1])
    assert not np.array_equal(together[0], together[2])
    copy = pickle.loads(pickle.dumps(train))
    assert np.array_equal(copy.for_training([0, 3, 0], [5, 6, 2**64 - 1]), together)


def test_grey_and_transparent_images_and_strange_names_are_read(folder):
    place = folder / "val" / "cat"
    Image.new("L", (30, 30), 200).save(place / "grün ☘.png")
    Image.new("RGBA", (30, 30), (255, 0, 0, 0)).save(place / "clear.webp", lossless=True)
    test = load(folder, image_size=16).test
    shown = {test.path(index).name: test.for_testing([index])[0] for index in range(len(test))}
    assert np.all(shown["grün ☘.png"] == 200)
    assert np.all(shown["clear.webp"] == 0)
    assert test.labels.tolist() == [0, 0, 0, 1]


def test_tests_do_not_need_training_images(folder):
    whole = load(folder, image_size=16)
    shutil.rmtree(folder / "train")
    with pytest.raises(RunError, match=r"train does not exist; training needs it"):
        load(folder)
    data = load(folder, image_size=16, only_tests=True)
    assert (len(data.train), data.classes) == (0, ("cat", "dog"))
    assert np.array_equal(data.test.for_testing([0, 1]), whole.test.for_testing([0, 1]))


def test_test_images_have_to_be_there(folder):
    shutil.rmtree(folder / "val")
    with pytest.raises(RunError, match="val is not a folder; the data set needs"):
        load(folder, only_tests=True)


def test_classes_have_to_be_the_same_and_not_empty(folder):
    (folder / "val" / "bird").mkdir()
    with pytest.raises(RunError, match=r"val has classes that .*train does not have: bird"):
        load(folder)
    (folder / "train" / "bird").mkdir()
    with pytest.raises(RunError, match=r"train has no images of these classes: bird"):
        load(folder)
    draw_image(30, 30, 0).save(folder / "train" / "bird" / "a.jpg")
    with pytest.raises(RunError, match=r"val has no images of these classes: bird"):
        load(folder)
    draw_image(30, 30, 0).save(folder / "val" / "bird" / "a.jpg")
    assert load(folder).test.labels.tolist() == [0, 1, 2]
    for name in ("bird", "dog"):
        shutil.rmtree(folder / "train" / name)
        shutil.rmtree(folder / "val" / name)
    with pytest.raises(RunError, match="one class, 'cat'"):
        load(folder)


def test_folders_without_images_or_classes(folder):
    for name in ("cat", "dog"):
        (folder / "val" / name / "0.png").unlink()
    with pytest.raises(RunError, match="val holds no images"):
        load(folder)
    for name in ("cat", "dog"):
        (folder / "val" / name).rmdir()
    with pytest.raises(RunError, match=r"val has no folders in it; use one folder"):
        load(folder)


def test_an_unreadable_image_is_named(folder):
    path = folder / "val" / "dog" / "0.png"
    path.write_bytes(path.read_bytes()[:-500])
    test = load(folder).test
    assert test.for_testing([0]).shape == (1, 224, 224, 3)
    with pytest.raises(RunError, match=r"cannot use .*dog.0\.png: damaged .*Repair or remove it\."):
        test.for_testing([0, 1])
    path.unlink()
    with pytest.raises(RunError, match=r"0\.png: No such file"):
        test.for_training([1], [0])
