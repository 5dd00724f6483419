"""What every training method keeps to; a new one in the registry is covered as it is."""

import dataclasses
import importlib.util
import json
import pickle

import numpy as np
import pytest

from fractalgen.methods import METHODS, find_method

if importlib.util.find_spec("torch") is None:
    pytest.skip("the extra train is not installed", allow_module_level=True)

import torch

from fractalgen.cli.field_options import of_fields
from fractalgen.cli.train_with_set import train_with_set
from fractalgen.methods.method import Batch, Method
from fractalgen.torch.datasets import normalized
from fractalgen.training.config import Config, configure

SIZE, N, N_CLASSES = 16, 8, 4
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
SEEDS = list(range(100, 100 + N))


COMBINED = ("augmix+mixup+cutmix", "manifold-mixup+autoaugment")


@pytest.fixture(params=[*METHODS, *COMBINED])
def method(request):
    return find_method(request.param)()


def images(n, size, seed):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), np.uint8)


def views_of(method):
    bank = images(5, SIZE * 8 // 7, 1) if method.uses_set else None
    return method.views(bank, MEAN, STD)


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(128, N_CLASSES),
    )


def batch_of(method, model, seed=0):
    labels = torch.arange(N) % N_CLASSES
    views = views_of(method)(images(N, SIZE, 2), SEEDS)
    given = [view if view.is_floating_point() else normalized(view, MEAN, STD) for view in views]
    batch = Batch(tuple(given), labels, labels, N_CLASSES)
    return method.on_device(batch, model, np.random.default_rng(seed))


def test_it_is_a_frozen_dataclass_that_says_its_name(method):
    assert isinstance(method, Method)
    assert find_method(method.name) is type(method)
    assert method == type(method)()
    for field in dataclasses.fields(method):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(method, field.name, None)


def test_its_options_survive_json(method):
    config = configure(method=method.name)
    assert Config.from_json(json.loads(json.dumps(config.as_json()))) == config


def test_every_field_is_an_option_of_the_command_with_a_help_text(method):
    taken = {param.name for param in train_with_set.params}
    options = of_fields(type(method), optional=True)
    assert [option.name for option in options] == [one.name for one in dataclasses.fields(method)]
    for option in options:
        assert option.name not in taken
        assert option.help.split("  [default")[0]
        assert option.default is None


def test_same_seeds_give_the_same_views_one_by_one_and_after_pickling(method):
    pixels = images(N, SIZE, 2)
    before = pixels.copy()
    make = views_of(method)
    views = make(pixels, SEEDS)
    assert np.array_equal(pixels, before)
    assert len(views) <= method.n_views
    for view in views:
        assert view.dtype in (torch.uint8, torch.float32)
        assert view.shape == (N, 3, SIZE, SIZE)
    again = pickle.loads(pickle.dumps(make))
    for place in range(N):
        alone = again(pixels[place : place + 1], SEEDS[place : place + 1])
        for view, whole in zip(alone, views, strict=True):
            assert torch.equal(view[0], whole[place])


def test_the_same_seed_gives_the_same_batch(method):
    first, second = batch_of(method, network()), batch_of(method, network())
    assert all(map(torch.equal, first.views, second.views))
    assert torch.equal(first.targets, second.targets)
    assert torch.equal(first.labels, torch.arange(N) % N_CLASSES)


def test_it_says_whether_it_needs_a_network_before_the_forward_pass(method):
    if method.uses_network:
        with pytest.raises((AttributeError, TypeError)):
            batch_of(method, None)
    else:
        batch_of(method, None)


def test_label_weights_sum_to_one(method):
    targets = batch_of(method, network()).targets
    if targets.is_floating_point():
        assert targets.shape == (N, N_CLASSES)
        assert (targets >= 0).all()
        torch.testing.assert_close(targets.sum(dim=1), torch.ones(N))
    else:
        assert torch.equal(targets, torch.arange(N) % N_CLASSES)


def test_it_leaves_no_gradient_behind_before_the_loss(method):
    model = network().train()
    batch_of(method, model)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_one_step_lowers_the_loss_on_a_fixed_batch(method):
    model = network().train()
    batch = batch_of(method, model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    losses = []
    for _ in range(2):
        logits = method.forward(batch, model)
        assert all(one.shape == (N, N_CLASSES) for one in logits)
        loss = method.loss(batch, logits)
        assert loss.shape == ()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]
