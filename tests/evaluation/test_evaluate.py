import dataclasses
import json
import math

import numpy as np
import pytest
from PIL import Image

from fractalgen.evaluation.evaluate import evaluate
from fractalgen.evaluation.options import EvaluationOptions
from fractalgen.evaluation.results_file import read_results
from fractalgen.evaluation.shifts.corruptions import CORRUPTIONS
from fractalgen.evaluation.shifts.perturbations import NOISE, PERTURBATIONS
from fractalgen.training.config import IPMixSettings
from fractalgen.training.errors import RunError, RunUsageError
from tests.evaluation.shades import LEVELS, SIZE, a_run, flat

NOTHING = EvaluationOptions(corruptions=("none",), perturbations="none", ood=("none",), pgd_steps=0)


@pytest.fixture
def run(tmp_path):
    return a_run(tmp_path / "run")


def only(**options):
    return dataclasses.replace(NOTHING, **options)


def another_class(labels, n_wrong):
    """Pictures of these classes but for the first ones, which are of the next class."""
    return flat(np.where(np.arange(len(labels)) < n_wrong, (labels + 1) % 4, labels))


@pytest.fixture
def corrupted_folder(tmp_path, run):
    """At severity s, 2 s of 40 pictures look like another class, or 4 s."""
    folder = tmp_path / "corrupted"
    folder.mkdir()
    labels = run.data.test.labels
    for name, factor in (("sleet", 2), ("drizzle", 4)):
        stacked = [another_class(labels, factor * severity) for severity in range(1, 6)]
        np.save(folder / f"{name}.npy", np.concatenate(stacked))
    return folder


def test_the_clean_figures(run):
    """The network is always right; its confidence is 1 / (1 + e^(-300 d^2) + ...)."""
    results = evaluate(run, NOTHING)
    confidence = []
    for shade in LEVELS / 255:
        weights = np.exp(-300 * (LEVELS / 255 - shade) ** 2)
        confidence.append(1 / weights.sum())
    gap = 1 - np.mean(confidence)
    assert results.clean.error == 0
    assert results.clean.n == 40
    assert results.clean.rms_calibration_error == pytest.approx(gap, abs=1e-5)
    assert sum(b.n for b in results.clean.reliability) == 40
    assert (results.corruptions, results.anomalies, results.natural_shifts) == ((), (), ())
    assert results.consistency is None
    assert results.adversarial is None


def test_errors_on_published_corruptions(run, corrupted_folder):
    (result,) = evaluate(run, only(corruptions=(str(corrupted_folder),))).corruptions
    assert result.source == corrupted_folder.name
    assert result.errors["sleet"] == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.25])
    assert result.errors["drizzle"] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert result.mean_error == pytest.approx((0.15 + 0.3) / 2)
    assert result.normalized_error is None
    assert result.n == 40
    # It is as sure of the wrong answers: in bins of 100, of all 400.
    assert 0.15 < result.rms_calibration_error < 0.35


def test_flips_on_published_sequences(tmp_path, run):
    """Of four frames the third is of another class: two flips of three, and one of three from
    the first frame on."""
    labels = run.data.test.labels
    frames = np.stack([flat(labels), flat(labels), flat((labels + 1) % 4), flat(labels)], axis=1)
    folder = tmp_path / "perturbed"
    folder.mkdir()
    for name in PERTURBATIONS:
        np.save(folder / f"{name}.npy", frames)
    result = evaluate(run, only(perturbations=str(folder), batch_size=7)).consistency
    for name, rate in result.flip_rates.items():
        assert rate == pytest.approx(1 / 3 if name in NOISE else 2 / 3)
    assert result.mean_flip_rate == pytest.approx((2 * 1 / 3 + 8 * 2 / 3) / 10)
    assert result.n == 40


