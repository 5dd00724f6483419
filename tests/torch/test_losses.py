import math

import pytest

torch = pytest.importorskip("torch")

from fractalgen.torch import jsd_loss  # noqa: E402
from fractalgen.torch.losses import pair_loss  # noqa: E402


def test_outputs_of_different_shapes_have_no_divergence():
    logits, targets = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64)
    for other in (logits[:3], None, logits.numpy()):
        with pytest.raises(ValueError, match="must have the same shape"):
            jsd_loss(logits, logits, other, targets)


def test_jsd_loss_against_values_worked_by_hand():
    """p0 = (1/2, 1/2), p1 = (3/4, 1/4), p2 = (1/4, 3/4): m = p0, KL(p0 | m) = 0, and the others'
    is 3/4 log(3/2) + 1/4 log(1/2)."""
    clean = torch.zeros(1, 2)
    aug1 = torch.tensor([[math.log(3.0), 0.0]])
    aug2 = torch.tensor([[0.0, math.log(3.0)]])
    one = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    loss = jsd_loss(clean, aug1, aug2, torch.tensor([1]))
    assert float(loss) == pytest.approx(math.log(2.0) + 12 * (2 * one) / 3, rel=1e-6)
    assert float(jsd_loss(clean, aug1, aug2, torch.tensor([1]), weight=0)) == pytest.approx(
        math.log(2.0)
    )


def test_jsd_loss_stays_finite_where_the_network_is_certain():
    logits = torch.tensor([[300.0, 0.0, 0.0]], requires_grad=True)
    against = torch.tensor([[0.0, 300.0, 0.0]])
    loss = jsd_loss(logits, against, against, torch.tensor([0]))
    loss.backward()
    # Clean: log(1 / (1/3)); the others: log(1 / (2/3)), twice.
    assert float(loss.detach()) == pytest.approx(12 * (math.log(3) + 2 * math.log(1.5)) / 3)
    assert torch.isfinite(logits.grad).all()


def test_jsd_loss_of_half_precision_is_computed_in_float32():
    logits = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)).bfloat16()
    targets = torch.tensor([0, 1, 2, 3])
    loss = jsd_loss(*logits, targets)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, jsd_loss(*logits.float(), targets))


def test_pair_loss_against_values_worked_by_hand():
    """p0 = (3/4, 1/4), p1 = (1/4, 3/4): m = (1/2, 1/2), and both divergences are
    3/4 log(3/2) + 1/4 log(1/2). The entropies are log(4) and log(4/3)."""
    first = torch.tensor([[math.log(3.0), 0.0]])
    second = torch.tensor([[0.0, math.log(3.0)]])
    one = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    entropy = (math.log(4) + math.log(4 / 3)) / 2
    loss = pair_loss(first, second, torch.tensor([1]), weight=5.0)
    assert float(loss) == pytest.approx(entropy + 5 * one, rel=1e-6)


def test_pair_loss_is_the_divergence_of_scipy():
    spatial = pytest.importorskip("scipy.spatial.distance")
    logits = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([0, 1, 2, 3, 4, 0])
    p = logits.double().softmax(dim=2).numpy()
    divergence = (spatial.jensenshannon(p[0], p[1], axis=1) ** 2).mean()
    entropy = sum(float(torch.nn.functional.cross_entropy(one, targets)) for one in logits) / 2
    loss = pair_loss(*logits, targets, weight=12.0)
    assert float(loss) == pytest.approx(entropy + 12 * divergence, rel=1e-5)
