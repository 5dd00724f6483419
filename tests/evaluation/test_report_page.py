import base64
import dataclasses
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from fractalgen.evaluation.metrics.calibration import CalibrationBin
from fractalgen.evaluation.report import Samples, environment, page, scale_top
from tests.evaluation.example_results import changed, clean_results, full_results, samples

VOID = {"meta", "link", "img", "br"}


class Reader(HTMLParser):
    """Keeps the text, the images and the rectangles of a page; every tag must be closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.images, self.rectangles = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        if tag == "rect":
            self.rectangles.append(dict(attrs))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(" ".join(data.split()))

    def words(self):
        return " ".join(filter(None, self.text))


def macro(template, name):
    return getattr(environment().get_template(f"{template}.html").module, name)


def pixels(element):
    kind, data = re.fullmatch(r"data:image/(png|jpeg);base64,(.+)", element["src"]).groups()
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.format.lower() == kind
    return np.asarray(image)


def test_page_holds_the_figures_and_where_they_come_from():
    words = Reader(page(full_results(), samples())).words()
    for text in (
        "Digits , ResNet-8 , IPMix",
        "Seed 0, last checkpoint, epoch 12",
        "41.20% lower is better",
        "97.34% higher is better",
        "L-inf 2/255, 20 steps of 0.5/255, 1,000 of 10,000 test images",
        "gaussian noise 30.0%",
        "gaussian noise 10.0% 20.0% 30.0% 40.0% 50.0% 30.0%",
        "checkpoint sha256 " + "5f2b" * 16,
        "mixing set digest " + "a3c9" * 16,
        "ipmix levels image, patch",
        "torch 2.14.0",
        # (10 x 0.5 + 30 x 0.99) / 40 and (10 x 0.25 + 30 x 0.95) / 40
        "the model is 86.8% sure and 77.5% right",
    ):
        assert text in words


def test_page_leaves_out_what_was_not_measured():
    words = Reader(page(clean_results())).words()
    assert "Calibration" in words
    assert not re.search(r"orruption|PGD|AUROC|Flip|Natural|Mistakes|The mixing set|Views", words)


def test_two_headline_figures_of_one_name_are_told_apart():
    results = full_results()
    (generated,) = results.entries["corruptions"]
    published = dataclasses.replace(generated, source="CIFAR-10-C")
    both = {**results.entries, "corruptions": (published, generated)}
    name = "<dt>mean corruption error"
    assert f"{name}</dt>" in page(results)
    text = page(dataclasses.replace(results, entries=both))
    assert re.findall(f"{name}<small>(.*?)</small></dt>", text) == ["CIFAR-10-C", "generated"]


def test_images_are_the_samples_themselves():
    shown = samples(size=28)
    found = {
        element["alt"]: pixels(element) for element in Reader(page(full_results(), shown)).images
    }
    assert len(found) == 8 + 2 + 6 + 2 + 2
    np.testing.assert_array_equal(found["Training image 2"], shown.training_images[1].image)
    np.testing.assert_array_equal(
        found["View 3 of training image 1"], shown.training_images[0].views[2]
    )
    np.testing.assert_array_equal(
        found["JPEG compression, severity 3"],
        shown.of_sections["corruptions:generated"]["jpeg_compression"],
    )
    np.testing.assert_array_equal(found["Test image, <1> & 7"], shown.mistakes[1].image)


@pytest.mark.parametrize(("size", "side"), [(8, 64), (28, 56), (32, 64), (36, 72), (224, 72)])
def test_small_images_are_enlarged_a_whole_number_of_times(size, side):
    element = Reader(page(clean_results(), Samples([np.zeros((size, size, 3), np.uint8)]))).images[
        0
    ]
    assert (element["width"], element["height"]) == (str(side), str(side))
    assert pixels(element).shape == (size, size, 3)


def test_corrupted_images_stand_beside_the_figures_of_their_source():
    """Both results have the same corruptions, and of the first there are no images."""
    results = full_results()
    (generated,) = results.entries["corruptions"]
    published = dataclasses.replace(generated, source="CIFAR-10-C")
    both = {**results.entries, "corruptions": (published, generated)}
    text = page(dataclasses.replace(results, entries=both), samples())
    start = text.index("Error by corruption, CIFAR-10-C")
    middle = text.index("Error by corruption, generated")
    assert text[start:middle].count("<img") == 0
    assert text[middle:].count('severity 3"') == 2


def test_names_are_text_and_not_markup():
    name = 'folder:<img src=x onerror=alert(1)>&"amp;'
    results = dataclasses.replace(full_results(dataset=name), run="<script>")
    text = page(changed(results, "corruptions", source="<b>published"))
    reader = Reader(text)
    assert reader.images == []
    assert name in reader.words()
    assert "<script" not in text
    assert "<b>" not in text


def test_page_fetches_nothing():
    text = page(full_results(), samples())
    assert set(re.findall(r'(?:src|href)="([^:"]*:)', text)) == {"data:"}
    assert not re.search(r"https?://|@import|url\(|<script", text)


def test_bars_are_as_high_as_the_errors():
    reader = Reader(
        macro("corruptions", "severity_bars")((0.1, 0.2, 0.4), clean_error=0.1, top=0.4)
    )
    assert [float(bar["height"]) for bar in reader.rectangles] == pytest.approx([12, 24, 48])
    assert all(
        float(bar["y"]) + float(bar["height"]) == pytest.approx(48) for bar in reader.rectangles
    )


@pytest.mark.parametrize(
    ("values", "top"), [((0.3,), 0.3), ((0.31, 0.2), 0.4), ((0.0,), 0.1), ((1.0,), 1.0), ((), 0.1)]
)
def test_the_scale_ends_at_a_round_number(values, top):
    assert scale_top(values) == pytest.approx(top)


def test_reliability_diagram_puts_each_bin_at_its_confidence():
    # Bins 0, 7 and 14 of fifteen, a plot 300 wide from 44 on; 1 is left free on each side.
    bins = [CalibrationBin(0.02, 0.0, 5), CalibrationBin(0.5, 0.5, 5), CalibrationBin(1.0, 1.0, 10)]
    accuracy, counts = np.split(
        np.array(Reader(macro("clean", "reliability_diagram")(bins)).rectangles), 2
    )
    assert [float(bar["x"]) for bar in accuracy] == [45, 185, 325]
    assert [float(bar["height"]) for bar in accuracy] == [0, 150, 300]
    assert [float(bar["height"]) for bar in counts] == [28, 28, 56]
