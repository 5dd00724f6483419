"""Every operation that a plan may hold has a kernel and a reference, and they agree."""

import numpy as np
import pytest

from fractalgen.augment import IPMix
from fractalgen.augment.image_ops import PAPER_IMAGE_OPS, REFERENCES, amount_of
from fractalgen.augment.reference import MIXINGS
from fractalgen.kernels.plan_layout import IMAGE_OPS, MIXING_OPS, NO_OP, PLAN
from tests.augment.conftest import smooth_images

SIZE = 24
IMAGE, PARTNER = smooth_images(2, SIZE, 11)


def one_step(**fields):
    plan = np.zeros((), PLAN)
    plan["n_chains"], plan["skip"] = 1, 1
    plan["depth"][0], plan["weights"][0] = 1, 1
    plan["box"][0, 0] = (0, 0, SIZE, SIZE)
    for name, value in ({"mixing": NO_OP, "image_op": NO_OP} | fields).items():
        plan[name][0, 0] = value
    return plan[()]


def by_both_engines(plan):
    return (
        IPMix(PARTNER[None], engine=engine).apply(plan, IMAGE) * 255
        for engine in ("compiled", "reference")
    )


def test_the_references_are_those_of_the_layout():
    assert tuple(REFERENCES) == IMAGE_OPS
    assert tuple(MIXINGS) == MIXING_OPS
    assert set(PAPER_IMAGE_OPS) < set(IMAGE_OPS)


@pytest.mark.parametrize("name", IMAGE_OPS)
def test_an_image_operation_has_a_kernel(name):
    random = REFERENCES[name].random
    plan = one_step(
        image_op=IMAGE_OPS.index(name),
        amount=amount_of(name, 8.0, 1, (SIZE, SIZE)),
        detail=random.usual if random else (0, 0),
        op_seed=5,
    )
    ours, theirs = by_both_engines(plan)
    assert np.mean(np.abs(ours - theirs) <= 1.01) >= 0.999
    assert np.abs(ours - IMAGE).mean() > 1


@pytest.mark.parametrize("name", MIXING_OPS)
def test_a_mixing_operation_has_a_kernel(name):
    mixing = MIXINGS[name]
    factors = [0.6 * high + 0.4 * low for low, high in (mixing.a_range, mixing.b_range)]
    ours, theirs = by_both_engines(
        one_step(mixing=MIXING_OPS.index(name), factors=factors, mask_seed=7)
    )
    assert np.abs(ours - theirs).max() <= 1.01
    assert np.abs(ours - IMAGE).mean() > 1
