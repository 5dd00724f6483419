import numpy as np
import pytest
from PIL import Image

from fractalgen.augment.figure_page import TILE, column_left
from tests.bank.sharded_sets import in_shards


@pytest.fixture
def folder(tmp_path):
    """An ordinary folder of images, flat and nested."""
    rng = np.random.default_rng(0)
    (tmp_path / "images/deeper").mkdir(parents=True)
    for name in ("a.png", "b.jpg", "deeper/c.webp"):
        pixels = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / name)
    return "images"


def photograph(path, mode="RGB", **options):
    """Save an image that is red on the left and blue on the right."""
    image = Image.new("RGB", (40, 40), (200, 30, 30))
    image.paste((30, 30, 200), (20, 0, 40, 40))
    image.convert(mode).save(path, **options)


def original(path):
    """Return the first image on a figure."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    left = column_left(0)
    rows = np.any(pixels[:, [left, left + TILE - 1]] != pixels[0, 0], axis=2).all(axis=1)
    runs = np.convolve(rows, np.ones(TILE), "valid")
    top = int(np.flatnonzero(runs == TILE)[0])
    return pixels[top : top + TILE, left : left + TILE]


def test_a_figure_of_shards_is_that_of_the_folder(run, small_set, tmp_path):
    photograph(tmp_path / "red.png")
    in_shards(small_set, tmp_path / "shards", 4)
    for name, place in (("one.png", small_set), ("other.png", tmp_path / "shards")):
        result = run("show-ipmix", "red.png", "--set", place, "--size", 16, "-o", name)
        assert result.exit_code == 0, result.stderr
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()


def test_a_figure_of_a_set_in_its_usual_place(run, tree, tmp_path):
    run("ifs", "--size", 16, "--n", 2)
    run("features", "--size", 16, "--n", 2)
    photograph(tmp_path / "red.png")
    before = tree(tmp_path)
    result = run("show-ipmix", "red.png", "--size", 16)
    assert result.exit_code == 0, result.stderr
    with Image.open(tmp_path / "figure.png") as page:
        assert page.width == 1400
        assert result.stdout == f"figure.png: 1400 x {page.height} pixels\n"
    after = tree(tmp_path)
    assert after.keys() - before.keys() == {"figure.png"}
    assert before.items() <= after.items()


@pytest.mark.parametrize("name", ["grey.png", "alpha.webp", "cmyk.jpg", "turned.jpg"])
def test_any_image_will_do(run, folder, tmp_path, name):
    turned = Image.Exif()
    turned[0x0112] = 3  # upside down
    kinds = {
        "grey.png": {"mode": "L"},
        "alpha.webp": {"mode": "RGBA", "lossless": True},
        "cmyk.jpg": {"mode": "CMYK", "quality": 95},
        "turned.jpg": {"exif": turned, "quality": 95},
    }
    photograph(tmp_path / name, **kinds[name])
    out = "figure.jpg" if name == "grey.png" else "figure.png"
    result = run("show-ipmix", name, "--set", folder, "--size", 16, "-o", out)
    assert result.exit_code == 0, result.stderr
    tile = original(tmp_path / out)
    left, right = tile[:, :80].mean(axis=(0, 1)), tile[:, -80:].mean(axis=(0, 1))
    if name == "grey.png":
        assert np.ptp(left) < 3
        assert left[0] > right[0] + 20
    elif name == "turned.jpg":
        assert left[2] > 150 > right[2]
    else:
        assert left[0] > 150 > right[0]


def test_the_same_seed_draws_the_same_figure(run, folder, tmp_path):
    photograph(tmp_path / "red.png")
    for name, seed in (("one.webp", 7), ("two.webp", 7), ("three.webp", 8)):
        arguments = ("--set", folder, "--size", 16, "--seed", seed, "-o", name)
        assert run("show-ipmix", "red.png", *arguments).exit_code == 0
    one, two, three = ((tmp_path / f"{name}.webp").read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "IMAGE"),
        (("red.png", "-o", "figure.gif"), 2, ".png, .jpg or .webp"),
        (("red.png", "-o", "red.png"), 2, "red.png is an input image"),
        (("red.png", "-o", "images/figure.png"), 2, "is inside the set"),
        (("red.png", "--size", "15"), 2, "--size"),
        (("red.png", "--seed", "-1"), 2, "--seed"),
        (("none.png",), 1, "cannot use none.png: No such file"),
        (
            ("s3://bucket/set",),
            2,
            "s3://bucket/set: IMAGE is an image file; give the set with --set",
        ),
        (("images",), 1, "cannot use images: it is a folder, not a file"),
        (("text.png",), 1, "cannot use text.png: not an image"),
        (("red.png", "--set", "nowhere"), 1, "nowhere does not exist"),
        (("red.png", "--set", "empty"), 1, "empty holds no images"),
        (("red.png", "--set", "broken"), 1, "cannot use broken/a.png: not an image"),
    ],
)
def test_an_error_is_one_sentence(run, tree, folder, tmp_path, arguments, code, message):
    photograph(tmp_path / "red.png")
    (tmp_path / "text.png").write_text("text")
    for name in ("empty", "broken"):
        (tmp_path / name).mkdir()
    (tmp_path / "broken/a.png").write_text("text")
    before = tree(tmp_path)
    chosen = () if "--set" in arguments else ("--set", folder)
    result = run("show-ipmix", *arguments, *chosen)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1
    assert tree(tmp_path) == before
