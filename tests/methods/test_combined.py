"""Methods made of others: what is chosen, whose options, and what cannot be combined."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from torch import nn

from fractalgen.errors import RunUsageError
from fractalgen.methods import find_method
from fractalgen.methods.batch_mixing import CutMix, MixUp
from fractalgen.methods.method import Batch
from fractalgen.training.config import Config, configure

N, SIZE = 6, 16
LABELS = torch.arange(N)


def batch(progress=0.0):
    view = torch.from_numpy(np.random.default_rng(0).normal(size=(N, 3, SIZE, SIZE))).float()
    return Batch((view, view + 1, view + 2), LABELS, LABELS, N, progress=progress)


def on_device(method, seed, progress=0.0):
    return method.on_device(batch(progress), nn.Identity(), np.random.default_rng(seed))


def is_mixup(out):
    """Whether every pixel is changed; CutMix leaves or takes whole pixels."""
    view = batch().views[0]
    return bool(((out.views[0] != view) & (out.views[0] != view.roll(1, 0))).any())


def test_in_sequence_a_batch_goes_through_all_of_them():
    method = find_method("mixup+cutmix")(p=1.0)
    rng = np.random.default_rng(4)
    expected = CutMix(p=1.0).on_device(
        MixUp().on_device(batch(), nn.Identity(), rng), nn.Identity(), rng
    )
    out = on_device(method, 4)
    assert all(map(torch.equal, out.views, expected.views))
    assert torch.equal(out.targets, expected.targets)
    torch.testing.assert_close(out.targets.sum(1), torch.ones(N))


def test_at_random_both_are_chosen_and_the_seed_decides():
    method = find_method("augmix+mixup+cutmix")(combine="random", p=1.0)
    chosen = [is_mixup(on_device(method, seed)) for seed in range(40)]
    assert 10 < sum(chosen) < 30
    assert chosen == [is_mixup(on_device(method, seed)) for seed in range(40)]
    assert all(set(on_device(method, seed).drawn) > {"augmix"} for seed in range(5))


def test_by_epoch_the_first_half_of_the_run_is_mixup():
    method = find_method("augmix+mixup+cutmix")(combine="epoch", p=1.0)
    chosen = [is_mixup(on_device(method, seed, seed / 10)) for seed in range(10)]
    assert chosen == [True] * 5 + [False] * 5


def test_views_and_loss_are_those_of_the_part_that_has_them():
    method, augmix = find_method("mixup+augmix")(), find_method("augmix")()
    pixels = np.random.default_rng(1).integers(0, 256, (N, SIZE, SIZE, 3), np.uint8)
    made = [one.views(None, (0, 0, 0), (1, 1, 1))(pixels, range(N)) for one in (method, augmix)]
    assert len(made[0]) == 3 == method.n_views
    assert all(map(torch.equal, *made))
    out = on_device(method, 0)
    logits = tuple(torch.randn(N, N, generator=torch.manual_seed(0)) for _ in range(3))
    assert method.loss(out, logits) == augmix.loss(out, logits)


def test_the_forward_pass_is_that_of_the_chosen_part():
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE**2, N))
    method = find_method("manifold-mixup+cutout")(combine="random")
    for seed in range(6):
        out = method.on_device(batch(), network, np.random.default_rng(seed))
        logits, plain = method.forward(out, network)[0], network(out.views[0])
        assert torch.allclose(logits, plain) == ("cutout" in out.drawn)


def test_shared_options_have_the_parts_names_before_them():
    config = configure(method="augmix+mixup+cutmix", mixup_alpha=0.2, cutmix_alpha=0.5, width=1)
    augmix, mixup, cutmix = config.method.parts
    assert (augmix.alpha, mixup.alpha, cutmix.alpha, augmix.width) == (1.0, 0.2, 0.5, 1)
    again = Config.from_json(json.loads(json.dumps(config.as_json())))
    assert again == config
    assert again.method.parts == config.method.parts
    other = dataclasses.replace(config.method, mixup_alpha=0.3)
    assert other.parts[1].alpha == 0.3


def test_recipes_and_data_sets_count_for_the_parts():
    config = configure(method="ipmix+mixup", dataset="folder:photos", recipe="official")
    assert config.method.parts[0] == configure(dataset="folder:photos", recipe="official").method
    assert config.method.uses_set


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "mixup+cutmx"}, "unknown method 'cutmx': did you mean 'cutmix'"),
        ({"method": "mixup+"}, "unknown method ''"),
        ({"method": "mixup+cutout+mixup"}, "has mixup more than once"),
        ({"method": "augmix+prime"}, "augmix and prime both make the views"),
        ({"method": "augmix+mixup", "combine": "random"}, "augmix.mixup has mixup; vanilla can"),
        ({"method": "mixup+cutmix", "combine": "radnom"}, "did you mean 'random'"),
        ({"method": "mixup+cutmix", "alpha": 1.0}, "no alpha; use cutmix_alpha or mixup_alpha"),
        ({"method": "mixup+cutmix", "mixup_alpha": 0.0}, "mixup: alpha must be a number from"),
        ({"method": "mixup+cutmix", "hole": 0.5}, "no hole; leave that out, or use cutout"),
    ],
)
def test_what_cannot_be_combined_is_refused_in_words(given, message):
    with pytest.raises(RunUsageError, match=message):
        configure(**given)
