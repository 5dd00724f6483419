"""Cutout, MixUp, CutMix, SaliencyMix and manifold mixup against values worked out by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from fractalgen.methods.batch_mixing import CutMix, MixUp
from fractalgen.methods.cutout import Cutout, boxes
from fractalgen.methods.manifold_mixup import ManifoldMixup, stages_of
from fractalgen.methods.method import Batch
from fractalgen.methods.saliency import center_surround, gradient_saliency
from fractalgen.methods.saliencymix import SaliencyMix
from fractalgen.training.models import create_model

N, SIZE = 6, 10
LABELS = torch.arange(N)


def flat_images(n_views=1):
    """Return a batch whose image i is of the value i + 1; each image has a class of its own."""
    values = (torch.arange(N) + 1.0)[:, None, None, None]
    view = values.expand(N, 3, SIZE, SIZE).clone()
    return Batch((view,) * n_views, LABELS, LABELS, N)


def mixed(method, batch, seed=0, network=None):
    return method.on_device(batch, network or nn.Identity(), np.random.default_rng(seed))


def test_mixup_weights_pixels_and_classes_alike():
    weights = set()
    for seed in range(5):
        batch = mixed(MixUp(), flat_images(2), seed)
        own = batch.targets.diagonal()
        assert torch.all(own == own[0])
        weights.add(round(own[0].item(), 3))
        # A class's value is its number + 1, so an image's value is the mean by the targets.
        expected = batch.targets @ (LABELS + 1.0)
        for view in batch.views:
            torch.testing.assert_close(view, expected[:, None, None, None].expand_as(view))
    assert len(weights) == 5


def test_cutmix_weights_classes_by_the_area_that_shows():
    areas = set()
    for seed in range(8):
        batch = mixed(CutMix(p=1.0), flat_images(2), seed)
        for view in batch.views:
            shows = torch.stack(
                [(view[:, 0] == label + 1).float().mean((1, 2)) for label in LABELS]
            )
            torch.testing.assert_close(batch.targets, shows.T)
        areas.add(round(batch.targets[0, 0].item(), 2))
        changed = (batch.views[0][0, 0] != 1).nonzero()
        if len(changed):  # a rectangle
            low, high = changed.amin(0), changed.amax(0)
            assert len(changed) == torch.prod(high - low + 1)
    assert len(areas) > 3


def test_cutmix_leaves_a_share_of_the_batches_alone():
    touched = [mixed(CutMix(p=0.25), flat_images(), seed).targets.ndim == 2 for seed in range(400)]
    assert 0.17 < np.mean(touched) < 0.33


def test_torchvisions_mixing_leaves_the_global_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first = mixed(MixUp(), flat_images())
    assert torch.equal(torch.rand(4), expected)
    assert torch.equal(first.targets, mixed(MixUp(), flat_images()).targets)


def test_a_hole_is_cut_off_at_the_borders():
    found = boxes(np.array([-1, 1]), np.array([2, 3]), 2, 2, 3, 4)
    assert found.int().tolist() == [
        [[0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]],
    ]


def test_cutout_sets_a_square_to_the_mean():
    sides, rng = set(), np.random.default_rng(0)
    for _ in range(30):
        batch = Cutout().on_device(flat_images(2), nn.Identity(), rng)
        assert torch.equal(batch.targets, LABELS)
        assert torch.equal(*batch.views)
        for image, label in zip(batch.views[0], LABELS, strict=True):
            hole = (image[0] == 0).nonzero()
            tall, wide = (hole.amax(0) - hole.amin(0) + 1).tolist()
            sides |= {tall, wide}
            assert len(hole) == tall * wide
            assert set(image.unique().tolist()) == {0.0, label.item() + 1.0}
    assert max(sides) == SIZE // 2
    assert min(sides) < SIZE // 2  # some lie partly outside


def spots(places):
    images = torch.zeros(len(places), 3, SIZE, SIZE)
    for image, (row, column) in zip(images, places, strict=True):
        image[:, row, column] = 1.0
    return images


def test_saliency_is_highest_at_a_bright_spot():
    places = [(2, 7), (9, 0), (5, 5)]
    found = center_surround(spots(places)).flatten(1).argmax(dim=1)
    assert found.tolist() == [row * SIZE + column for row, column in places]


def test_saliency_is_the_difference_from_the_surroundings():
    # Every square reaches beyond a 2 x 2 image: |3 - 0| once, |0 - 1| three times, for six sizes.
    image = torch.tensor([[3.0, 0.0], [0.0, 0.0]]).expand(1, 1, 2, 2)
    expected = 6 * torch.tensor([[[3.0, 1.0], [1.0, 1.0]]])
    torch.testing.assert_close(center_surround(image), expected)


def test_saliencymix_pastes_the_salient_rectangle_where_it_was():
    places = [(row, 9 - row) for row in range(2, 8)]
    batch, n_mixed = Batch((spots(places),), LABELS, LABELS, N), 0
    for seed in range(6):
        out = mixed(SaliencyMix(p=1.0), batch, seed)
        torch.testing.assert_close(out.targets.sum(1), torch.ones(N))
        for place, (image, target) in enumerate(zip(out.views[0], out.targets, strict=True)):
            for partner in set(target.nonzero()[:, 0].tolist()) - {place}:
                assert image[0][places[partner]] == 1
                n_mixed += 1
    assert n_mixed > 12


def test_saliencymixs_targets_are_the_areas():
    values = flat_images()
    for seed in range(6):
        out = mixed(SaliencyMix(p=1.0), values, seed)
        shows = torch.stack(
            [(out.views[0][:, 0] == label + 1).float().mean((1, 2)) for label in LABELS]
        )
        torch.testing.assert_close(out.targets, shows.T)


def test_gradient_saliency_of_a_linear_network_is_its_weights():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2, bias=False)).train()
    with torch.no_grad():
        network[1].weight.zero_()
        network[1].weight[0, 2] = 4.0  # row 1, column 0 of the first channel
    images = torch.zeros(1, 3, 2, 2)
    found = gradient_saliency(network, images, torch.tensor([0]))
    # d loss / d x = (softmax - target) weight = (1/2 - 1) 4 in one of three channels.
    expected = torch.tensor([[[0.0, 0.0], [2 / 3**0.5, 0.0]]])
    torch.testing.assert_close(found, expected)
    assert network.training
    assert network[1].weight.grad is None


def test_gradient_saliency_leaves_batch_statistics_alone():
    network = create_model("resnet-8", 4, 16).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    gradient_saliency(network, torch.randn(4, 3, 16, 16), torch.arange(4))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.training


@pytest.mark.parametrize("seed", range(6))
def test_manifold_mixup_of_a_linear_network_is_mixup(seed):
    """Behind any layer of a linear network, mixing hidden states is mixing the outputs."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(256, N))
    views = (torch.randn(N, 3, SIZE, SIZE), torch.randn(N, 3, SIZE, SIZE))
    method = ManifoldMixup()
    batch = mixed(method, Batch(views, LABELS, LABELS, N), seed, network)
    for view, logits in zip(views, method.forward(batch, network), strict=True):
        torch.testing.assert_close(logits, batch.targets @ network(view), rtol=1e-4, atol=1e-5)
    assert not any(module._forward_hooks for module in network.modules())


