"""Whole runs on digits of 8 pixels: real training, small enough to be done several times."""

import contextlib
import dataclasses
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from fractalgen.errors import RunError, RunUsageError, SetError
from fractalgen.files.lock import locked
from fractalgen.torch.datasets import normalized_tensor
from fractalgen.training import hardware
from fractalgen.training.checkpoints import read_checkpoint
from fractalgen.training.config import configure
from fractalgen.training.hardware import saved_bytes
from fractalgen.training.models import MODELS, ModelEntry
from fractalgen.training.progress import Callbacks
from fractalgen.training.run import load_run
from fractalgen.training.run_folder import RunFolder
from fractalgen.training.train import train
from tests.cli.programs import up_to

COMMON = {"image_size": 8, "batch_size": 128}


def config_of(**given):
    return configure(**{**COMMON, "epochs": 3, **given})


def tensors(folder):
    checkpoint = read_checkpoint(RunFolder(folder).last)
    momentum = {f"momentum of {name}": value for name, value in checkpoint.momentum.items()}
    return {**checkpoint.model, **momentum}


def assert_same_weights(one, other):
    ours, theirs = tensors(one), tensors(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


def train_here(config, folder, mixing_images, **options):
    return train(config, out=folder, mixing_set=mixing_images, data_dir=folder / "data", **options)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory, mixing_images):
    folder = tmp_path_factory.mktemp("whole") / "run"
    outcome = train_here(config_of(), folder, mixing_images)
    return folder, outcome


def test_a_run_learns_and_writes_what_it_says(whole_run):
    folder, outcome = whole_run
    records = outcome.history
    assert [record.epoch for record in records] == [1, 2, 3]
    assert records[-1].test_error < 0.5  # nine in ten are wrong by chance
    assert records[-1].loss < records[0].loss
    assert 0 < records[0].learning_rate < 0.1
    assert records[-1].learning_rate < 0.01
    assert all(0 < record.augmentation_share < 1 for record in records)
    n_threads = torch.get_num_threads()
    computed_by = f"CPU, {n_threads} thread{'s' if n_threads > 1 else ''}, float32"
    assert {record.hardware for record in records} == {computed_by}
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["test_error"] for line in lines] == [record.test_error for record in records]
    last, best = (read_checkpoint(folder / f"{name}.safetensors") for name in ("last", "best"))
    assert (last.epoch, last.config, last.set_digest) == (3, config_of(), outcome_digest(folder))
    least = min(records, key=lambda record: record.test_error)
    assert (best.epoch, best.best_error) == (least.epoch, least.test_error)
    assert not best.momentum
    if importlib.util.find_spec("tensorboard"):
        assert list((folder / "tensorboard").glob("events.*"))


def outcome_digest(folder):
    return RunFolder(folder).read().set_digest


def test_the_weights_that_are_loaded_have_the_error_on_record(whole_run):
    folder, outcome = whole_run
    run = load_run(folder)
    pixels = run.data.test.for_testing(range(len(run.data.test)))
    with torch.inference_mode():
        logits = run.model(normalized_tensor(pixels, run.data.mean, run.data.std))
    error = (logits.argmax(dim=1).numpy() != run.data.test.labels).mean()
    assert error == pytest.approx(outcome.history[-1].test_error, abs=0.5 / len(run.data.test))


def test_a_run_is_shown_and_loaded_again(whole_run):
    folder, trained = whole_run
    loaded = load_run(str(folder))
    error = f"{trained.history[-1].test_error:.2%}"
    shown = f"<Run '{folder}': resnet-8 on digits, ipmix, 3 of 3 epochs, test error {error}>"
    assert repr(loaded) == repr(trained) == shown
    assert (loaded.config, loaded.history) == (trained.config, trained.history)
    assert loaded.checkpoint == trained.checkpoint
    assert not loaded.model.training
    images = loaded.preprocess(loaded.data.test.for_testing([3, 1]))
    with torch.inference_mode():
        assert torch.equal(loaded.model(images), trained.model(images))
    best = load_run(folder, checkpoint="best")
    lowest = min(trained.history, key=lambda record: record.test_error)
    assert f"{lowest.epoch} of 3 epochs, test error {lowest.test_error:.2%}" in repr(best)


def test_a_run_is_asked_for_in_one_call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = train(dataset="digits", method="vanilla", epochs=1, **COMMON)
    assert str(run.folder) == "runs/digits-resnet-8-vanilla-0"
    with pytest.raises(RunUsageError, match="use either config or seed, not both"):
        train(run.config, seed=1)


class StopError(Exception):
    pass


