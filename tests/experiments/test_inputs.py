"""What would fail after hours of training, or in every run, is found before: nothing is trained."""

import numpy as np
import pytest
from PIL import Image

from fractalgen.errors import RunError, RunUsageError
from fractalgen.experiments.comparing import run_grid, train_and_compare
from fractalgen.experiments.execution import Machine
from fractalgen.experiments.grid import Grid
from fractalgen.experiments.inputs import unusable_inputs
from fractalgen.experiments.state import Step
from fractalgen.experiments.variant import Variant
from tests.cli.conftest import run as run  # the fixture

SKIPPED = {"corruptions": "none", "perturbations": "none", "pgd_steps": 0, "ood": "none"}


def grid(*texts, datasets=("digits",), model="resnet-8", measure=(), **common):
    return Grid(
        tuple(map(Variant.parse, texts)),
        datasets,
        (model,),
        common={"image_size": 8, **common},
        measure={**SKIPPED, **dict(measure)},
    )


def reasons(found, step=Step.TRAIN, data_dir="data"):
    return unusable_inputs([(one, step) for one in found.experiments()], data_dir)


@pytest.fixture
def photos(tmp_path):
    for part in ("train", "val"):
        for name in ("cat", "dog"):
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            for index in range(3):
                Image.fromarray(np.full((9, 9, 3), 99, np.uint8)).save(folder / f"{index}.png")
    return f"folder:{tmp_path / 'photos'}"


def test_what_can_be_used_has_no_reason(photos):
    found = grid("vanilla", datasets=("digits", photos), batch_size=2)
    assert reasons(found) == {}


def test_a_set_that_is_missing_fails_its_own_runs():
    (failed,) = reasons(grid("vanilla", "ipmix")).items()
    assert failed[0].startswith("digits-resnet-8-ipmix-ipmix-set")
    assert "'fractalgen build-set ipmix-set' draws a mixing set" in failed[1]


def test_a_batch_that_is_larger_than_the_data(photos):
    found = grid("vanilla", datasets=("digits", photos), batch_size=32)
    ((name, reason),) = reasons(found).items()
    assert name.startswith("photos-")
    assert "a batch of 32 is more than the 6 training images" in reason
    assert reasons(found, Step.EVALUATE) == {}


@pytest.mark.parametrize(
    ("common", "says"),
    [
        ({"weights": "nope.pt"}, "nope.pt does not exist"),
        ({"weights": "pretrained"}, "there are no published weights for resnet-8"),
        ({"model": "vit-small"}, "vit-small needs images of at least 16 pixels"),
    ],
)
def test_a_network_that_cannot_start(common, says):
    (reason,) = reasons(grid("vanilla", **common)).values()
    assert says in reason


def test_a_resumed_run_does_not_need_its_weights():
    assert reasons(grid("vanilla", weights="nope.pt"), Step.RESUME) == {}


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("corruptions", "holds no corrupted images"),
        ("perturbations", "0 of 10 are there"),
        ("natural_shift", "is named after a class of this run"),
        ("imagenet_o", "is named after a class of this run"),
        ("ood", "no images"),
    ],
)
def test_a_folder_without_the_images_to_measure_on(option, says, tmp_path):
    (tmp_path / "other").mkdir()
    (reason,) = reasons(grid("vanilla", measure={option: str(tmp_path)})).values()
    assert says in reason


def test_if_all_runs_fail_for_one_reason_it_is_told_once(tmp_path):
    found = Grid(
        tuple(map(Variant.parse, ("vanilla", "cutout"))),
        (f"folder:{tmp_path}/nowhere",),
        measure=SKIPPED,
        out=tmp_path / "out",
    )
    lines = []
    with pytest.raises(RunError, match="nowhere/val is not a folder"):
        run_grid(found, Machine(), lines.append)
    assert not any("nowhere" in line for line in lines)
    assert not (tmp_path / "out" / "logs").exists()


def test_quiet_failures_have_their_reasons_on_stderr(run, tmp_path):
    runs = tmp_path / "out" / "runs"
    runs.mkdir(parents=True)
    (runs / "digits-resnet-8-vanilla-0").write_text("no folder")
    (runs / "digits-resnet-8-mixup-0").mkdir()
    (runs / "digits-resnet-8-mixup-0" / "last.safetensors").write_bytes(b"cut off")
    command = ("--methods", "vanilla,mixup,cutout,cutmix", "--weights", "nope.pt", "--out", "out")
    result = run("compare", *command, "--quiet")
    assert (result.exit_code, result.stdout) == (1, "")
    damaged, no_run, weights = sorted(result.stderr.splitlines())
    where = "out/runs/digits-resnet-8"
    assert damaged.startswith(f"Error: 1 of 4 runs failed: {where}-mixup-0 is not a run")
    assert damaged.endswith(f"; remove {where}-mixup-0 to train it again")
    assert no_run == (
        f"Error: 1 of 4 runs failed: {where}-vanilla-0 is not a folder; "
        f"remove {where}-vanilla-0 to train it again"
    )
    assert weights.startswith("Error: 2 of 4 runs failed: nope.pt does not exist")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"parallel": 2}, "give machine=Machine(parallel=2), with Machine from fractalgen.exper"),
        ({"limit": 3}, "give measure={'limit': 3}"),
        ({"epoch": 3}, "unknown option 'epoch': did you mean 'epochs'"),
    ],
)
def test_an_option_in_the_wrong_place_says_which_is_right(options, says, tmp_path):
    with pytest.raises(RunUsageError) as error:
        train_and_compare(["vanilla"], out=tmp_path, **options)
    assert says in str(error.value)


def test_one_string_has_several_methods_as_on_the_command_line(tmp_path):
    for methods, wrong in (("vanilla, ipmx", "ipmx"), ("vanilla,ipmix:k=x", "k")):
        with pytest.raises(RunUsageError, match=wrong):
            train_and_compare(methods, out=tmp_path)
    with pytest.raises(RunUsageError, match="the metric autoattack-error needs"):
        train_and_compare("vanilla", metrics="rms,autoattack-error", seeds=1, out=tmp_path)
    with pytest.raises(RunError, match=r"nope\.pt does not exist"):
        train_and_compare("vanilla,cutout", weights="nope.pt", seeds=1, out=tmp_path)
