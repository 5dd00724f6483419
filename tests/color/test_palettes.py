import hashlib
import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.color import palettes
from fractalgen.color.palettes import Palette
from fractalgen.color.spaces import gradient, hex_to_linear
from fractalgen.errors import PaletteError, UnknownNameError
from fractalgen.seeding import rng_for
from tests.color.oklab import linear_to_oklab

HEX = re.compile(r"#[0-9a-f]{6}")


def oklab(colors):
    return linear_to_oklab(hex_to_linear(colors))


def written(folder, text, name="plain.gpl"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# The shipped palettes


def test_enough_palettes_ship():
    assert len(palettes.names()) >= 36
    assert list(palettes.names()) == sorted(set(palettes.names()))


@pytest.mark.parametrize("name", palettes.names())
def test_a_shipped_palette(name):
    palette = palettes.load(name)
    assert palette.name == name
    assert re.fullmatch("[a-z]+(-[a-z]+)*", name)
    assert 5 <= len(palette.colors) <= 9
    assert all(HEX.fullmatch(color) for color in palette.colors)
    assert np.ptp(oklab(palette.colors)[:, 0]) >= 0.5


def test_no_two_shipped_palettes_look_alike():
    # From each colour of one gradient to the nearest of the other, on average over the gradient.
    # Two colours 0.02 apart in OKLab are told apart side by side; palettes differ by more.
    samples = {
        name: linear_to_oklab(gradient(palettes.load(name).colors, 32).astype(np.float64))
        for name in palettes.names()
    }
    for (name, one), (other_name, other) in itertools.combinations(samples.items(), 2):
        apart = np.sqrt(((one[:, None] - other[None]) ** 2).sum(axis=-1))
        distance = max(apart.min(axis=0).mean(), apart.min(axis=1).mean())
        assert distance > 0.025, f"{name} and {other_name} differ by {distance:.4f} alone"


def test_the_shipped_palettes_cover_the_hue_circle():
    lab = np.concatenate([oklab(palettes.load(name).colors) for name in palettes.names()])
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    hue = np.arctan2(lab[:, 2], lab[:, 1]) % (2 * np.pi)
    share = np.histogram(hue, 8, (0, 2 * np.pi), weights=chroma)[0] / chroma.sum()
    assert share.min() > 0.5 / 8
    assert share.max() < 2.0 / 8


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'ember'"):
        palettes.load("embr")


# Files

BLANKS = st.text(" \t", min_size=1, max_size=3)
COLOR_NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=12
)


@given(
    colors=st.lists(st.tuples(*[st.integers(0, 255)] * 3, COLOR_NAMES), min_size=2, max_size=256),
    blank=BLANKS,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    bom=st.booleans(),
    rgba=st.booleans(),
)
def test_what_is_written_is_read(tmp_path_factory, colors, blank, end, bom, rgba):
    lines = ["GIMP Palette", "Name: A name: with blanks ", "Columns: 4"]
    lines += ["Channels: RGBA"] if rgba else []
    lines += ["#", "# 1 2 3 in a comment"]
    for red, green, blue, name in colors:
        alpha = [7] if rgba else []
        lines += [blank + blank.join(map(str, [red, green, blue, *alpha])) + "\t" + name, ""]
    data = end.join(lines).encode("utf-8-sig" if bom else "utf-8")
    palette = palettes.read_gpl(written(tmp_path_factory.getbasetemp(), data))
    assert palette.name == "A name: with blanks"
    expected = tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue, _ in colors)
    assert palette.colors == expected


def test_a_file_without_a_name_is_named_by_its_file(tmp_path):
    path = written(tmp_path, "GIMP Palette\n#\n1 2 3\n4 5 6 four: five\n", "two tones.gpl")
    assert palettes.read_gpl(path) == Palette("two tones", ("#010203", "#040506"))


def test_an_old_code_page_is_read(tmp_path):
    path = written(tmp_path, "GIMP Palette\nName: Café\n1 2 3 noir\n4 5 6 crème\n".encode("cp1252"))
    assert palettes.read_gpl(path).name == "Café"


