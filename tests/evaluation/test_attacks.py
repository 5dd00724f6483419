import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from fractalgen.errors import RunUsageError
from fractalgen.evaluation.attacks import Normalized, pgd
from fractalgen.training.models import create_model

N_CLASSES = 3


def images_of(n, seed=0, size=8):
    """Images with many values at the ends of the range."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(n, 3, size, size, generator=generator) * 1.4 - 0.2).clamp(0, 1)


def labels_of(n):
    return torch.arange(n) % N_CLASSES


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Normalized(create_model("resnet-8", N_CLASSES, 8), (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))


class Linear(nn.Module):
    """Two classes, told apart by the sign of a weighted sum."""

    def __init__(self, size=8):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.w = nn.Parameter(torch.randn(3, size, size, generator=generator))

    def forward(self, pixels):
        score = (pixels * self.w).sum(dim=(1, 2, 3)) / 50
        return torch.stack([-score, score], dim=1)


def losses(model, images, labels):
    with torch.no_grad():
        return functional.cross_entropy(model(images), labels, reduction="none")


def lengths(change):
    return change.double().flatten(1).norm(dim=1)


@settings(max_examples=25)
@given(
    epsilon=st.floats(0, 3),
    step_size=st.none() | st.floats(0, 5),
    norm=st.sampled_from(["linf", "l2"]),
    steps=st.integers(0, 3),
    seed=st.integers(0, 2**40),
)
def test_the_ball_and_the_range_are_never_left(network, epsilon, step_size, norm, steps, seed):
    clean = images_of(4)
    options = {"epsilon": epsilon, "step_size": step_size, "steps": steps, "norm": norm}
    attacked = pgd(network, clean, labels_of(4), seed=seed, **options)
    assert attacked.shape == clean.shape
    assert attacked.dtype == torch.float32
    assert not attacked.requires_grad
    assert 0 <= float(attacked.min()) <= float(attacked.max()) <= 1
    change = attacked.double() - clean.double()
    farthest = change.abs().max() if norm == "linf" else lengths(change).max()
    assert float(farthest) <= epsilon + 1e-6


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_epsilon_zero_gives_the_clean_images(network, norm):
    clean = images_of(3)
    for step_size in (None, 0.1):
        attacked = pgd(
            network, clean, labels_of(3), epsilon=0, step_size=step_size, norm=norm, seed=1, steps=2
        )
        assert torch.equal(attacked, clean)


def test_a_linear_network_gets_its_worst_image_within_linf():
    """Every value goes `epsilon` against its weight's sign, as far as the range allows."""
    model, clean = Linear(), images_of(6)
    labels = torch.arange(6) % 2
    towards = torch.where(labels == 1, -1.0, 1.0).reshape(-1, 1, 1, 1)
    worst = (clean + 2 / 255 * towards * model.w.detach().sign()).clamp(0, 1)
    attacked = pgd(model, clean, labels, seed=3)
    torch.testing.assert_close(attacked, worst, rtol=0, atol=1e-6)


def test_a_linear_network_gets_its_worst_image_within_l2():
    """Of images far from black and white: `epsilon` along the weights."""
    model = Linear()
    clean = images_of(6) * 0.2 + 0.4
    labels = torch.arange(6) % 2
    towards = torch.where(labels == 1, -1.0, 1.0).reshape(-1, 1, 1, 1)
    w = model.w.detach()
    worst = clean + 0.25 * towards * w / w.norm()
    attacked = pgd(model, clean, labels, seed=3, norm="l2", epsilon=0.25, steps=60)
    torch.testing.assert_close(attacked, worst, rtol=0, atol=1e-4)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_more_steps_never_give_a_linear_network_a_smaller_loss(norm):
    model, clean = Linear(), images_of(6) * 0.2 + 0.4
    labels = torch.arange(6) % 2
    found = [
        losses(model, pgd(model, clean, labels, norm=norm, steps=steps, seed=2), labels)
        for steps in range(12)
    ]
    for fewer, more in itertools.pairwise(found):
        assert (more >= fewer - 1e-6).all()
    assert (found[-1] > found[0]).all()


def test_a_step_is_a_quarter_of_epsilon_unless_it_is_said():
    """From the start, one step moves each value that stays inside by just that."""
    model, clean = Linear(), torch.full((2, 3, 8, 8), 0.5)
    labels = torch.tensor([0, 1])
    for step_size, moved in ((None, 0.025), (0.01, 0.01)):
        start, after = (
            pgd(model, clean, labels, epsilon=0.1, step_size=step_size, steps=n, seed=0)
            for n in (0, 1)
        )
        inside = (after - clean).abs() < 0.0999
        assert inside.float().mean() > 0.5
        torch.testing.assert_close(
            (after - start).abs()[inside], torch.full((int(inside.sum()),), moved)
        )