@pytest.mark.skipif(not importlib.util.find_spec("tensorboard"), reason="no tensorboard")
@pytest.mark.parametrize("stops", [False, True])
def test_tensorboard_is_closed_on_every_way_out(tmp_path, monkeypatch, stops):
    from torch.utils.tensorboard import SummaryWriter

    opened, closed = [], []
    enter, leave = SummaryWriter.__enter__, SummaryWriter.__exit__
    monkeypatch.setattr(SummaryWriter, "__enter__", lambda it: opened.append(it) or enter(it))
    monkeypatch.setattr(
        SummaryWriter, "__exit__", lambda it, *how: closed.append(it) or leave(it, *how)
    )

    def epoch(record):
        if stops:
            raise StopError

    config = config_of(method="vanilla", epochs=1)
    with pytest.raises(StopError) if stops else contextlib.nullcontext():
        train(config, out=tmp_path / "run", callbacks=Callbacks(epoch=epoch))
    assert len(opened) == 1
    assert closed == opened
    assert opened[0].all_writers is None  # as `close` leaves it


@pytest.mark.parametrize("stop_at", [(1, 10), (3, 1)])
def test_a_run_that_was_interrupted_ends_with_the_same_weights(
    whole_run, tmp_path, mixing_images, stop_at
):
    def stop(report):
        if (report.epoch, report.step) >= stop_at:
            raise StopError

    folder = tmp_path / "run"
    with pytest.raises(StopError):
        train_here(config_of(), folder, mixing_images, callbacks=Callbacks(step=stop))
    outcome = train_here(config_of(), folder, mixing_images, resume=True)
    assert outcome.epochs_before == stop_at[0] - 1
    assert len(outcome.history) == 3
    assert_same_weights(folder, whole_run[0])


def test_a_combination_by_epoch_changes_over_in_the_middle_also_when_it_is_resumed(tmp_path):
    combined = {"method": "autoaugment+mixup+cutmix", "combine": "epoch", "p": 1.0}
    config = config_of(epochs=2, **combined)
    whole = train(config, out=tmp_path / "whole")
    alone = train(config_of(epochs=2, method="autoaugment+mixup"), out=tmp_path / "alone")
    ours, theirs = ([record.loss for record in run.history] for run in (whole, alone))
    assert ours[0] == theirs[0]
    assert ours[1] != theirs[1]

    def stop(record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, out=tmp_path / "parts", callbacks=Callbacks(epoch=stop))
    train(config, out=tmp_path / "parts", resume=True)
    assert_same_weights(tmp_path / "parts", tmp_path / "whole")


def test_workers_do_not_change_the_weights(whole_run, tmp_path, mixing_images):
    folder = tmp_path / "run"
    train_here(config_of(), folder, mixing_images, workers=2)
    assert_same_weights(folder, whole_run[0])


def with_dropout(n_classes, image_size):
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(3 * image_size**2, n_classes)
    )


@pytest.mark.parametrize("workers", [0, 1])
def test_dropout_too_goes_on_where_it_was(tmp_path, monkeypatch, workers):
    monkeypatch.setitem(MODELS._entries, "dropout", ModelEntry("dropout", with_dropout))
    config = config_of(model="dropout", method="vanilla", epochs=2, learning_rate=0.01)

    def stop(report):
        if report.epoch == 2:
            raise StopError

    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    train(config, out=whole)
    with pytest.raises(StopError):
        train(config, out=resumed, callbacks=Callbacks(step=stop))
    torch.rand(7)  # the global generator is elsewhere by then
    train(config, out=resumed, resume=True, workers=workers)
    assert_same_weights(whole, resumed)


def test_a_killed_run_goes_on(whole_run, tmp_path, mixing_images):
    program = up_to("last.safetensors", 2)
    command = [sys.executable, *program, "train-with-set", str(mixing_images)]
    command += ["--image-size", "8", "--batch-size", "128", "--epochs", "3", "--out", "run"]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 300
    while not (tmp_path / "run" / "last.safetensors").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    folder = tmp_path / "run"
    assert read_checkpoint(folder / "last.safetensors").epoch < 3
    outcome = train_here(config_of(), folder, mixing_images, resume=True)
    assert 1 <= outcome.epochs_before < 3
    assert_same_weights(folder, whole_run[0])


def test_a_finished_run_that_is_resumed_stays_as_it_is(whole_run, mixing_images):
    folder, _ = whole_run
    before = (folder / "last.safetensors").read_bytes()
    outcome = train_here(config_of(), folder, mixing_images, resume=True)
    assert outcome.epochs_before == 3
    assert len(outcome.history) == 3
    assert (folder / "last.safetensors").read_bytes() == before


def test_another_configuration_is_not_resumed(whole_run, mixing_images):
    with pytest.raises(RunUsageError, match=r"k 3 \(now 2\)"):
        train_here(config_of(k=2), whole_run[0], mixing_images, resume=True)


