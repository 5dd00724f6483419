"""The page as Chromium shows it."""

import shutil

import pytest

from fractalgen.evaluation.report import page
from tests.evaluation.example_results import clean_results, full_results, samples

playwright = pytest.importorskip("playwright.sync_api")
chromium = shutil.which("chromium")
pytestmark = pytest.mark.skipif(chromium is None, reason="needs chromium")

FLAGS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT = 300_000  # milliseconds, for a busy machine

# The relative luminance and contrast of the Web Content Accessibility Guidelines.
LEAST_CONTRAST = """() => {
  const luminance = color => {
    const [r, g, b] = color.match(/\\d+/g).map(Number).map(value => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = luminance(getComputedStyle(document.body).backgroundColor);
  const texts = [...document.querySelectorAll("h1, p, dt, dd, th, td, small, text")];
  return Math.min(...texts.map(one => {
    const style = getComputedStyle(one);
    const ink = luminance(one.tagName === "text" ? style.fill : style.color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  }));
}"""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS, timeout=TIMEOUT)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    long = full_results(dataset="folder:/data/" + "x" * 120)
    pages = {
        "full": page(full_results(), samples()),
        "long": page(long, samples(size=224)),
        "clean": page(clean_results()),
    }
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["full", "long", "clean"])
def test_page_in_a_browser(browser, files, name):
    complaints, requests = [], []
    view = browser.new_page(viewport={"width": 1280, "height": 800})
    view.set_default_timeout(TIMEOUT)
    view.on("console", lambda message: complaints.append(message.text))
    view.on("pageerror", lambda error: complaints.append(str(error)))
    view.on("request", lambda request: requests.append(request.url))
    address = (files / f"{name}.html").as_uri()
    view.goto(address)
    backgrounds = set()
    for width in (1280, 360):
        view.set_viewport_size({"width": width, "height": 800})
        for scheme in ("light", "dark"):
            view.emulate_media(color_scheme=scheme)
            assert view.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
            assert view.evaluate(LEAST_CONTRAST) >= 4.5
            backgrounds.add(view.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2
    assert view.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    assert view.evaluate("document.images.length") == (0 if name == "clean" else 20)
    assert complaints == []
    assert {request for request in requests if not request.startswith("data:")} == {address}
    view.close()