def test_the_networks_loss_rises(network):
    clean, labels = images_of(12), labels_of(12)
    network.eval()
    attacked = pgd(network, clean, labels, epsilon=8 / 255, seed=0)
    assert losses(network, attacked, labels).mean() > losses(network, clean, labels).mean() + 0.05


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_starts_fill_the_ball_evenly(network, norm):
    """Uniform in each value for linf; for l2 in any direction, and with length ** d uniform."""
    clean = torch.full((400, 3, 4, 4), 0.5)
    change = pgd(network, clean, labels_of(400), epsilon=0.4, steps=0, norm=norm, seed=0) - clean
    if norm == "linf":
        values = change.flatten() / 0.4
        assert float(values.abs().max()) > 0.999
        assert float(values.mean()) == pytest.approx(0, abs=0.02)
        assert float(values.var()) == pytest.approx(1 / 3, abs=0.01)
    else:
        spread = (lengths(change) / 0.4) ** 48
        assert float(spread.mean()) == pytest.approx(0.5, abs=0.08)
        assert float(spread.var()) == pytest.approx(1 / 12, abs=0.02)
        assert float(change.mean(dim=0).abs().max()) < 0.02


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_images_attack_depends_on_seed_and_index_and_not_on_its_batch(network, norm):
    clean, labels = images_of(6), labels_of(6)
    whole = pgd(network, clean, labels, norm=norm, steps=0, seed=5)
    order = [4, 1, 5]
    part = pgd(network, clean[order], labels[order], norm=norm, steps=0, seed=5, indices=order)
    assert torch.equal(part, whole[order])
    assert not torch.equal(pgd(network, clean, labels, norm=norm, steps=0, seed=6), whole)

    linear, two = Linear(), labels % 2
    whole = pgd(linear, clean, two, norm=norm, steps=3, seed=5)
    part = pgd(linear, clean[order], two[order], norm=norm, steps=3, seed=5, indices=order)
    torch.testing.assert_close(part, whole[order], rtol=0, atol=1e-6)


def test_pytorchs_generator_the_images_and_the_network_are_left_as_they_were():
    model = create_model("resnet-8", N_CLASSES, 8).train()
    model.stage1.eval()
    model.fc.weight.requires_grad_(False)
    clean, labels = images_of(4), labels_of(4)
    kept, generator = clean.clone(), torch.get_rng_state()
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    with torch.no_grad():
        attacked = pgd(model, clean, labels, seed=0, steps=2)
    assert not torch.equal(attacked, clean)
    assert torch.equal(clean, kept)
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    for name, tensor in model.named_parameters():
        assert tensor.grad is None
        assert tensor.requires_grad == (name != "fc.weight")


def test_it_runs_inside_inference_mode_and_on_frozen_networks(network):
    expected = pgd(network, images_of(3), labels_of(3), seed=0, steps=2)
    with torch.inference_mode():
        inside = pgd(network, images_of(3), labels_of(3), seed=0, steps=2)
    assert torch.equal(inside, expected)
    frozen = Linear().requires_grad_(False)
    attacked = pgd(frozen, images_of(3), labels_of(3) % 2, seed=0)
    assert torch.equal(attacked, pgd(Linear(), images_of(3), labels_of(3) % 2, seed=0))


def test_a_certain_network_is_still_followed_within_l2():
    """Its gradient's squares vanish in float32; the direction does not."""
    model, clean = Linear(), torch.full((1, 3, 8, 8), 0.5)
    with torch.no_grad():
        model.w -= model.w.mean() - 1.2  # a score of about 2.3 for grey
        model.w *= 12
    labels = torch.tensor([1])
    assert float(losses(model, clean, labels)) == 0
    attacked = pgd(model, clean, labels, seed=0, norm="l2", epsilon=0.5, steps=40)
    w = model.w.detach()
    torch.testing.assert_close(attacked, clean - 0.5 * w / w.norm(), rtol=0, atol=1e-3)
    options = {"seed": 0, "norm": "l2", "epsilon": 0.5, "step_size": 0.01}
    start, after = (pgd(model, clean, labels, steps=steps, **options) for steps in (0, 1))
    assert 0.001 < float(lengths(after - start)) < 0.0101


def test_normalised_networks_take_pixels(network):
    pixels = images_of(2)
    mean = torch.tensor([0.5, 0.4, 0.3]).reshape(3, 1, 1)
    std = torch.tensor([0.2, 0.25, 0.3]).reshape(3, 1, 1)
    network.eval()
    with torch.no_grad():
        assert torch.equal(network(pixels), network.model((pixels - mean) / std))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "l1"}, "unknown norm 'l1': choose from linf, l2"),
        ({"epsilon": -0.1}, "epsilon must be at least 0, not -0.1"),
        ({"epsilon": float("nan")}, "epsilon must be at least 0, not nan"),
        ({"step_size": float("inf")}, "step size must be at least 0, not inf"),
        ({"steps": -1}, "steps must be at least 0, not -1"),
    ],
)
def test_options_out_of_range_are_named(network, options, message):
    with pytest.raises(RunUsageError, match=message):
        pgd(network, images_of(2), labels_of(2), seed=0, **options)


def test_images_must_be_pixels_from_0_to_1(network):
    for images in (images_of(2) * 255, images_of(2) - 1, images_of(2) * float("nan")):
        with pytest.raises(ValueError, match="from 0 to 1"):
            pgd(network, images, labels_of(2), seed=0)
    with pytest.raises(ValueError, match="2 images need as many indices, not 3"):
        pgd(network, images_of(2), labels_of(2), seed=0, indices=[0, 1, 2])