class Diverging(torch.nn.Module):
    """Gives numbers until it has learnt from fifteen batches."""

    def __init__(self, n_classes, image_size):
        super().__init__()
        self.layer = torch.nn.Linear(3 * image_size**2, n_classes)
        self.register_buffer("n_batches", torch.zeros(()))

    def forward(self, images):
        if self.training:
            self.n_batches += 1
        good = torch.where(self.n_batches > 15, torch.nan, 1.0)
        return self.layer(images.flatten(1)) * good


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(
    tmp_path, mixing_images, monkeypatch
):
    monkeypatch.setitem(MODELS._entries, "diverging", ModelEntry("diverging", Diverging))
    folder = tmp_path / "run"
    with pytest.raises(RunError, match=r"loss became nan at step 5 of 11 in epoch 2"):
        train_here(config_of(model="diverging"), folder, mixing_images)
    kept = read_checkpoint(folder / "last.safetensors")
    assert kept.epoch == 1
    assert all(torch.isfinite(value).all() for value in kept.model.values())
    assert len(RunFolder(folder).records()) == 1


class Poison(torch.autograd.Function):
    """Passes numbers on, and gradients that are none."""

    @staticmethod
    def forward(ctx, values):
        return values.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * torch.nan


class Breaking(Diverging):
    """Is broken by the last step of its second epoch, whose loss is still a number."""

    def forward(self, images):
        if self.training:
            self.n_batches += 1
        logits = self.layer(images.flatten(1))
        return Poison.apply(logits) if self.n_batches == 22 else logits


def test_weights_that_the_last_step_broke_do_not_replace_the_good_ones(
    tmp_path, mixing_images, monkeypatch
):
    monkeypatch.setitem(MODELS._entries, "breaking", ModelEntry("breaking", Breaking))
    folder = tmp_path / "run"
    with pytest.raises(RunError, match=r"layer\.weight is no longer finite after epoch 2"):
        train_here(config_of(model="breaking", learning_rate=0.01), folder, mixing_images)
    assert read_checkpoint(folder / "last.safetensors").epoch == 1
    assert len(RunFolder(folder).records()) == 1


def test_going_on_and_starting_anew_do_not_go_together(whole_run, mixing_images):
    folder, _ = whole_run
    before = (folder / "last.safetensors").read_bytes()
    with pytest.raises(RunUsageError, match="use only one of them"):
        train_here(config_of(), folder, mixing_images, resume=True, overwrite=True)
    assert (folder / "last.safetensors").read_bytes() == before


def test_two_processes_do_not_train_in_one_folder(whole_run, mixing_images):
    folder, _ = whole_run
    with locked(folder), pytest.raises(SetError, match="another fractalgen"):
        train_here(config_of(), folder, mixing_images, resume=True)


def test_a_run_that_goes_on_does_not_need_its_first_weights(tmp_path):
    config = config_of(method="vanilla", epochs=1)
    train(config, out=tmp_path / "first")
    second = dataclasses.replace(config, weights=str(tmp_path / "first"), epochs=2)

    def stop(record):
        raise StopError

    with pytest.raises(StopError):
        train(second, out=tmp_path / "second", callbacks=Callbacks(epoch=stop))
    (tmp_path / "first").rename(tmp_path / "moved")
    outcome = train(second, out=tmp_path / "second", resume=True)
    assert (outcome.epochs_before, len(outcome.history)) == (1, 2)


def photo_folder(folder, n=3):
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for name in ("cat", "dog"):
            (folder / part / name).mkdir(parents=True)
            for number in range(n):
                pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{number}.png")
    return folder


def folder_config(photos, **given):
    return configure(
        dataset=f"folder:{photos}",
        model="resnet-8",
        image_size=16,
        batch_size=4,
        epochs=2,
        **given,
    )


def test_a_folder_of_photographs(tmp_path, mixing_images):
    config = folder_config(photo_folder(tmp_path / "photos"), learning_rate=0.01)
    outcome = train_here(config, tmp_path / "run", mixing_images)
    assert len(outcome.history) == 2


def test_a_test_image_that_cannot_be_read_is_found_before_an_epoch_is_spent(tmp_path):
    photos = photo_folder(tmp_path / "photos")
    (photos / "val" / "dog" / "1.png").write_bytes(b"not an image")
    steps = []
    with pytest.raises(RunError, match=r"val/dog/1\.png"):
        train(
            folder_config(photos, method="vanilla"),
            out=tmp_path / "run",
            callbacks=Callbacks(step=steps.append),
        )
    assert steps == []