HEAD = "GIMP Palette\nName: x\nColumns: 0\n#\n1 2 3\n4 5 6\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: a palette file must start with 'GIMP Palette'"),
        ("1 2 3\n4 5 6\n", "line 1: a palette file must start with 'GIMP Palette'"),
        (HEAD + "12 300 4\n", "line 7: expected three numbers from 0 to 255, found '12 300 4'"),
        (HEAD + "12 30\n", "line 7: expected three numbers from 0 to 255, found '12 30'"),
        (HEAD + "\n-1 2 3\n", "line 8: expected three numbers from 0 to 255, found '-1 2 3'"),
        (HEAD + "1.5 2 3 half\n", "line 7: expected three numbers"),
        (HEAD + "1_0 2 3\n", "line 7: expected three numbers"),
        (HEAD + "٣ 2 3\n", "line 7: expected three numbers"),
        (HEAD + "Name: late\n", "line 7: expected three numbers"),
        (HEAD + "#abcdef\nred green blue\n", "line 8: expected three numbers"),
        (HEAD.replace("#", "Channels: RGBA"), "line 5: expected four numbers from 0 to 255"),
        ("GIMP Palette\n", "has 0 colours; a palette has from 2 to 256"),
        ("GIMP Palette\n1 2 3\n", "has 1 colour; a palette has from 2 to 256"),
        ("GIMP Palette\n" + "1 2 3\n" * 257, "has 257 colours; a palette has from 2 to 256"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not a palette file: it is not plain text"),
        ("GIMP Palette\n1 2 3\n4 5 6\n".encode("utf-16"), "it is not plain text"),
        (b"GIMP Palette\n" + b"#\n" * (1 << 19), "is too large for a palette: more than 1 MiB"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(PaletteError, match=re.escape(message)) as caught:
        palettes.read_gpl(path)
    assert str(path) in str(caught.value)


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(PaletteError, match=r"nothing here\.gpl: No such file"):
        palettes.read_gpl(tmp_path / "nothing here.gpl")
    with pytest.raises(PaletteError, match="cannot read the palette"):
        palettes.read_gpl(tmp_path)


# What the user gives, and what is drawn from it


@pytest.mark.parametrize("text", ["any", "random", "ember", "tide-pool"])
def test_words_and_shipped_names_stay(text):
    assert palettes.resolve(f" {text} ") == text


def test_a_shipped_name_comes_before_a_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, HEAD, "ember")
    assert palettes.resolve("ember") == "ember"
    assert palettes.resolve("./ember") == "#010203,#040506"


@pytest.mark.parametrize("text", ["#0A0b0C,#ffffff", "0a0b0c, FFFFFF", "#0a0b0c,#FFF"])
def test_hex_colours_become_canonical(text):
    canonical = palettes.resolve(text)
    assert canonical == "#0a0b0c,#ffffff"
    assert palettes.resolve(canonical) == canonical


def test_a_file_becomes_its_colours(tmp_path):
    assert palettes.resolve(str(written(tmp_path, HEAD))) == "#010203,#040506"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("embre", UnknownNameError, "unknown palette 'embre': did you mean 'ember'?"),
        ("randon", UnknownNameError, "did you mean 'random'?"),
        ("", UnknownNameError, "; 'fractalgen palettes' lists all 56"),
        ("blew", UnknownNameError, "unknown palette 'blew': the nearest are bluebell, "),
        ("no/such/embr.gpl", PaletteError, "'no/such/embr.gpl': did you mean 'ember'?"),
        (
            "#12345,#123456",
            PaletteError,
            "expected a palette of colours such as #1a2b3c, found '#12345'",
        ),
        ("#123456,", PaletteError, "expected a palette of colours such as #1a2b3c, found ''"),
        ("#123456", PaletteError, "has 1 colour"),
    ],
)
def test_what_is_no_palette(text, error, message):
    with pytest.raises(error) as caught:
        palettes.resolve(text)
    assert message in str(caught.value)


def test_a_name_and_given_colours_are_chosen_without_a_draw():
    rng = rng_for(0, "palettes", 0)
    assert palettes.choose("ember", rng) == palettes.load("ember")
    assert palettes.choose("#0a0b0c,#ffffff", rng).colors == ("#0a0b0c", "#ffffff")
    assert rng.random() == rng_for(0, "palettes", 0).random()


def test_any_is_half_shipped_and_half_random():
    rng = rng_for(0, "palettes", 0)
    chosen = [palettes.choose("any", rng).name for _ in range(1000)]
    assert 420 < chosen.count("random") < 580
    assert set(chosen) == {*palettes._ANY, "random"}


def test_what_any_draws_from_is_as_it_was():
    """Whoever changes one of these palettes, or their list, counts up every family's version."""
    lines = [" ".join((name, *palettes.load(name).colors)) for name in palettes._ANY]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert digest == "4bc90fb5c1564cfe9138e0f2cf4d785142305d0bac6bf58a25a9e4036ce84e70"


def test_random_palettes_have_contrast_and_no_favourite_hue():
    drawn = [palettes.choose("random", rng_for(3, "palettes", i)).colors for i in range(1500)]
    assert len(set(drawn)) == len(drawn)
    assert {len(colors) for colors in drawn} == {4, 5, 6, 7, 8}
    assert min(np.ptp(oklab(colors)[:, 0]) for colors in drawn) > 0.5
    lab = np.concatenate([oklab(colors) for colors in drawn])
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    hue = np.arctan2(lab[:, 2], lab[:, 1]) % (2 * np.pi)
    share = np.histogram(hue[chroma > 0.03], 12, (0, 2 * np.pi))[0] / (chroma > 0.03).sum()
    assert share.min() > 0.7 / 12
    assert share.max() < 1.3 / 12


def test_a_stream_gives_the_same_random_palette():
    one, other = (palettes.random_palette(rng_for(5, "palettes", 1)) for _ in range(2))
    assert one == other
