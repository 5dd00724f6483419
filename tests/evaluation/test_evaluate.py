import dataclasses
import json
import math
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from fractalgen.bank.folder import content_key, list_images
from fractalgen.errors import RunError, RunUsageError
from fractalgen.evaluation.corruptions.common import COMMON, CORRUPTIONS
from fractalgen.evaluation.corruptions.perturbations import NOISE, PERTURBATIONS
from fractalgen.evaluation.evaluate import evaluate
from fractalgen.evaluation.evaluated_model import EvaluatedModel
from fractalgen.evaluation.measurements.measurement import folder_names
from fractalgen.evaluation.metrics.classification import ALEXNET_CORRUPTION_ERRORS
from fractalgen.evaluation.metrics_file import read_results
from fractalgen.methods.ipmix import IPMixMethod
from fractalgen.seeding import rng_for
from fractalgen.training.datasets.in_memory import InMemoryImages
from tests.evaluation.shades import LEVELS, MEAN, SIZE, STD, NearestShade, a_run, flat

NOTHING = {"corruptions": "none", "perturbations": "none", "ood": "none", "pgd_steps": 0}


@pytest.fixture
def run(tmp_path):
    return a_run(tmp_path / "run")


def only(**options):
    return {**NOTHING, **options}


def another_class(labels, n_wrong):
    """Images of these classes but for the first ones, which are of the next class."""
    return flat(np.where(np.arange(len(labels)) < n_wrong, (labels + 1) % 4, labels))


@pytest.fixture
def corrupted_folder(tmp_path, run):
    """At severity s, 2 s of 40 images look like another class, or 4 s."""
    folder = tmp_path / "corrupted"
    folder.mkdir()
    labels = run.data.test.labels
    for name, factor in (("sleet", 2), ("drizzle", 4)):
        stacked = [another_class(labels, factor * severity) for severity in range(1, 6)]
        np.save(folder / f"{name}.npy", np.concatenate(stacked))
    return folder


def test_the_clean_figures(run):
    """The network is always right; its confidence is 1 / (1 + e^(-300 d^2) + ...)."""
    results = evaluate(run, **NOTHING)
    confidence = []
    for shade in LEVELS / 255:
        weights = np.exp(-300 * (LEVELS / 255 - shade) ** 2)
        confidence.append(1 / weights.sum())
    gap = 1 - np.mean(confidence)
    assert results.entries["clean"][0].error == 0
    assert results.entries["clean"][0].n == 40
    assert results.entries["clean"][0].rms_calibration_error == pytest.approx(gap, abs=1e-5)
    assert sum(b.n for b in results.entries["clean"][0].reliability) == 40
    assert results.entries["clean"][0].expected_calibration_error == pytest.approx(gap, abs=1e-5)
    assert results.entries["clean"][0].area_under_risk_coverage == 0
    assert list(results.entries) == ["clean", "classes"]


def test_errors_by_class(run):
    """Five of the ten images of class 1 look like class 2, and one of class 0 like class 1."""
    labels = run.data.test.labels
    looks = labels.copy()
    looks[np.flatnonzero(labels == 1)[:5]] = 2
    looks[np.flatnonzero(labels == 0)[0]] = 1
    test = InMemoryImages(flat(looks), labels, size=SIZE, padding=1, mirror=True)
    changed = dataclasses.replace(run, data=dataclasses.replace(run.data, test=test))
    (found,) = evaluate(changed, **NOTHING).entries["classes"]
    assert found.errors == pytest.approx({"black": 0.1, "dark": 0.5, "light": 0, "white": 0})
    assert found.confusion["dark"] == (0, 5, 5, 0)
    assert (found.mistakes[0].label, found.mistakes[0].prediction) == ("dark", "light")
    assert [one.n for one in found.mistakes] == [5, 1]


def test_the_temperature_is_fitted_on_images_that_were_held_out(run):
    """Half of the held-out images look like another class, so the network is far too certain."""
    labels = np.arange(40) % 4
    held = InMemoryImages(another_class(labels, 20), labels, size=SIZE, padding=1, mirror=True)
    changed = dataclasses.replace(run, data=dataclasses.replace(run.data, validation=held))
    results = evaluate(changed, **NOTHING)
    (found,) = results.entries["temperature"]
    assert found.temperature > 2
    assert (found.n, found.n_held_out) == (40, 40)
    # All test images are right, so less confidence is worse calibrated there.
    assert found.expected_calibration_error > results.entries["clean"][0].expected_calibration_error


