"""Feature visualisations. Everything that needs no PyTorch comes first."""

import dataclasses
import importlib.util
import json
import threading

import numpy as np
import pytest

from fractalgen.errors import (
    ArgumentError,
    MissingPackageError,
    RecipeError,
    RunError,
    UnknownNameError,
)
from fractalgen.families import render, sample
from fractalgen.families.feature_vis import FeatureVis, Target
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_store import FolderStore
from fractalgen.mixing_set.stores.open_set import redraw

HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="needs torch")

SMALL = {"canvas": 32, "steps": 12}


def small(index, **options):
    return sample("feature-vis", seed=1, index=index, **{**SMALL, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be a whole number from 1 to 2048, not 0"),
        ({"canvas": 513}, "canvas must be a whole number from 16 to 512, not 513"),
        ({"backbone": ""}, "backbone must be text"),
        ({"backbone": "random:x"}, "must be a number, not 'x'"),
        ({"weights": "some.pth"}, "weights are for a torchvision or timm backbone"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ArgumentError, match=message):
        FeatureVis(**options)


def test_a_layer_of_another_name_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="no layer 'scale9': did you mean 'scale"):
        FeatureVis(layer="scale9")
    assert all(
        target.layer == "scale3"
        for index in range(8)
        for target in small(index, layer="scale3").params.targets
    )


def test_channels_and_layers_vary():
    drawn = [small(index).params for index in range(60)]
    assert {one.targets[0].layer for one in drawn} == {"scale1", "scale2", "scale3", "scale4"}
    assert {len(one.targets) for one in drawn} == {1, 2}
    assert len({(one.targets, one.stream) for one in drawn}) == 60
    for one in drawn:
        assert sum(target.weight for target in one.targets) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 10**6},
        {"side": 10**5},
        {"rate": float("nan")},
        {"decay": -1.0},
        {"targets": ()},
        {"stream": 2**70},
    ],
)
def test_recorded_parameters_out_of_range_are_refused(change):
    with pytest.raises(ArgumentError, match="must be"):
        dataclasses.replace(small(0).params, **change)


@pytest.mark.skipif(HAS_TORCH, reason="torch is installed")
def test_without_torch_the_extra_is_named_and_nothing_is_written(tmp_path):
    message = "feature-vis needs torch, torchvision; install the extra 'train'"
    with pytest.raises(MissingPackageError, match=message):
        build(Recipe(32, families={"feature-vis": 1}), tmp_path / "set")
    assert not (tmp_path / "set").exists()
    with pytest.raises(MissingPackageError, match=message):
        render(small(0), size=32)


@needs_torch
@pytest.mark.parametrize("layer", ["scale1", "scale4"])
def test_the_image_excites_its_channel_more_than_the_noise_it_starts_from(layer):
    """Also through transforms that it has not been seen through, and after rounding to bytes."""
    import torch

    from fractalgen.families.feature_vis.backbones import open_backbone

    listening = open_backbone("random:0", "").network

    def excitement(spec, steps):
        params = dataclasses.replace(spec.params, steps=steps)
        rgb = FeatureVis().render(params, params.side)
        x = torch.from_numpy(rgb / np.float32(255)).permute(2, 0, 1)[None]
        x = torch.roll(x, (5, 9), (2, 3))
        answer = listening.answers((x - 0.5) / 0.25, [layer])[layer][0]
        return sum(one.weight * answer[one.channel].clamp_min(0).mean() for one in params.targets)

    for index in range(3):
        spec = small(index, layer=layer, canvas=48)
        assert excitement(spec, 24) > 1.5 * excitement(spec, 1)