@pytest.mark.parametrize(("epsilon", "error"), [(20.0, 0.0), (40.0, 1.0)])
def test_the_attack_crosses_half_the_way_to_the_next_shade(run, epsilon, error):
    """Shades are 60 levels apart, so that a change by less than 30 changes no answer."""
    result = evaluate(run, only(pgd_steps=10, pgd_epsilon=epsilon)).adversarial
    assert result.error == error
    assert (result.norm, result.steps, result.n) == ("linf", 10, 40)
    assert result.epsilon == pytest.approx(epsilon / 255)
    assert result.step_size == pytest.approx(epsilon / 255 / 4)


@pytest.fixture
def between(tmp_path):
    """Pictures half way between two shades, which no class claims."""
    folder = tmp_path / "between"
    folder.mkdir()
    for i, level in enumerate([60, 120, 180, 60, 120, 180, 60, 120, 180, 60]):
        Image.new("RGB", (SIZE, SIZE), (level,) * 3).save(folder / f"{i}.png")
    return folder


def test_unknown_pictures_of_which_the_network_is_less_sure(run, between):
    (result,) = evaluate(run, only(ood=(str(between),))).anomalies
    assert (result.auroc, result.aupr, result.fpr95) == (1, 1, 0)
    assert (result.n_known, result.n_unknown) == (40, 8)


@pytest.fixture
def elsewhere(tmp_path):
    """Pictures of two of the classes; half of "light" is nearer to "white", and one black."""
    folder = tmp_path / "elsewhere"
    for name, levels in (("light", [150, 150, 190, 30]), ("white", [255, 220])):
        (folder / name).mkdir(parents=True)
        for i, level in enumerate(levels):
            Image.new("RGB", (SIZE, SIZE), (level,) * 3).save(folder / name / f"{i}.png")
    return folder


def test_natural_shifts_among_the_classes_that_a_folder_has(run, elsewhere):
    """Black is nearer to light than to white, so that it counts as right among those two."""
    (result,) = evaluate(run, only(shifted=(elsewhere,))).natural_shifts
    assert result.error == pytest.approx(1 / 6)
    assert (result.n_classes, result.n) == (2, 6)


def test_imagenet_o_compares_with_the_classes_that_its_folders_name(run, elsewhere):
    (result,) = evaluate(run, only(imagenet_o=elsewhere)).anomalies
    assert result.n_known == 20
    assert result.n_unknown == 6
    (limited,) = evaluate(run, only(imagenet_o=elsewhere, limit=4)).anomalies
    assert limited.n_unknown == 4


def test_a_limit_takes_the_same_pictures_everywhere_but_leaves_the_clean_error(
    run, corrupted_folder
):
    options = only(corruptions=(str(corrupted_folder),), pgd_steps=1, pgd_epsilon=0, limit=10)
    results = evaluate(run, options)
    chosen = options.chosen(40)
    assert results.clean.n == 40
    assert results.adversarial.n == 10
    (result,) = results.corruptions
    assert result.n == 10
    for severity, error in enumerate(result.errors["drizzle"], 1):
        assert error == pytest.approx(np.mean(chosen < 4 * severity))


def test_chosen_pictures_are_among_those_of_a_greater_limit():
    few, many = (only(limit=limit).chosen(100) for limit in (7, 30))
    assert set(few) < set(many)
    assert (np.diff(many) > 0).all()
    np.testing.assert_array_equal(only(limit=300).chosen(100), np.arange(100))
    assert set(only(limit=7, seed=1).chosen(100)) != set(few)