def test_measures_on_the_images_that_were_held_out(run):
    labels = np.arange(8) % 4
    held = InMemoryImages(another_class(labels, 2), labels, size=SIZE, padding=1, mirror=True)
    changed = dataclasses.replace(run, data=dataclasses.replace(run.data, validation=held))
    results = evaluate(changed, images="validation", **NOTHING)
    assert (results.n_test, results.entries["clean"][0].error) == (8, 0.25)
    assert "temperature" not in results.entries
    kept = []
    evaluate(changed, tell=kept.append, **NOTHING)
    assert "of the validation images" in kept[0]
    assert (run.folder / "metrics-last-all-0-validation.json").is_file()


def test_nothing_was_held_out(run):
    with pytest.raises(RunUsageError, match="--hold-out"):
        evaluate(run, images="validation", **NOTHING)


def test_autoattack_crosses_to_the_next_shade(run):
    pytest.importorskip("pyautoattack")
    options = only(autoattack="linf", autoattack_epsilon=31.0)
    (found,) = evaluate(run, limit=8, **options).entries["autoattack"]
    assert (found.error, found.n) == (1, 8)


def test_errors_on_published_corruptions(run, corrupted_folder):
    (result,) = evaluate(run, **only(corruptions=(str(corrupted_folder),))).entries["corruptions"]
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
    result = evaluate(run, **only(perturbations=str(folder), batch_size=7)).entries["consistency"][
        0
    ]
    for name, rate in result.flip_rates.items():
        assert rate == pytest.approx(1 / 3 if name in NOISE else 2 / 3)
    assert result.mean_flip_rate == pytest.approx((2 * 1 / 3 + 8 * 2 / 3) / 10)
    assert result.n == 40


@pytest.mark.parametrize(("epsilon", "error"), [(20.0, 0.0), (40.0, 1.0)])
def test_the_attack_crosses_half_the_way_to_the_next_shade(run, epsilon, error):
    """Shades are 60 levels apart, so that a change by less than 30 changes no answer."""
    result = evaluate(run, **only(pgd_steps=10, pgd_epsilon=epsilon)).entries["adversarial"][0]
    assert result.error == error
    assert (result.norm, result.steps, result.n) == ("linf", 10, 40)
    assert result.epsilon == pytest.approx(epsilon / 255)
    assert result.step_size == pytest.approx(epsilon / 255 / 4)


@pytest.fixture
def between(tmp_path):
    """Images half way between two shades, which no class claims."""
    folder = tmp_path / "between"
    folder.mkdir()
    for i, level in enumerate([60, 120, 180, 60, 120, 180, 60, 120, 180, 60]):
        Image.new("RGB", (SIZE, SIZE), (level,) * 3).save(folder / f"{i}.png")
    return folder


def test_ood_images_of_which_the_network_is_less_sure(run, between):
    (result,) = evaluate(run, **only(ood=(str(between),))).entries["ood"]
    assert (result.auroc, result.aupr, result.fpr95) == pytest.approx((1, 1, 0))
    assert (result.n_test, result.n_ood) == (40, 8)


@pytest.fixture
def elsewhere(tmp_path):
    """Images of two of the classes; half of "light" is nearer to "white", and one black."""
    folder = tmp_path / "elsewhere"
    for name, levels in (("light", [150, 150, 190, 30]), ("white", [255, 220])):
        (folder / name).mkdir(parents=True)
        for i, level in enumerate(levels):
            Image.new("RGB", (SIZE, SIZE), (level,) * 3).save(folder / name / f"{i}.png")
    return folder


def test_natural_shift_among_the_classes_that_a_folder_has(run, elsewhere):
    """Black is nearer to light than to white, so that it counts as right among those two."""
    (result,) = evaluate(run, **only(natural_shift=(elsewhere,))).entries["natural-shift"]
    assert result.error == pytest.approx(1 / 6)
    assert (result.n_classes, result.n) == (2, 6)


def test_imagenet_o_compares_with_the_classes_that_its_folders_name(run, elsewhere):
    (result,) = evaluate(run, **only(imagenet_o=elsewhere)).entries["ood"]
    assert result.n_test == 20
    assert result.n_ood == 6
    (limited,) = evaluate(run, **only(imagenet_o=elsewhere, limit=4)).entries["ood"]
    assert limited.n_ood == 4


