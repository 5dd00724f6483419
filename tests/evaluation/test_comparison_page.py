"""The comparison's page, as text and as Chromium shows it."""

import re
import shutil

import pytest

from fractalgen.evaluation.compare import compare
from fractalgen.evaluation.report.comparison import comparison_page
from tests.evaluation.example_results import clean_results, full_results
from tests.evaluation.test_report_in_browser import FLAGS, LEAST_CONTRAST

playwright = pytest.importorskip("playwright.sync_api")
chromium = shutil.which("chromium")

BACKGROUND = "getComputedStyle(document.body).backgroundColor"

# How much of a wide table is hidden, and how far the names of its rows move if it is scrolled.
SCROLLED = """() => {
  const table = document.querySelector(".scroll");
  table.scrollLeft = 1e6;
  const left = one => one.getBoundingClientRect().left;
  return [table.scrollLeft, left(table.querySelector("th[scope=row]")) - left(table)];
}"""

# A mean of 10%, with a deviation of 10% / sqrt(2).
SEEDS = {
    f"runs/a{seed}": clean_results(error, seed=seed) for seed, error in enumerate((0.05, 0.15))
}
VANILLA = {"runs/v": clean_results(0.2, method="vanilla")}


def test_bars_and_error_bars_are_as_long_as_the_figures():
    text = comparison_page(compare({**SEEDS, **VANILLA}))
    first = text[text.index("clean error") :]
    widths = re.findall(r'<rect( class="count")? x="0" y="0" width="([\d.]+)"', first)[:2]
    # The longest, vanilla's 20%, fills the chart; the best is in the accent's colour.
    assert widths == [("", "50.00"), (' class="count"', "100.00")]
    low, high = 50 - 50 / 2**0.5, 50 + 50 / 2**0.5
    assert f'd="M{low:.2f} 5H{high:.2f}M' in first
    assert text.count('class="deviation"') < text.count("<rect")


def test_names_are_escaped_and_failures_shown():
    results = {"r": clean_results(dataset="folder:<script>&")}
    text = comparison_page(compare(results), failures={"x<y": "not <b>found</b>"})
    assert "<script>" not in text
    assert "folder:&lt;script&gt;&amp;" in text
    assert "not &lt;b&gt;found&lt;/b&gt;" in text
    assert "x&lt;y" in text
    assert "no results" in comparison_page(None, failures={"x": "y"})


def test_bars_have_the_names_of_the_methods_that_were_asked_for():
    comparison = compare({**SEEDS, **VANILLA})
    text = comparison_page(comparison, names={"runs/a0": "ours & more"})
    labels = re.findall(r'aria-label="([^":]*): ', text)
    assert set(labels) == {"ours &amp; more", "vanilla"}


def test_names_of_several_methods_break_between_them():
    text = comparison_page(compare({"r": clean_results(method="augmix+mix<up")}))
    assert '<th scope="row">augmix+<wbr>mix&lt;up</th>' in text
    assert 'aria-label="augmix+mix&lt;up: ' in text


@pytest.mark.skipif(chromium is None, reason="needs chromium")
def test_page_in_a_browser(tmp_path):
    long = {"long": full_results(dataset="folder:/data/" + "x" * 120, method="vanilla")}
    pages = {
        "seeds": comparison_page(compare({**SEEDS, **VANILLA})),
        "full": comparison_page(
            compare({"a": full_results(), **long}), failures={"b": "lost " * 40}
        ),
        "nothing": comparison_page(None, failures={"b": "lost"}),
    }
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        view = browser.new_page()
        complaints, requests = [], []
        view.on("console", lambda message: complaints.append(message.text))
        view.on("pageerror", lambda error: complaints.append(str(error)))
        view.on("request", lambda request: requests.append(request.url))
        for name, text in pages.items():
            file = tmp_path / f"{name}.html"
            file.write_text(text, encoding="utf-8")
            view.goto(file.as_uri())
            backgrounds = set()
            for width in (1280, 360):
                view.set_viewport_size({"width": width, "height": 800})
                for scheme in ("light", "dark"):
                    view.emulate_media(color_scheme=scheme)
                    assert view.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
                    assert view.evaluate(LEAST_CONTRAST) >= 4.5
                    backgrounds.add(
                        view.evaluate("getComputedStyle(document.body).backgroundColor")
                    )
            assert len(backgrounds) == 2
        view.goto((tmp_path / "seeds.html").as_uri())
        bar, chart, whisker = (
            view.evaluate(f"document.querySelector('{what}').getBoundingClientRect().width")
            for what in (".compared rect", ".compared svg", ".compared .deviation")
        )
        assert bar / chart == pytest.approx(0.5, abs=0.01)
        assert whisker / chart == pytest.approx(1 / 2**0.5, abs=0.02)
        view.goto((tmp_path / "full.html").as_uri())
        hidden, moved = view.evaluate(SCROLLED)
        assert hidden > 0
        assert moved == pytest.approx(0, abs=0.5)
        browser.close()
    assert complaints == []
    assert {one for one in requests if not one.startswith(("data:", "file:"))} == set()
