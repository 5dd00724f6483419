import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import fractalgen as fg
from fractalgen.errors import RunError, RunUsageError
from fractalgen.evaluation.corruptions.common import CORRUPTIONS
from fractalgen.evaluation.grad_cam import penultimate_features

SIZE, MEAN, STD = 16, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
NOTHING = {"corruptions": "none", "perturbations": "none", "ood": "none", "pgd_steps": 0}


class Viewing(nn.Module):
    """`view` fails if the channels of its input come last in memory."""

    def __init__(self, n_classes=3):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3, stride=4), nn.Linear(64, n_classes)

    def forward(self, x):
        x = self.conv(x)
        return self.head(x.view(len(x), -1))


class Keeping(Viewing):
    """Keeps what it computes, as encodings of positions are kept."""

    kept = None

    def forward(self, x):
        if self.kept is None:
            self.kept = torch.linspace(0, 1, x.shape[-1])
        return super().forward(x * self.kept)


class Refusing(Viewing):
    """Checks its images, as timm's networks do."""

    def forward(self, x):
        assert x.shape[-1] == 224, "Input height (16) doesn't match model (224)."


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "photos"
    rng = np.random.default_rng(0)
    for part, n in (("train", 2), ("val", 8)):
        for name in ("cat", "dog", "owl"):
            (folder / part / name).mkdir(parents=True)
            for i in range(n):
                pixels = rng.integers(0, 256, (18, 18, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{i}.png")
    return folder


@pytest.fixture
def network():
    torch.manual_seed(1)
    return Viewing()


def described(network, photos, out, **changed):
    options = {"mean": MEAN, "std": STD, "image_size": SIZE, **changed}
    return fg.own_model(network, f"folder:{photos}", out, **options)


def test_the_error_is_that_of_torchvisions_loop(network, photos, tmp_path):
    pixels = [v2.Resize(18), v2.CenterCrop(SIZE), v2.ToImage()]
    scaled = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    transform = v2.Compose([*pixels, *scaled])
    images, labels = zip(*ImageFolder(photos / "val", transform), strict=True)
    with torch.inference_mode():
        predicted = network(torch.stack(images)).argmax(1)
    expected = float((predicted != torch.tensor(labels)).float().mean())
    own = described(network, photos, tmp_path / "own", name="mine")
    results = fg.evaluate(own, **{**NOTHING, "ood": ["noise"], "pgd_steps": 1})
    assert 0 < expected < 1
    assert results.entries["clean"][0].error == pytest.approx(expected)
    assert results.heading() == f"folder:{photos}, mine"
    assert network.training
    assert (tmp_path / "own" / "report.html").exists()


def test_what_a_network_keeps_has_gradients_under_attack(photos, tmp_path):
    results = fg.evaluate(described(Keeping(), photos, tmp_path), **{**NOTHING, "pgd_steps": 1})
    assert "adversarial" in results.entries


def test_a_folder_of_test_images_is_enough(network, photos, tmp_path):
    shutil.copytree(photos / "val", tmp_path / "tests" / "val")
    whole = fg.evaluate(described(network, photos, tmp_path / "whole"), **NOTHING)
    alone = fg.evaluate(described(network, tmp_path / "tests", tmp_path / "alone"), **NOTHING)
    assert alone.entries["clean"][0].error == whole.entries["clean"][0].error


def test_it_can_be_inspected(network, photos, tmp_path):
    network.requires_grad_(False)
    own = described(network, photos, tmp_path / "own", name="mine")
    pages = fg.inspect([own], limit=24, n_cam=4)
    assert [page.name for page in pages] == ["cam.png", "tsne.png", "inspection.html"]
    assert "mine (own)" in pages[-1].read_text()
    pixels = own.data.test.for_testing(range(5))
    features = penultimate_features(network, None, own.preprocess(pixels))
    with torch.inference_mode():
        expected = network.conv(own.preprocess(pixels)).flatten(1)
    np.testing.assert_array_equal(features, expected.numpy())


def test_without_a_linear_layer_there_are_no_features_to_draw(photos, tmp_path):
    pooled = nn.Sequential(nn.Conv2d(3, 3, SIZE), nn.Flatten())
    own = described(pooled, photos, tmp_path / "own")
    with pytest.raises(RunError, match="last layer is linear"):
        fg.inspect([own], cam=False, limit=24)


def test_it_has_no_validation_images(network, photos, tmp_path):
    with pytest.raises(RunUsageError, match=r"no validation images.*own_model.*DIR/val/"):
        fg.evaluate(described(network, photos, tmp_path), images="validation", **NOTHING)


def test_its_column_has_no_seed(network, photos, tmp_path):
    fg.evaluate(described(network, photos, tmp_path / "own"), **NOTHING)
    compared = fg.compare([tmp_path / "own"])
    assert compared.columns[0].model == "Viewing"
    assert compared.columns[0].seeds == (None,)
    assert "seed" not in str(compared).split("Test images")[0]


def test_networks_of_one_name_are_not_averaged(network, photos, tmp_path):
    fg.evaluate(described(network, photos, tmp_path / "one"), **NOTHING)
    fg.evaluate(described(Viewing(), photos, tmp_path / "other"), **NOTHING)
    compared = fg.compare([tmp_path / "one", tmp_path / "other"])
    assert [column.runs for column in compared.columns] == [
        (str(tmp_path / "one"),),
        (str(tmp_path / "other"),),
    ]
    assert all(column.details[0].startswith("weights ") for column in compared.columns)


def test_other_weights_and_other_normalisation_are_other_results(network, photos, tmp_path):
    own = [described(network, photos, tmp_path), described(network, photos, tmp_path)]
    own.append(described(network, photos, tmp_path, std=(0.5, 0.5, 0.5)))
    with torch.no_grad():
        network.head.bias[0] += 1
    own.append(described(network, photos, tmp_path))
    digests = [each.checkpoint["sha256"] for each in own]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


@pytest.mark.parametrize(
    ("network", "changed", "error", "message"),
    [
        (Viewing(5), {}, RunError, r"logits of shape \(1, 3\) .* not \(1, 5\)"),
        (Viewing(), {"image_size": 32}, RunError, r"cannot take .* \(1, 3, 32, 32\)"),
        (Viewing().state_dict(), {}, RunUsageError, "must be a torch.nn.Module"),
        (nn.Flatten(), {}, RunUsageError, "no parameters"),
        (
            Refusing(),
            {},
            RunError,
            r"cannot take .*: AssertionError: Input height",
        ),
        (Viewing(), {"image_size": "16"}, RunUsageError, "image_size must be a whole number"),
        (Viewing(), {"name": 5}, RunUsageError, "name must be a string, not 5"),
        (Viewing(), {"std": (0.5, 0.5, 0.0)}, RunUsageError, "std must be three numbers"),
        (Viewing(), {"mean": (123.7, 116.3, 103.5)}, RunUsageError, "from 0 to 255 by 255"),
    ],
)
def test_what_cannot_be_measured_is_said_at_once(
    network, changed, error, message, photos, tmp_path
):
    with pytest.raises(error, match=message):
        described(network, photos, tmp_path / "own", **changed)
    assert not (tmp_path / "own").exists()


def test_a_network_or_a_file_is_not_a_run(network, tmp_path):
    with pytest.raises(RunUsageError, match=r"fractalgen\.own_model"):
        fg.evaluate(network)
    (tmp_path / "mine.pt").touch()
    with pytest.raises(RunError, match=r"not the folder of a run.*fractalgen\.own_model"):
        fg.evaluate(tmp_path / "mine.pt")


def test_small_test_sets_lack_the_figure_that_would_be_zero(network, photos, tmp_path):
    results = fg.evaluate(described(network, photos, tmp_path), **NOTHING)
    keys = {figure.key for figure in results.sections()["clean"].figures}
    assert "rms_calibration_error" in keys
    assert "rms_calibration_error_public" not in keys


def test_corrupted_images_of_another_size_fail_before_anything_is_measured(
    network, photos, tmp_path
):
    for corruption in CORRUPTIONS:
        for severity in range(1, 6):
            place = tmp_path / "photos-c" / corruption / str(severity) / "cat"
            place.mkdir(parents=True)
            Image.new("RGB", (24, 24)).save(place / "0.png")
    own = described(network, photos, tmp_path / "own")
    with pytest.raises(RunError, match="24 x 24 pixels, and the network"):
        fg.evaluate(own, **{**NOTHING, "corruptions": str(tmp_path / "photos-c")})
    assert not (tmp_path / "own" / "metrics.json").exists()
