"""The gallery as Chromium shows it, from disk."""

import shutil

import numpy as np
import pytest
from PIL import Image

from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.viewing.gallery import gallery
from tests.evaluation.test_report_in_browser import FLAGS, LEAST_CONTRAST, TIMEOUT

playwright = pytest.importorskip("playwright.sync_api")
chromium = shutil.which("chromium")
pytestmark = pytest.mark.skipif(chromium is None, reason="needs chromium")

N = 4 + 250 + 6 + 1
# The page hears of a scroll before one frame, and draws before the next.
TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS, timeout=TIMEOUT)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    families = (
        FamilyRecipe.of("escape-time", 4, palette="agate"),
        FamilyRecipe.of("ifs", 250),
        FamilyRecipe.of("features", 6),
    )
    (folder / "mine").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "mine" / "photo.png")
    build(
        Recipe(32, 0, "jpeg", families), folder / "a set", collected={"extra": str(folder / "mine")}
    )
    gallery(folder / "a set", folder / "out")
    gallery(folder / "a set", folder / "one.html", single_file=True)
    return {"folder": folder / "out" / "index.html", "file": folder / "one.html"}


@pytest.fixture(params=[(1280, "folder"), (360, "folder"), (360, "file")], ids=str)
def view(request, browser, pages):
    width, kind = request.param
    complaints = []
    view = browser.new_page(viewport={"width": width, "height": 740})
    view.kind = kind
    view.set_default_timeout(TIMEOUT)
    view.on("console", lambda message: complaints.append(message.text))
    view.on("pageerror", lambda error: complaints.append(str(error)))
    view.goto(pages[kind].as_uri())
    yield view
    assert complaints == []
    view.close()


def names(view):
    return view.eval_on_selector_all(".cell", "cells => cells.map(cell => cell.title)")


def test_layout(view):
    backgrounds = set()
    for scheme in ("light", "dark"):
        view.emulate_media(color_scheme=scheme)
        assert view.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        assert view.evaluate(LEAST_CONTRAST) >= 4.5
        backgrounds.add(view.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2
    assert view.inner_text("#count") == f"{N} images"
    assert len(names(view)) < 150
    labels = view.eval_on_selector_all(".cell", "cells => cells.map(cell => cell.ariaLabel)")
    assert labels[0].startswith("escape-time 000000, mostly ")
    assert labels[0].endswith("palette: agate")


def test_scrolling_shows_every_image_once(view):
    seen = {}
    height = view.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 300):
        view.evaluate(f"scrollTo(0, {top})")
        view.evaluate(TWO_FRAMES)
        places = view.eval_on_selector_all(
            ".cell", "cells => cells.map(cell => [cell.title, cell.style.left, cell.style.top])"
        )
        for name, *place in places:
            assert seen.setdefault(name, place) == place
    assert len(seen) == N
    assert len({tuple(place) for place in seen.values()}) == N


def test_filters(view):
    view.select_option("#family", "features")
    assert names(view) == [f"features {index:06d}" for index in range(6)]
    view.fill("#index", "2-4")
    assert view.inner_text("#count") == f"3 of {N} images"
    view.fill("#index", "nonsense")
    assert view.is_visible("#nothing")
    assert names(view) == []
    view.click("#clear")
    assert view.inner_text("#count") == f"{N} images"
    (agate,) = (text for text in view.inner_text("#palette").split("\n") if "agate" in text)
    view.select_option("#palette", label=agate.strip())
    number = agate.strip().removeprefix("agate (").removesuffix(")")
    assert view.inner_text("#count") == f"{number} of {N} images"
    assert names(view)[:4] == [f"escape-time {index:06d}" for index in range(4)]
    view.click("#clear")
    view.fill("#index", "3")
    assert names(view) == ["escape-time 000003", "ifs 000003", "features 000003"]
    view.click("#clear")
    bar = view.locator("[data-key=hue] button:enabled").first
    number = bar.get_attribute("aria-label").split(": ")[1].split()[0]
    bar.click()
    assert view.inner_text("#count") == f"{number} of {N} images"
    assert bar.get_attribute("aria-pressed") == "true"
    bar.click()
    assert view.inner_text("#count") == f"{N} images"


def test_the_large_view(view):
    view.locator(".cell").nth(2).click()
    assert view.inner_text("#name") == "escape-time 000002"
    view.wait_for_function("document.getElementById('params').textContent.includes('formula')")
    if view.kind == "folder":
        view.wait_for_function("document.getElementById('large').naturalWidth === 32")
        assert view.get_attribute("#large", "alt").startswith("escape-time 000002, mostly ")
    else:
        assert view.locator("#frame").get_attribute("role") == "img"
        assert view.inner_text("#note") == "This file holds thumbnails only."
    assert view.inner_text("#colors").count("agate") == 2
    view.fill("#size", "2048")
    command = view.inner_text("#command")
    assert command.startswith("fractalgen render '")
    assert command.endswith("a set'/escape-time/000002.jpg --size 2048")
    assert view.evaluate("view.scrollWidth <= view.clientWidth")
    view.click("#next")
    view.click("#next")
    assert view.inner_text("#name") == "ifs 000000"
    assert view.evaluate("location.hash") == "#ifs/0"
    view.click("#close")
    assert not view.is_visible("#view")
    view.wait_for_function("location.hash === ''")
    view.evaluate("location.hash = '#features/5'")
    view.wait_for_selector("#view")
    assert view.inner_text("#name") == "features 000005"


def test_a_collected_image(view):
    view.select_option("#family", "extra")
    view.locator(".cell").click()
    view.wait_for_function("document.getElementById('facts').textContent.includes('photo.png')")
    assert not view.is_visible("#redraw")
    assert not view.is_visible("#recorded")


def test_keyboard(view):
    focused = "document.activeElement.title"
    view.keyboard.press("/")
    assert view.evaluate("document.activeElement.id") == "index"
    view.locator(".cell").first.focus()
    view.keyboard.press("ArrowRight")
    assert view.evaluate(focused) == "escape-time 000001"
    view.keyboard.press("ArrowDown")
    below = view.evaluate(focused)
    view.keyboard.press("ArrowUp")
    assert (view.evaluate(focused), below == "escape-time 000001") == ("escape-time 000001", False)
    view.keyboard.press("End")
    assert view.evaluate(focused) == "extra 000000"
    assert view.evaluate("document.activeElement.getBoundingClientRect().bottom <= innerHeight")
    view.keyboard.press("Home")
    view.keyboard.press("Enter")
    assert view.inner_text("#name") == "escape-time 000000"
    view.keyboard.press("ArrowLeft")
    assert view.inner_text("#name") == "escape-time 000000"
    view.keyboard.press("ArrowRight")
    view.keyboard.press("ArrowRight")
    assert view.inner_text("#name") == "escape-time 000002"
    view.keyboard.press("Escape")
    assert not view.is_visible("#view")
    view.wait_for_function(f"{focused} === 'escape-time 000002'")
    assert view.eval_on_selector_all(".cell[tabindex='0']", "cells => cells.length") == 1


def test_a_gallery_without_its_set(browser, pages, tmp_path):
    shutil.copytree(pages["folder"].parent, tmp_path / "a" / "b")
    shutil.rmtree(tmp_path / "a/b/records")
    view = browser.new_page()
    view.set_default_timeout(TIMEOUT)
    view.goto((tmp_path / "a/b/index.html").as_uri() + "#ifs/7")
    view.wait_for_function("document.getElementById('note').textContent.includes('thumbnail')")
    assert "records/0000.js is missing" in view.inner_text("#params")
    view.close()
