"""Run in a process of its own: plans with wrong numbers in them, of other sizes and banks.

Each is refused by the name of a field, or applied as the reference does. What reads or writes
foreign memory may end this process, which is for the caller to see.
"""

import copy
import re
import sys

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fractalgen.augment.ipmix import IPMix
from fractalgen.augment.plan import FRAMEWORKS, PLAN, from_json, to_json
from tests.augment.conftest import smooth_images

SIZES = ((1, 1), (2, 3), (8, 8), (9, 40), (29, 13), (36, 36), (40, 40))
BANKS = tuple(smooth_images(n, size, size) for n, size in ((1, 36), (5, 40), (2, 9)))
IMAGE = smooth_images(1, 40, 2)[0]
FROM_READABLE = 64  # pixels; in fewer, one that differs is more than a rounding

# A field of the plan, or of the reasons that concern an image and a bank as a whole.
NAMED = re.compile(
    r"^(the sum of )?(" + "|".join(PLAN.names) + r")(\[[\d, ]+\])?('s \w+)?( of [\w-]+)? must be "
    r"|^images of \d+ x \d+ need a bank of at least that size"
)
NAMED_IN_JSON = re.compile(
    NAMED.pattern + r"|^not a plan: |^chains\[\d\]'s steps must be |^chains must be "
    r"|^(framework|mixing|image_op)(\[\d, \d\])?: '.*' is unknown; "
)

whole = st.integers(-3, 50) | st.integers(-(2**31), 2**31 - 1) | st.sampled_from([-1, 0, 1, 8, 9])
real = st.floats(width=32) | st.floats(-2, 40, width=32) | st.sampled_from([0.0, 1.0, 30.0])
anything = (
    whole
    | real
    | st.integers()
    | st.sampled_from(["", "3", "rotate", "add", "input", None, True, float("nan"), float("inf")])
    | st.sampled_from([10**400, -(10**400), [], {}, [1], [0, 0], [0, 0, 8, 8], b"x", 1j])
)


def augmenters(data):
    """The same augmenter by both engines."""
    options = {
        "framework": data.draw(st.sampled_from(FRAMEWORKS)),
        "compat": data.draw(st.sampled_from(["paper", "official"])),
        "image_ops": "all",
        "patch_sizes": [2, 3, 8, "image"],
        "k": data.draw(st.integers(1, 8)),
        "t": data.draw(st.integers(1, 8)),
    }
    bank = data.draw(st.sampled_from(BANKS))
    return [IPMix(bank, engine=engine, **options) for engine in ("compiled", "reference")]


def drawn_plan(aug, data):
    """A plan, and the size of the image that it is drawn for."""
    fitting = [size for size in SIZES if max(size) <= aug.bank.shape[1]]
    size = data.draw(st.sampled_from(fitting))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    return aug.sample_plan(rng, size), size


def outcome(call):
    """What a call gives, and what a ValueError of it says."""
    try:
        return call(), ""
    except ValueError as error:
        return None, str(error)


def check_applied(augs, plan, image, named):
    """Apply a plan by both engines: both refuse it, or both give the same; whether they did."""
    given, refusal = outcome(lambda: augs[0].apply(plan, image))
    expected, by_reference = outcome(lambda: augs[1].apply(plan, image))
    assert refusal == by_reference
    if refusal:
        assert named.search(refusal), refusal
        return False
    assert given.shape == image.shape
    assert np.isfinite(given).all()
    assert given.min() >= 0
    assert given.max() <= 1
    if image.size >= 3 * FROM_READABLE:
        apart = np.abs(given - expected) * 255
        wraps = plan["wraps"] == 1
        # As `test_both_engines_apply_plans_alike` has it, and more where there are few pixels.
        assert apart.mean() < (16.0 if wraps else 4.0), apart.mean()
    return True


def other_size(augs, size, data):
    """The size itself mostly, or another, some of which are larger than the bank."""
    height, width = data.draw(st.just(size) | st.sampled_from(SIZES))
    return IMAGE[:height, :width]


quiet = settings(
    max_examples=600,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
outcomes = {"refused": 0, "applied": 0}


def count(applied):
    outcomes["applied" if applied else "refused"] += 1


@quiet
@given(data=st.data())
def records(data):
    """Change some elements of a record."""
    augs = augmenters(data)
    plan, size = drawn_plan(augs[0], data)
    for _ in range(data.draw(st.integers(0, 3))):
        field = data.draw(st.sampled_from(PLAN.names))
        kind = PLAN[field].base
        values = real if kind.kind == "f" else whole
        values = st.integers(0, 2**64 - 1) if kind.kind == "u" else values
        values = values | st.integers(-(2**63), 2**63 - 1) if kind.itemsize == 8 else values
        if kind.kind == "u":
            values = st.integers(0, 2**64 - 1)
        at = tuple(data.draw(st.integers(0, min(n - 1, 3))) for n in PLAN[field].shape)
        if at:
            plan[field][at] = data.draw(values)
        else:
            plan[field] = data.draw(values)
    count(check_applied(augs, plan, other_size(augs, size, data), NAMED))


def places(tree, at=()):
    """Every place in JSON, as the keys that lead there."""
    found = [at] if at else []
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        found += places(tree[key], (*at, key))
    return found


@quiet
@given(data=st.data())
def texts(data):
    """Change, remove, repeat or add parts of a plan in JSON."""
    augs = augmenters(data)
    plan, size = drawn_plan(augs[0], data)
    tree = to_json(plan)
    for _ in range(data.draw(st.integers(0, 2))):
        *path, key = data.draw(st.sampled_from(places(tree)))
        parent = tree
        for step in path:
            parent = parent[step]
        change = data.draw(st.sampled_from(["replace", "replace", "remove", "repeat", "add"]))
        if change == "replace":
            parent[key] = data.draw(anything)
        elif change == "remove":
            del parent[key]
        elif change == "repeat" and isinstance(parent[key], list):
            parent[key] = copy.deepcopy(parent[key]) * data.draw(st.integers(2, 9))
        elif isinstance(parent, dict):
            parent["more"] = data.draw(anything)
        if not places(tree):
            break
    plan, refusal = outcome(lambda: from_json(tree))
    if refusal:
        assert NAMED_IN_JSON.search(refusal), refusal
        assert "\n" not in refusal
        count(False)
        return
    count(check_applied(augs, plan, other_size(augs, size, data), NAMED))


if __name__ == "__main__":
    for run in (records, texts):
        outcomes |= {"refused": 0, "applied": 0}
        run()
        sys.stdout.write(f"{run.__name__} {outcomes['refused']} {outcomes['applied']}\n")