def test_a_limit_takes_the_same_images_everywhere_but_leaves_the_clean_error(run, corrupted_folder):
    options = only(corruptions=(str(corrupted_folder),), pgd_steps=1, pgd_epsilon=0, limit=10)
    results = evaluate(run, **options)
    chosen = np.sort(rng_for(0, "evaluated images", 0).permutation(40)[:10])
    assert results.entries["clean"][0].n == 40
    assert results.entries["adversarial"][0].n == 10
    (result,) = results.entries["corruptions"]
    assert result.n == 10
    for severity, error in enumerate(result.errors["drizzle"], 1):
        assert error == pytest.approx(np.mean(chosen < 4 * severity))


def test_chosen_images_are_among_those_of_a_greater_limit():
    def chosen(limit, seed=0):
        options = {"batch_size": 1, "set_folder": None, "data_dir": None, "accelerator": None}
        model = EvaluatedModel(
            None, None, limit=limit, seed=seed, progress=None, tell=None, **options
        )
        return model.chosen(100)

    few, many = chosen(7), chosen(30)
    assert set(few) < set(many)
    assert (np.diff(many) > 0).all()
    np.testing.assert_array_equal(chosen(300), np.arange(100))
    assert set(chosen(7, seed=1)) != set(few)


def test_everything_made_here_and_made_again(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    told = []
    options = {"limit": 4, "pgd_steps": 2, "batch_size": 64}
    results = evaluate(run, **options, progress=lambda *report: told.append(report))
    (corruptions,) = results.entries["corruptions"]
    assert tuple(corruptions.errors) == CORRUPTIONS
    assert corruptions.source.startswith("fractalgen with drawn frost, cifar strengths")
    assert results.entries["consistency"][0].source == "generated"
    assert tuple(results.entries["consistency"][0].flip_rates) == PERTURBATIONS
    assert [result.source for result in results.entries["ood"]] == ["noise"]
    assert any("opencv" in name for name in results.versions)
    again = evaluate(run, **{**options, "batch_size": 3})
    assert again.entries["corruptions"][0].errors == corruptions.errors
    assert again.entries["consistency"][0] == results.entries["consistency"][0]
    assert again.entries["ood"][0].auroc == results.entries["ood"][0].auroc

    assert {"test images", "making fog", "fog", "tilt sequences"} < {what for what, *_ in told}
    for what, done, total in told:
        assert 0 < done <= total, what


def test_files_in_the_runs_folder(run, corrupted_folder):
    results = evaluate(run, **only(corruptions=(str(corrupted_folder),), pgd_steps=1))
    assert read_results(run.folder) == results
    page = (run.folder / "report.html").read_text()
    assert "drizzle" in page
    assert page.count("<img") >= 2 + 6  # an image of each corruption, and of training
    assert sorted(kept_in(run.folder)) == ["metrics.json", "report.html"]


def test_the_page_shows_the_set_and_the_views_of_a_run_that_had_one(run, between):
    """Ten images of the set, and six training images with three views of each."""
    mixed = dataclasses.replace(
        run,
        config=dataclasses.replace(run.config, method=IPMixMethod()),
        set_folder=between,
        set_digest=content_key(list_images(between)),
    )
    results = evaluate(mixed, **only(ood=()))
    assert [result.source for result in results.entries["ood"]] == ["noise", "fractals"]
    assert (run.folder / "report.html").read_text().count("<img") == 10 + 6 * (1 + 3)
    # Where another set is now, neither its images nor views with them are the run's.
    Image.new("RGB", (SIZE, SIZE), (1, 2, 3)).save(between / "new.png")
    evaluate(mixed, **NOTHING)
    assert (run.folder / "report.html").read_text().count("<img") == 6
    for path in between.iterdir():
        path.unlink()
    evaluate(mixed, **NOTHING)
    assert (run.folder / "report.html").read_text().count("<img") == 6


def test_what_fails_does_not_lose_what_was_measured_before(run, corrupted_folder, elsewhere):
    evaluate(run, **only(pgd_steps=1))
    broken = elsewhere / "white" / "0.png"
    broken.write_bytes(broken.read_bytes()[:40])
    options = only(corruptions=(str(corrupted_folder),), natural_shift=(elsewhere,))
    with pytest.raises(RunError, match=r"white.0\.png"):
        evaluate(run, **options)
    kept = read_results(run.folder)
    assert kept.entries["corruptions"][0].mean_error == pytest.approx(0.225)
    assert kept.entries["adversarial"][0] is not None
    assert "drizzle" in (run.folder / "report.html").read_text()


def test_figures_stay_until_they_are_measured_again(run, corrupted_folder, between, elsewhere):
    first = only(corruptions=(str(corrupted_folder),), ood=("noise",), natural_shift=(elsewhere,))
    before = evaluate(run, **first)
    results = evaluate(run, **only(ood=(str(between), "noise"), pgd_steps=1, pgd_epsilon=0))
    assert (results.entries["corruptions"], results.entries["natural-shift"]) == (
        before.entries["corruptions"],
        before.entries["natural-shift"],
    )
    assert [result.source for result in results.entries["ood"]] == ["noise", "between"]
    assert results.options["pgd_steps"] == 1
    assert read_results(run.folder) == results
    assert "drizzle" in (run.folder / "report.html").read_text()

    np.save(corrupted_folder / "drizzle.npy", np.tile(flat(run.data.test.labels), (5, 1, 1, 1)))
    results = evaluate(run, **only(corruptions=(str(corrupted_folder),)))
    (corruptions,) = results.entries["corruptions"]
    assert corruptions.errors["drizzle"] == (0, 0, 0, 0, 0)
    assert results.entries["adversarial"][0].error == 0
    assert len(results.entries["ood"]) == 2


def kept_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."}


@pytest.mark.parametrize(
    ("another", "checkpoint", "name", "said"),
    [
        ({"seed": 1, "limit": 20}, {}, "last-20-0", "of --seed 0"),
        ({"limit": 30}, {}, "last-20-0", "of 20 images"),
        ({}, {}, "last-20-0", "of 20 images"),
        ({"limit": 20}, {"sha256": "1" * 64}, "last-20-0", "of another training"),
        ({"limit": 20}, {"sha256": "1" * 64, "epoch": 2}, "last-20-0", "of epoch 1"),
        (
            {"limit": 20, "seed": 1},
            {"sha256": "1" * 64, "name": "best"},
            "last-20-0",
            "of the last checkpoint, of --seed 0",
        ),
        ({"limit": 20}, None, "damaged", "which cannot be read"),
    ],
)
def test_figures_of_others_are_kept_under_another_name(run, another, checkpoint, name, said):
    evaluate(run, **only(pgd_steps=1, limit=20))
    metrics, told = run.folder / "metrics.json", []
    if checkpoint is None:
        metrics.write_text("{")
    run = dataclasses.replace(run, checkpoint={**run.checkpoint, **(checkpoint or {})})
    before = kept_in(run.folder)
    assert "adversarial" not in evaluate(run, **only(**another), tell=told.append).entries
    assert "adversarial" not in read_results(run.folder).entries
    kept = run.folder / f"metrics-{name}.json"
    assert told == [f"earlier results, {said}, are kept in {kept}"]
    now = kept_in(run.folder)
    assert now.keys() == {*before, f"metrics-{name}.json", f"report-{name}.html"}
    assert now[f"metrics-{name}.json"] == before["metrics.json"]
    assert now[f"report-{name}.html"] == before["report.html"]

    evaluate(run, **only(**another), tell=told.append)
    assert len(told) == 1
    assert kept_in(run.folder).keys() == now.keys()


def test_kept_figures_are_never_replaced(run):
    every = set()
    for _ in range(4):
        for limit in (None, 1):
            evaluate(run, **only(limit=limit))
            # Ends of lines tell them apart, and are no damage.
            metrics = run.folder / "metrics.json"
            metrics.write_text(metrics.read_text() + "\n" * len(every))
            every.add(metrics.read_bytes())
    kept = kept_in(run.folder)
    assert {data for name, data in kept.items() if name.startswith("metrics")} == every
    endings = ("all-0", "all-0-00000000", "all-0-00000000-2", "all-0-00000000-3")
    assert {f"metrics-last-{ending}.json" for ending in endings} <= kept.keys()
    assert {f"report-last-{ending}.html" for ending in endings} <= kept.keys()
    for _ in range(2):
        (run.folder / "metrics.json").write_text("{")
        evaluate(run, **NOTHING)
    assert {"metrics-damaged.json", "metrics-damaged-2.json"} <= kept_in(run.folder).keys()


def test_a_name_in_a_file_leads_to_no_other_folder(run):
    evaluate(run, **NOTHING)
    metrics = run.folder / "metrics.json"
    data = json.loads(metrics.read_text())
    data["checkpoint"]["name"] = "../x"
    data["options"]["seed"] = "/" * 300
    metrics.write_text(json.dumps(data))
    evaluate(run, **NOTHING)
    assert "metrics-_x-all-_.json" in kept_in(run.folder)


def test_figures_stay_where_they_are_if_nothing_new_is_measured(run):
    evaluate(run, **NOTHING)
    before = kept_in(run.folder)
    with torch.no_grad():
        run.model.shades[0] = torch.nan
    with pytest.raises(RunError):
        evaluate(run, **only(limit=3))
    assert kept_in(run.folder) == before


def test_the_releases_of_kept_figures_are_kept_with_them(run):
    now = evaluate(run, **only(pgd_steps=1)).versions
    metrics = run.folder / "metrics.json"
    older = json.loads(metrics.read_text())
    older["versions"] |= {"torch": "1.0", "scipy": "0.9"}
    metrics.write_text(json.dumps(older))
    for _ in range(2):
        kept = evaluate(run, **only(ood=("noise",))).versions
        assert kept == {**now, "torch": f"1.0, {now['torch']}", "scipy": "0.9"}
    anew = evaluate(run, **only(pgd_steps=1, ood=("noise",))).versions
    assert anew == now


class Remembering(NearestShade):
    """Keeps the pixels that it is shown, uint8 of shape (n, size, size, 3)."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        pixels = (x * STD[0] + MEAN[0]) * 255
        self.seen += list(pixels.permute(0, 2, 3, 1).round().byte().numpy())
        return super().forward(x)


@pytest.mark.parametrize("option", ["natural_shift", "imagenet_o"])
def test_small_images_are_seen_whole_and_unchanged(tmp_path, option):
    run = dataclasses.replace(a_run(tmp_path / "run", size=32), model=Remembering())
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    folder = tmp_path / "elsewhere"
    (folder / "light").mkdir(parents=True)
    Image.fromarray(pixels).save(folder / "light" / "0.png")
    evaluate(run, **only(**{option: (folder,) if option == "natural_shift" else folder}))
    assert any(np.array_equal(seen, pixels) for seen in run.model.seen)


def test_folders_of_one_name_are_told_apart(run, tmp_path, corrupted_folder, elsewhere, between):
    """And from what is made here, of which they might have the name."""
    folders = [tmp_path / name / "val" for name in ("a", "b")]
    for folder in folders:
        shutil.copytree(elsewhere, folder)
    noise, generated = tmp_path / "noise", tmp_path / COMMON.source_at(SIZE)
    shutil.copytree(between, noise)
    shutil.copytree(corrupted_folder, generated)
    options = only(
        natural_shift=(*folders, elsewhere),
        ood=("noise", str(noise)),
        imagenet_o=folders[0],
        corruptions=(str(generated), str(corrupted_folder)),
    )
    results = evaluate(run, **options)
    assert [result.source for result in results.entries["natural-shift"]] == [
        *map(str, folders),
        "elsewhere",
    ]
    assert [result.source for result in results.entries["ood"]] == ["noise", str(noise), "val"]
    assert [result.source for result in results.entries["corruptions"]] == [
        str(generated),
        "corrupted",
    ]


def test_a_reserved_name_given_as_a_path_becomes_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert folder_names(["generated"], ["generated"]) == (str(tmp_path / "generated"),)


@pytest.mark.parametrize(("size", "comparable"), [(224, True), (32, False)])
def test_errors_are_relative_to_alexnets_at_imagenets_size_alone(tmp_path, size, comparable):
    run = a_run(tmp_path / "run", n_test=2, size=size)
    classes = tuple(f"n{number:08d}" for number in range(1000))
    run = dataclasses.replace(run, data=dataclasses.replace(run.data, classes=classes))
    folder = tmp_path / "ImageNet-C"
    folder.mkdir()
    wrong = np.tile(flat(np.array([1, 1]), size), (5, 1, 1, 1))
    for name in CORRUPTIONS:
        np.save(folder / f"{name}.npy", wrong)
    (result,) = evaluate(run, **only(corruptions=(str(folder),))).entries["corruptions"]
    # Half of the answers are wrong: by hand, the mean of 0.5 over AlexNet's errors.
    relative = 0.5 * np.mean([1 / error for error in ALEXNET_CORRUPTION_ERRORS.values()])
    assert result.normalized_error == (pytest.approx(relative) if comparable else None)


def test_a_network_that_has_diverged_is_a_sentence(run):
    with torch.no_grad():
        run.model.shades[0] = torch.nan
    with pytest.raises(RunError, match="outputs are not finite"):
        evaluate(run, **NOTHING)
    assert list(run.folder.iterdir()) == []


def test_too_little_memory_is_a_sentence(run):
    class Large(NearestShade):
        def forward(self, x):
            if len(x) > 8:
                raise torch.OutOfMemoryError("tried to allocate 3 GiB")
            return super().forward(x)

    large = dataclasses.replace(run, model=Large())
    with pytest.raises(RunError, match="for 128 images at a time; use a smaller --batch-size"):
        evaluate(large, **NOTHING)
    assert evaluate(large, **only(batch_size=8)).entries["clean"][0].error == 0


def test_several_processes_are_refused(run):
    two = SimpleNamespace(num_processes=2)
    with pytest.raises(RunUsageError, match="one process; start it without accelerate launch"):
        evaluate(run, **NOTHING, accelerator=two)


def test_names_that_are_no_text_become_part_of_the_page(run):
    classes = ("caf\udce9", "dark", "light", "white")  # as a folder's name in Latin-1 is read
    run = dataclasses.replace(run, data=dataclasses.replace(run.data, classes=classes))
    with torch.no_grad():
        run.model.shades[0] = 0.9  # so that there are mistakes
    evaluate(run, **NOTHING)
    assert "caf?" in (run.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "spelled",
    ["{0}", "folder:{0}", "folder:{0}/../photos", "{0}/val/", "{0}/../photos/train", "~/photos"],
)
def test_the_runs_own_folder_is_known_however_it_is_spelled(run, tmp_path, monkeypatch, spelled):
    monkeypatch.setenv("HOME", str(tmp_path))
    photos = tmp_path / "photos"
    for part in ("train", "val", "other"):
        (photos / part).mkdir(parents=True)
        Image.new("RGB", (SIZE, SIZE)).save(photos / part / "0.png")
    own = dataclasses.replace(run.data, name="folder:~/photos")
    run = dataclasses.replace(run, data=own)
    with pytest.raises(RunUsageError, match="the network was trained on"):
        evaluate(run, **only(ood=(spelled.format(photos),)))
    assert evaluate(run, **only(ood=(str(photos / "other"),))).entries["ood"][0].source == "other"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"corruptions": ("nowhere",)}, "nowhere does not exist"),
        ({"perturbations": "nowhere"}, "nowhere does not exist"),
        ({"ood": ("nois",)}, "did you mean 'noise'"),
        ({"ood": ("fractals",)}, "--set"),
        ({"ood": ("shades",)}, "trained on shades"),
        ({"natural_shift": ("elsewhere-not",)}, "does not exist"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_measured(run, tmp_path, wrong, reason):
    wrong = {
        key: tuple(tmp_path / name for name in value) if key == "natural_shift" else value
        for key, value in wrong.items()
    }
    told = []
    with pytest.raises(RunError, match=reason):
        evaluate(run, **only(**wrong), progress=lambda *report: told.append(report))
    assert told == []
    assert list(run.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"pgd_norm": "l1"}, "--pgd-norm cannot be 'l1': choose from linf, l2"),
        ({"pgd_steps": -1}, "--pgd-steps must be 0 or more, not -1"),
        ({"pgd_epsilon": math.nan}, "--pgd-epsilon must be 0 or more"),
        ({"limit": 0}, "--limit must be 1 or more"),
        ({"batch_size": 0}, "--batch-size must be 1 or more"),
        ({"seed": -1}, "--seed must be 0 or more"),
        ({"corruptions": ("none", "generate")}, "none cannot be combined with --corruptions gen"),
        ({"ood": ("noise", "noise")}, "--ood noise is given twice"),
        ({"pgd_step": 3}, "no measurement has an option 'pgd_step': did you mean 'pgd_steps'"),
    ],
)
def test_options_that_cannot_be(run, wrong, reason):
    with pytest.raises(RunUsageError, match=reason):
        evaluate(run, **wrong)


def test_the_networks_mode_and_the_json_are_plain(run):
    run.model.train()
    results = evaluate(run, **only(pgd_steps=1))
    assert run.model.training
    assert json.loads(json.dumps(results.to_json(), allow_nan=False))["config"]["dataset"] == (
        "shades"
    )
