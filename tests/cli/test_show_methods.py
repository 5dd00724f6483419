import pytest
from PIL import Image

pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def photo(tmp_path):
    Image.new("RGB", (40, 40), (200, 30, 30)).save(tmp_path / "red.png")
    (tmp_path / "text.png").write_text("text")


def test_a_page_is_written_and_the_same_seed_writes_it_again(run, tmp_path):
    for name, seed in (("one.png", 7), ("two.png", 7), ("three.png", 8)):
        options = ("--methods", "augmix:jsd=false,cutout+cutmix", "--size", 32, "--seed", seed)
        result = run("show-methods", "red.png", *options, "-o", name)
        assert result.exit_code == 0, result.stderr
        with Image.open(tmp_path / name) as page:
            assert result.stdout == f"{name}: {page.width} x {page.height} pixels\n"
    one, two, three = ((tmp_path / f"{n}.png").read_bytes() for n in ("one", "two", "three"))
    assert one == two != three


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "PHOTO"),
        (("red.png", "-o", "red.png"), 2, "red.png is an input image"),
        (("red.png", "-o", "page.gif"), 2, ".png, .jpg or .webp"),
        (("red.png", "--methods", "puzzlemix"), 2, "puzzlemix cannot be shown"),
        (("red.png", "--methods", "ipmix"), 1, "ipmix-set does not exist"),
        (("none.png", "--methods", "augmix"), 1, "cannot use none.png: No such file"),
        (("text.png", "--methods", "augmix"), 1, "cannot use text.png: not an image"),
    ],
)
def test_an_error_is_one_sentence(run, tree, tmp_path, arguments, code, message):
    before = tree(tmp_path)
    result = run("show-methods", *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1
    assert tree(tmp_path) == before