def test_a_step_that_would_not_fit_into_memory_is_refused(tmp_path):
    photos = photo_folder(tmp_path / "photos", n=500)
    config = folder_config(photos, method="augmix")
    config = dataclasses.replace(config, model="wrn-40-4", batch_size=1000, image_size=128)
    with pytest.raises(
        RunError, match=r"in 3 views need about \d+ GB of memory.*--batch-size of \d+"
    ):
        train(config, out=tmp_path / "run")


def test_a_run_is_overwritten_only_when_the_new_one_can_begin(tmp_path):
    photos = photo_folder(tmp_path / "photos")
    config = folder_config(photos, method="vanilla")
    train(config, out=tmp_path / "run")
    before = (tmp_path / "run" / "last.safetensors").read_bytes()
    (photos / "val" / "cat" / "0.png").write_bytes(b"not an image")
    with pytest.raises(RunError, match=r"val/cat/0\.png"):
        train(config, out=tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "last.safetensors").read_bytes() == before


def test_an_unknown_precision_is_refused(tmp_path):
    with pytest.raises(RunUsageError, match="did you mean 'bfloat16'"):
        train(config_of(), out=tmp_path / "run", precision="bfloat")


def test_a_step_that_a_control_group_would_kill_is_refused(monkeypatch):
    monkeypatch.setattr(hardware, "available_memory", lambda: 500_000)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 1000))
    with pytest.raises(RunError, match=r"in 3 views need about .* --batch-size of"):
        hardware.check_memory(network, 4, 10_000, 3)


def test_what_a_step_keeps_is_known_before():
    # A linear layer keeps its input, and so does the sigmoid its output.
    network = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(3 * 4 * 4, 5), torch.nn.Sigmoid()
    )
    assert saved_bytes(network, 4) == 4 * (48 + 5)


def test_data_that_changed_are_refused(tmp_path):
    photos = photo_folder(tmp_path / "photos")
    config = folder_config(photos, method="vanilla")
    train(config, out=tmp_path / "run")
    (photos / "train" / "cat" / "2.png").unlink()
    with pytest.raises(RunUsageError, match="other data"):
        train(config, out=tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 5000}, r"5,000 is more than the 1,\d\d\d training images of digits"),
        ({"model": "vit-small"}, "16"),
        ({"k": 99}, "k must be a whole number from 1 to 8"),
        ({"levels": ("pixels",)}, "did you mean 'pixel'"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_written(
    tmp_path, mixing_images, given, message
):
    with pytest.raises(RunUsageError, match=message):
        train_here(config_of(**given), tmp_path / "run", mixing_images)
    assert not (tmp_path / "run").exists()


def test_a_device_that_is_not_there_is_refused(tmp_path, mixing_images):
    if torch.cuda.is_available():
        pytest.skip("there is one here")
    with pytest.raises(RunUsageError, match="the device 'cuda' is not available"):
        train_here(config_of(), tmp_path, mixing_images, device="cuda")
    for name in ("gpu", "meta"):
        with pytest.raises(RunUsageError, match=f"the device '{name}' is not available"):
            train_here(config_of(), tmp_path, mixing_images, device=name)


def test_more_workers_than_processors_are_refused(tmp_path, mixing_images):
    with pytest.raises(RunUsageError, match="100000 workers are more than"):
        train_here(config_of(), tmp_path, mixing_images, workers=100_000)


class TestSets:
    @pytest.fixture
    def own_set(self, tmp_path):
        from fractalgen.mixing_set.building.build import build
        from tests.mixing_set.small_sets import ifs_recipe

        folder = tmp_path / "ipmix-set"
        build(ifs_recipe(), folder, workers=1)
        return folder

    def test_a_set_that_does_not_exist(self, tmp_path):
        with pytest.raises(RunError, match=r"nowhere does not exist; 'fractalgen build-set"):
            train_here(config_of(), tmp_path / "run", tmp_path / "nowhere")

    def test_an_empty_set(self, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(Exception, match="no images") as raised:
            train_here(config_of(), tmp_path / "run", tmp_path / "empty")
        assert type(raised.value).__name__ == "BankError"

    def test_a_set_that_fails_verification(self, tmp_path, own_set):
        image = own_set / "ifs" / "000002.jpg"
        image.write_bytes(image.read_bytes()[:-20])
        with pytest.raises(RunError, match=r"1 of its images are missing or altered.*--repair"):
            train_here(config_of(), tmp_path / "run", own_set)
        assert not (tmp_path / "run").exists()

    def test_another_set_is_not_resumed(self, tmp_path, own_set, whole_run):
        with pytest.raises(RunUsageError, match="another mixing set"):
            train_here(config_of(), whole_run[0], own_set, resume=True)