@needs_torch
def test_the_same_parameters_give_the_same_pixels_alone_in_a_batch_and_in_threads():
    params = [small(index).params for index in range(4)]
    family = FeatureVis()
    alone = [family.render(one, 32) for one in params]
    for one, rgb in zip(family.render_batch(params, 32), alone, strict=True):
        np.testing.assert_array_equal(one, rgb)
    found = {}
    threads = [
        threading.Thread(
            target=lambda number=number: found.update({number: family.render(params[number], 32)})
        )
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, rgb in enumerate(alone):
        np.testing.assert_array_equal(found[number], rgb)
    assert len({rgb.tobytes() for rgb in alone}) == 4


@needs_torch
def test_what_a_gpu_does_with_a_batch_gives_almost_the_same_images():
    """Several images as one batch, with different layers, on a CPU."""
    import torch

    from fractalgen.families.feature_vis.ascent import ascend, pixels
    from fractalgen.families.feature_vis.backbones import open_backbone

    params = [small(index).params for index in range(5)]
    assert len({one.targets[0].layer for one in params}) > 1
    spectra = ascend(open_backbone("random:0", ""), params, torch.device("cpu"))
    for one, spectrum in zip(params, spectra, strict=True):
        difference = FeatureVis().render(one, 32).astype(int) - pixels(spectrum, 32)
        assert np.abs(difference).mean() < 2.0


@needs_torch
def test_another_size_shows_the_same_image():
    for index in range(3):
        spec = small(index, canvas=48)
        reference = render(spec, size=48).astype(float)
        large = render(spec, size=192).astype(float)
        means = large.reshape(48, 4, 48, 4, 3).mean((1, 3))
        assert np.corrcoef(means.ravel(), reference.ravel())[0, 1] > 0.9
        assert render(spec, size=16).shape == (16, 16, 3)


@needs_torch
def test_a_palette_gives_the_colours():
    spec = small(0, palette="#000000,#ff0000")
    rgb = render(spec, size=32)
    assert rgb[..., 1:].max() == 0
    assert rgb[..., 0].max() - rgb[..., 0].min() > 200


@needs_torch
def test_a_batch_that_does_not_fit_is_halved(monkeypatch):
    import torch

    from fractalgen.families.feature_vis import ascent

    params = [small(index).params for index in range(5)]
    sizes = []
    real = ascent.ascend

    def short_of_memory(backbone, images, device, limit=2):
        sizes.append(len(images))
        if len(images) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(backbone, images, torch.device("cpu"))

    monkeypatch.setattr(ascent, "ascend", short_of_memory)
    spectra = ascent.climb_all(params, torch.device("meta"))
    assert sizes == [5, 2, 3, 1, 2]
    assert len(spectra) == 5
    alone = ascent.climb_all(params[4:], torch.device("cpu"))[0]
    np.testing.assert_allclose(spectra[4], alone, atol=0.05 * np.abs(alone).max())
    monkeypatch.setattr(ascent, "ascend", lambda *images: short_of_memory(*images, limit=0))
    with pytest.raises(RunError, match=r"not enough memory .* smaller --canvas"):
        ascent.climb_all(params[:1], torch.device("cpu"))


@needs_torch
def test_a_set_is_built_checked_and_redrawn(tmp_path, monkeypatch):
    options = {"n": 5, **SMALL}
    recipe = Recipe(32, families={"feature-vis": options, "ifs": 2})
    build(recipe, tmp_path / "one", workers=2)
    monkeypatch.setattr(FeatureVis, "batch_size", lambda _self: 3)
    build(recipe, tmp_path / "two", workers=1)
    files = [path.name for path in (tmp_path / "one/feature-vis").iterdir()]
    assert len(files) == 5
    for file in files:
        paths = [tmp_path / name / "feature-vis" / file for name in ("one", "two")]
        assert paths[0].read_bytes() == paths[1].read_bytes()
    assert verify(tmp_path / "one", redraw=7).ok


@needs_torch
def test_verify_allows_other_rounding_but_no_other_image(tmp_path):
    build(Recipe(32, families={"feature-vis": {"n": 2, **SMALL, "layer": "scale3"}}), tmp_path)
    manifest = tmp_path / "manifest.jsonl"
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    for line in lines:
        line["pixel_sha256"] = "0" * 64
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert verify(tmp_path, redraw=2).ok
    lines[1]["params"]["stream"] += 1
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert verify(tmp_path, redraw=2).differing == ("feature-vis/000001.jpg",)


@needs_torch
def test_a_channel_that_the_network_lacks_is_refused():
    params = dataclasses.replace(small(0).params, targets=(Target("scale2", 64, 1.0),))
    with pytest.raises(RunError, match="has no channel 64 in a layer 'scale2'"):
        FeatureVis().render(params, 32)


@needs_torch
@pytest.mark.parametrize(
    ("backbone", "error", "message"),
    [
        ("resnet81", UnknownNameError, "unknown backbone 'resnet81': did you mean 'resnet"),
        ("torchvision:resnt18", UnknownNameError, "of torchvision: did you mean 'resnet18'"),
        ("runs/none", RunError, "'runs/none' is not a run's folder"),
        ("run:runs/none", RunError, "runs/none does not exist"),
    ],
)
def test_a_backbone_that_is_missing_is_refused_with_the_nearest(backbone, error, message):
    with pytest.raises(error, match=message):
        FeatureVis(backbone=backbone)


@needs_torch
def test_a_file_of_weights(tmp_path):
    """Loaded, told apart by its digest, and refused if it is another's or changes later."""
    import torch
    from torchvision.models import squeezenet1_1

    torch.manual_seed(0)
    path = tmp_path / "weights.pt"
    network = squeezenet1_1()
    torch.save(network.state_dict(), path)
    options = {"backbone": "torchvision:squeezenet1_1", "weights": str(path), **SMALL}
    recipe = Recipe(32, families={"feature-vis": {"n": 2, **options}})
    build(recipe, tmp_path / "set")
    _, record = FolderStore.find(tmp_path / "set/feature-vis/000001.jpg")
    params = record.spec().params
    assert params.backbone.startswith("torchvision:squeezenet1_1#")
    assert params.targets[0].layer.startswith("features.")
    assert redraw(record, 64).shape == (64, 64, 3)
    # Without a family's options, the recorded digest is what counts.
    other = dataclasses.replace(params, backbone="torchvision:squeezenet1_1#" + "0" * 16)
    with pytest.raises(RunError, match="drawn with other weights of"):
        FeatureVis().render(other, 32)
    with pytest.raises(RunError, match=r"do not fit torchvision:resnet18"):
        FeatureVis(backbone="torchvision:resnet18", weights=str(path))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(RunError, match="is truncated"):
        FeatureVis(backbone="torchvision:squeezenet1_0", weights=str(path))
    with pytest.raises((RunError, RecipeError), match="does not exist"):
        Recipe(
            families={
                "feature-vis": {"n": 1, "backbone": "resnet18", "weights": str(tmp_path / "no.pt")}
            }
        )


@needs_torch
def test_dead_channels_and_layers_with_few_places_are_not_visualised():
    import torch
    from torch import nn

    from fractalgen.families.feature_vis.listening import backbone_of

    network = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.ReLU(True),
        nn.Conv2d(8, 8, 8, stride=8),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(8, 8, 1),
    )
    with torch.no_grad():
        network[0].weight[2] = 0.0
        network[0].weight[5] *= 1e-4
    backbone = backbone_of(network, "this", (0.5,) * 3, (0.25,) * 3)
    assert dict(backbone.layers) == {"0": (0, 1, 3, 4, 6, 7), "2": tuple(range(8))}
    with pytest.raises(RunError, match="grey does not take RGB images"):
        backbone_of(nn.Sequential(nn.Conv2d(1, 8, 3)), "grey", (0.5,) * 3, (0.25,) * 3)
    with pytest.raises(RunError, match="has no convolutions"):
        backbone_of(nn.Flatten(), "flat", (0.5,) * 3, (0.25,) * 3)
