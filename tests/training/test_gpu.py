"""What a GPU changes: ``pytest -m gpu``; the same tests run on the CPU, on a small network."""

import math
import shutil
from dataclasses import dataclass

import pytest
import torch

from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.torch.datasets import normalized_tensor
from fractalgen.training.batches import BatchLoader, EpochOrder, TrainingBatches
from fractalgen.training.checkpoints import read_checkpoint
from fractalgen.training.config import configure
from fractalgen.training.datasets import load_data
from fractalgen.training.models import MODELS, ModelEntry
from fractalgen.training.progress import Callbacks
from fractalgen.training.run_folder import RunFolder
from fractalgen.training.train import train

GPU = (
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
    # PyTorch's compiler warns of its own affairs.
    pytest.mark.filterwarnings("default"),
)


@dataclass(frozen=True)
class Case:
    """What to train, on how many drawn images, and how."""

    model: str
    size: int
    batch_size: int
    n_classes: int
    n_instances: int
    device: str
    precision: str
    compiles: bool
    workers: int | None = None


CASES = (
    pytest.param(Case("resnet-8", 32, 16, 4, 20, "cpu", "float32", False, 1), id="cpu"),
    pytest.param(
        Case("wrn-40-4", 32, 128, 20, 80, "cuda", "bfloat16", True), id="wrn-40-4", marks=GPU
    ),
    pytest.param(
        Case("resnet-50", 224, 64, 20, 40, "cuda", "bfloat16", True), id="resnet-50", marks=GPU
    ),
)


def drawn_classes(case, folder):
    """Draw a class set; a quarter of each class's instances become test images."""
    family = FamilyRecipe.of_classes("fractal-db", case.n_classes, case.n_instances)
    build(Recipe(size=case.size, families=[family], gray=True), folder / "train")
    for path in sorted((folder / "train").glob("class-*/*.jpg")):
        if int(path.stem) >= case.n_instances * 3 // 4:
            moved = folder / "val" / path.parent.name / path.name
            moved.parent.mkdir(parents=True, exist_ok=True)
            path.rename(moved)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_a_run_on_drawn_classes_goes_on_after_its_first_epoch(case, tmp_path, mixing_images):
    photos = drawn_classes(case, tmp_path / "classes")
    config = configure(
        dataset=f"folder:{photos}",
        model=case.model,
        image_size=case.size,
        batch_size=case.batch_size,
        epochs=2,
        learning_rate=0.02,
    )
    hardware = {"device": case.device, "precision": case.precision, "compile": case.compiles}
    hardware |= {"workers": case.workers, "mixing_set": mixing_images}
    whole, interrupted = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "interrupted")

    def copy(record):
        # As a run killed here would leave its folder; the other goes on from the same weights.
        if record.epoch == 1:
            shutil.copytree(whole.path, interrupted.path)

    first = train(config, out=whole.path, callbacks=Callbacks(epoch=copy), **hardware)
    assert read_checkpoint(interrupted.last).epoch == 1
    second = train(config, out=interrupted.path, resume=True, **hardware)

    assert (first.epochs_before, second.epochs_before) == (0, 1)
    assert [record.epoch for record in second.history] == [1, 2]
    assert second.history[0] == first.history[0]
    last, resumed = first.history[1], second.history[1]
    assert resumed.learning_rate == last.learning_rate
    # The same images in the same order from the same weights; a GPU adds in another order.
    tolerance = 0 if case.device == "cpu" else 0.1
    assert resumed.loss == pytest.approx(last.loss, rel=tolerance)
    assert resumed.loss < math.inf
    assert resumed.test_error == pytest.approx(last.test_error, abs=2 * tolerance)
    for run in (whole, interrupted):
        state = read_checkpoint(run.last)
        assert (state.epoch, state.config) == (2, config)
        # Weights and momentum stay in float32 where the layers compute in bfloat16.
        for value in (*state.model.values(), *state.momentum.values()):
            assert value.dtype in (torch.float32, torch.int64)
    if case.device == "cpu":
        ours, theirs = read_checkpoint(whole.last), read_checkpoint(interrupted.last)
        assert all(torch.equal(value, theirs.model[name]) for name, value in ours.model.items())
    # What was trained on the device predicts the same classes here, in float32.
    data = second.data
    images = normalized_tensor(data.test.for_testing(range(len(data.test))), data.mean, data.std)
    with torch.inference_mode():
        wrong = second.model(images).argmax(dim=1).numpy() != data.test.labels
    assert wrong.mean() == pytest.approx(resumed.test_error, abs=tolerance / 2)


class Observed(torch.nn.Module):
    """Notes what its layer is given, and what it gives."""

    seen: list = []  # noqa: RUF012

    def __init__(self, n_classes, image_size):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3)
        self.fc = torch.nn.Linear(8, n_classes)

    def forward(self, images):
        maps = self.conv(images)
        channels_last = [
            tensor.is_contiguous(memory_format=torch.channels_last)
            for tensor in (images, self.conv.weight, maps)
        ]
        if len(images) > 2:  # not the trial that measures the memory of a step
            self.seen.append((images.device.type, all(channels_last), maps.dtype))
        return self.fc(maps.mean(dim=(2, 3)))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=GPU)])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_images_and_weights_have_their_channels_last(tmp_path, monkeypatch, device, precision):
    monkeypatch.setitem(MODELS._entries, "observed", ModelEntry("observed", Observed))
    monkeypatch.setattr(Observed, "seen", [])
    config = configure(model="observed", method="vanilla", epochs=1, batch_size=512)
    train(config, out=tmp_path / "run", device=device, precision=precision)
    assert set(Observed.seen) == {(device, True, getattr(torch, precision))}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("pinned", [False, pytest.param(True, marks=GPU)])
def test_batches_are_in_pinned_memory(tmp_path, pinned, workers):
    data = load_data("digits", data_dir=tmp_path, image_size=8)
    views = configure(method="vanilla").method.views(None, data.mean, data.std)
    order = EpochOrder(len(data.train), 512, 0)
    loader = BatchLoader(TrainingBatches(data, views, 0), order, workers, pinned=pinned)
    for (images,), labels in loader:
        assert (images.is_pinned(), labels.is_pinned()) == (pinned, pinned)