def test_manifold_mixup_draws_the_input_and_the_first_stages():
    network = create_model("resnet-8", N, 16)
    layers = {
        id(mixed(ManifoldMixup(), flat_images(), seed, network).drawn.layer) for seed in range(40)
    }
    assert layers == {id(None), id(network.stage1), id(network.stage2)}
    only_input = {
        mixed(ManifoldMixup(n_stages=0), flat_images(), seed, network).drawn.layer
        for seed in range(5)
    }
    assert only_input == {None}


@pytest.mark.parametrize(
    ("model", "size", "n_stages"),
    [("wrn-16-1", 16, 3), ("resnet-18", 16, 4), ("vit-small", 16, 12)],
)
def test_every_kind_of_network_has_stages(model, size, n_stages):
    network = create_model(model, N, size)
    assert len(stages_of(network)) == n_stages
    last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    nn.init.normal_(last.weight)  # a new transformer's is 0
    images = torch.randn(N, 3, size, size)
    batch = Batch((images,), LABELS, LABELS, N)
    method = ManifoldMixup(n_stages=1)
    seeds = (seed for seed in range(99) if mixed(method, batch, seed, network).drawn.layer)
    hidden = mixed(method, batch, next(seeds), network)
    assert hidden.drawn.layer is stages_of(network)[0]
    network.eval()
    with torch.no_grad():
        (logits,) = method.forward(hidden, network)
        assert not torch.allclose(logits, network(images))


def test_manifold_mixup_changes_a_compiled_network():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(300, 8), nn.Linear(8, N))
    compiled = torch.compile(network, backend="eager")
    method, batch = ManifoldMixup(), flat_images()
    batch = Batch((torch.randn_like(batch.views[0]),), LABELS, LABELS, N)
    compiled(batch.views[0])  # traced before there is a hook
    for seed in range(4):
        ready = mixed(method, batch, seed, network)
        (theirs,), (ours,) = method.forward(ready, network), method.forward(ready, compiled)
        torch.testing.assert_close(ours, theirs)
