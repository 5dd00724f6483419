"""IPMix's views where some images stay clean, or come in pairs."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from fractalgen.methods.ipmix import IPMixMethod  # noqa: E402
from fractalgen.methods.method import Batch  # noqa: E402
from fractalgen.torch.datasets import normalized_tensor  # noqa: E402
from fractalgen.torch.losses import pair_loss  # noqa: E402

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
OPS = ("filter", "tone", "warp")


def images(n, size, seed):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), np.uint8)


def views_of(n=400, **options):
    method = IPMixMethod(jsd=False, image_ops=OPS, **options)
    make = method.views(images(5, 9, 1), MEAN, STD)
    return make, make(images(n, 8, 2), range(n)), normalized_tensor(images(n, 8, 2), MEAN, STD)


def same(view, other):
    return (view == other).flatten(1).all(dim=1).numpy()


def test_a_share_of_the_images_stays_clean_and_the_rest_is_mixed_as_before():
    _, (all_mixed,), _ = views_of()
    _, (view,), clean = views_of(clean_share=0.25)
    stays = same(view, clean)
    assert 70 < stays.sum() < 130  # 100 expected, with a deviation of 8.7
    assert same(view, all_mixed)[~stays].all()
    _, (view,), clean = views_of(clean_share=1.0)
    assert same(view, clean).all()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_pairs_are_two_unlike_views_that_do_not_depend_on_the_batch(share):
    make, (first, second), clean = views_of(40, pairs=True, clean_share=share)
    assert same(first, clean).mean() == pytest.approx(share, abs=0.3)
    assert not same(second, clean).all()
    assert same(first, second).sum() < 10
    for place in (3, 17):
        alone = make(images(40, 8, 2)[place : place + 1], [place])
        assert torch.equal(alone[0][0], first[place])
        assert torch.equal(alone[1][0], second[place])


def test_pairs_are_trained_with_their_loss():
    method = IPMixMethod(jsd=False, pairs=True, pair_weight=3.0)
    assert method.n_views == 2
    logits = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(6) % 5
    batch = Batch((torch.zeros(6, 3, 4, 4),) * 2, labels, labels, 5)
    assert method.loss(batch, tuple(logits)) == pair_loss(*logits, labels, weight=3.0)
