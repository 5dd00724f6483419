"""Views of torchvision's policies and of AugMax."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import v2

from fractalgen.methods.augmax import AugMaxMethod
from fractalgen.methods.method import Batch
from fractalgen.methods.policies import AutoAugment, RandAugment, TrivialAugment

N, SIZE = 8, 16
SEEDS = [7, 8, 9, (1 << 64) - 1, 11, 12, 13, 14]
PLAIN = (None, (0, 0, 0), (1, 1, 1))


@pytest.fixture
def pixels():
    return np.random.default_rng(2).integers(0, 256, (N, SIZE, SIZE, 3), np.uint8)


@pytest.mark.parametrize(
    ("method", "transform"),
    [
        (AutoAugment(), v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10)),
        (AutoAugment("svhn"), v2.AutoAugment(v2.AutoAugmentPolicy.SVHN)),
        (RandAugment(n_ops=3, magnitude=5), v2.RandAugment(3, 5)),
        (TrivialAugment(), v2.TrivialAugmentWide()),
    ],
)
def test_an_image_is_torchvisions_at_the_images_seed(method, transform, pixels):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    (view,) = method.views(*PLAIN)(pixels, SEEDS)
    assert torch.equal(torch.get_rng_state(), before)
    for image, seed, out in zip(pixels, SEEDS, view, strict=True):
        torch.manual_seed(seed % 2**63)
        expected = np.asarray(transform(Image.fromarray(image)))
        assert np.array_equal(out.permute(1, 2, 0), expected)
    assert not torch.equal(view, torch.from_numpy(pixels).permute(0, 3, 1, 2))


def test_augmax_is_worse_than_augmix_for_the_network(pixels):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE**2, N), nn.BatchNorm1d(N)).train()
    labels = torch.arange(N)
    clean, *others = AugMaxMethod().views(*PLAIN)(pixels, SEEDS)
    views = (clean / 255, *others)
    assert len(views) == 5
    batch = Batch(views, labels, labels, N)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    losses = []
    for steps in (0, 1, 10):
        method = AugMaxMethod(steps=steps, tau=1000)
        out = method.on_device(batch, network, np.random.default_rng(0))
        assert torch.equal(out.views[0], views[0])
        assert torch.equal(out.views[1], views[1])
        network.eval()
        losses.append(nn.functional.cross_entropy(network(out.views[2]), labels).item())
        network.train()
    assert losses[0] < losses[1] < losses[2]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_augmax_mixes_the_clean_image_and_the_chains(pixels):
    """An image of the constant 1 whose chains are 2, 3 and 4 gets a weighted mean of these."""
    clean = torch.ones(N, 3, SIZE, SIZE)
    batch = Batch((clean, *(clean * k for k in (9, 2, 3, 4))), *[torch.zeros(N).long()] * 2, 2)
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2, bias=False))
    with torch.no_grad():
        network[2].weight.copy_(torch.tensor([[0.0] * 3, [0.1] * 3]))  # large values err
    method = AugMaxMethod(steps=300, tau=1000)
    worst = method.on_device(batch, network, np.random.default_rng(0)).views[2]
    # m has reached 1, and the softmax is nearly all at the largest chain.
    assert torch.all(worst > 3.9)
    assert torch.all(worst <= 4.0)
    mild = AugMaxMethod(steps=300, tau=0).on_device(batch, network, np.random.default_rng(0))
    assert torch.all(mild.views[2] < 3.9)  # the network errs from the start, so it ends
