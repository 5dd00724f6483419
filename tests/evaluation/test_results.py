import dataclasses
import re

from fractalgen.evaluation.report import page
from tests.evaluation.example_results import changed, clean_results, full_results


def line_with(text, start):
    found = [line for line in text.splitlines() if line.strip().startswith(start)]
    assert found, start
    return " ".join(found[0].split())


def test_table_shows_every_figure_with_its_direction_and_settings():
    text = full_results().to_text()
    assert line_with(text, "clean error") == "clean error 7.12% lower is better"
    assert "RMS calibration error, public code 2.14%" in line_with(text, "RMS calibration error, p")
    assert "19.00%" in line_with(text, "mean corruption error ")
    assert "63.40%" in line_with(text, "mean corruption error, AlexNet")
    # Means over severities, by hand.
    assert line_with(text, "gaussian noise") == "gaussian noise 30.0% JPEG compression 8.0%"
    assert "6.00%" in line_with(text, "mean flip rate")
    assert "L-inf 2/255, 20 steps of 0.5/255, 1,000 of 10,000 test images" in text
    assert "41.20%" in line_with(text, "error under PGD")
    assert line_with(text, "AUROC") == "AUROC 97.34% higher is better"
    assert line_with(text, "FPR at 95% recall") == "FPR at 95% recall 9.31% lower is better"
    assert "Natural shift, ImageNet-R (30,000 images of 200 classes)" in text


def test_one_of_something_is_no_plural():
    results = dataclasses.replace(full_results(n=1), n_test=1)
    for key, values in {
        "clean": {"n": 1},
        "corruptions": {"errors": {"fog": (0.1,)}},
        "consistency": {"flip_rates": {"tilt": 0.04}},
        "adversarial": {"steps": 1},
        "natural-shift": {"n": 1, "n_classes": 1},
    }.items():
        results = changed(results, key, **values)
    text = results.to_text()
    assert "(1 image)" in text
    assert "(1 test image, 1 kind, 1 severity)" in text
    assert "(1 test image, 1 kind)" in text
    assert "L-inf 2/255, 1 step of 0.5/255, 1 test image" in text
    assert "(1 image of 1 class)" in text
    assert "1 test image<" in page(results)


def test_table_leaves_out_what_was_not_measured():
    text = clean_results().to_text()
    assert not re.search("corruption|PGD|AUROC|flip|shift| of 10,000", text)


def test_a_limit_is_told_only_where_there_was_one():
    assert "of 10,000 test images" in full_results(n=9_999).to_text()
    assert "of 10,000 test images" not in full_results(n=10_000).to_text()


def test_table_fits_80_columns_of_plain_characters_whatever_the_names():
    results = full_results(dataset="folder:/data/" + "very-long-name/" * 8)
    text = changed(results, "corruptions", source="/published/" + "x" * 150).to_text()
    assert max(map(len, text.splitlines())) <= 80
    assert text.isascii()


def test_repr_shows_the_main_figures():
    text = repr(full_results())
    assert "digits, resnet-8, ipmix, seed 0" in text
    assert line_with(text, "mean corruption error ").endswith("19.00% lower is better")
    assert "gaussian noise" not in text