def test_everything_made_here_and_made_again(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    told = []
    options = EvaluationOptions(limit=4, pgd_steps=2, batch_size=64)
    results = evaluate(run, options, progress=lambda *report: told.append(report))
    (corruptions,) = results.corruptions
    assert tuple(corruptions.errors) == CORRUPTIONS
    assert corruptions.source == results.consistency.source == "generated"
    assert tuple(results.consistency.flip_rates) == PERTURBATIONS
    assert [result.source for result in results.anomalies] == ["noise"]
    assert results.versions["imagecorruptions-imaug"]
    again = evaluate(run, dataclasses.replace(options, batch_size=3))
    assert again.corruptions[0].errors == corruptions.errors
    assert again.consistency == results.consistency
    assert again.anomalies[0].auroc == results.anomalies[0].auroc

    assert {"test pictures", "making fog", "fog", "tilt sequences"} < {what for what, *_ in told}
    for what, done, total in told:
        assert 0 < done <= total, what


def test_files_in_the_runs_folder(run, corrupted_folder):
    results = evaluate(run, only(corruptions=(str(corrupted_folder),), pgd_steps=1))
    assert read_results(run.folder) == results
    page = (run.folder / "report.html").read_text()
    assert "drizzle" in page
    assert page.count("<img") >= 2 + 6  # a picture of each corruption, and of training
    assert sorted(path.name for path in run.folder.iterdir()) == ["metrics.json", "report.html"]


def test_the_page_shows_the_set_and_the_views_of_a_run_that_had_one(run, between):
    """Ten pictures of the set, and six training pictures with five views of each."""
    mixed = dataclasses.replace(
        run,
        config=dataclasses.replace(run.config, method="ipmix", ipmix=IPMixSettings()),
        set_folder=between,
    )
    results = evaluate(mixed, only(ood=None))
    assert [result.source for result in results.anomalies] == ["noise", "fractals"]
    assert (run.folder / "report.html").read_text().count("<img") == 10 + 6 * (1 + 5)
    for path in between.iterdir():
        path.unlink()
    evaluate(mixed, NOTHING)
    assert (run.folder / "report.html").read_text().count("<img") == 6


def test_what_fails_does_not_lose_what_was_measured_before(run, corrupted_folder, elsewhere):
    evaluate(run, only(pgd_steps=1))
    broken = elsewhere / "white" / "0.png"
    broken.write_bytes(broken.read_bytes()[:40])
    options = only(corruptions=(str(corrupted_folder),), shifted=(elsewhere,))
    with pytest.raises(RunError, match=r"white.0\.png"):
        evaluate(run, options)
    kept = read_results(run.folder)
    assert kept.corruptions[0].mean_error == pytest.approx(0.225)
    assert kept.adversarial is None
    assert "drizzle" in (run.folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"corruptions": ("nowhere",)}, "nowhere does not exist"),
        ({"perturbations": "nowhere"}, "nowhere does not exist"),
        ({"ood": ("nois",)}, "did you mean 'noise'"),
        ({"ood": ("fractals",)}, "--set"),
        ({"ood": ("shades",)}, "knows shades"),
        ({"shifted": ("elsewhere-not",)}, "does not exist"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_measured(run, tmp_path, wrong, reason):
    wrong = {
        key: tuple(tmp_path / name for name in value) if key == "shifted" else value
        for key, value in wrong.items()
    }
    told = []
    with pytest.raises(RunError, match=reason):
        evaluate(run, only(**wrong), progress=lambda *report: told.append(report))
    assert told == []
    assert list(run.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"pgd_norm": "l1"}, "no norm is called 'l1'"),
        ({"pgd_steps": -1}, "number of PGD steps must be 0 or more, not -1"),
        ({"pgd_epsilon": math.nan}, "epsilon must be 0 or more"),
        ({"limit": 0}, "limit must be 1 or more"),
        ({"batch_size": 0}, "batch size must be 1 or more"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"corruptions": ("none", "generate")}, "none does not go together with --corruptions gen"),
        ({"ood": ("noise", "noise")}, "--ood noise is given twice"),
    ],
)
def test_options_that_cannot_be(wrong, reason):
    with pytest.raises(RunUsageError, match=reason):
        EvaluationOptions(**wrong)


def test_the_networks_mode_and_the_json_are_plain(run):
    run.model.train()
    results = evaluate(run, only(pgd_steps=1))
    assert run.model.training
    assert json.loads(json.dumps(results.as_json(), allow_nan=False))["config"]["dataset"] == (
        "shades"
    )
