"""A plan: every decision of one augmentation, as data.

A plan is a record of a fixed shape, so that a kernel draws a whole batch of them without Python,
and so that the compiled and the readable engine apply the same one. A plan from outside is checked
before an engine sees it, because kernels have no bounds checks.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fractalgen.arguments import one_of, real_number, whole_number
from fractalgen.augment.image_ops import IMAGE_OPS, amount_range
from fractalgen.registry import shown

__all__ = [
    "FRAMEWORKS",
    "MAX_DEPTH",
    "MAX_WIDTH",
    "MIXING_OPS",
    "PLAN",
    "checked_plan",
    "from_json",
    "to_json",
]

MAX_WIDTH = 8
MAX_DEPTH = 8
MIXING_OPS = ("add", "multiply", "random-pixels", "random-elements")
FRAMEWORKS = ("chain", "linear", "input")

# What a record can hold, where the image and the bank are not known yet.
_ANY_SIZE = ((1 << 31) - 1,) * 2
_ANY_BANK = ((1 << 63) - 1, (1 << 32) - 2, (1 << 32) - 2)
_MOST_WEIGHT = 1.0001  # of all chains together; the weights are rounded
_OF_STEPS = ("mixing", "image_op", "amount", "box", "factors", "mask_seed")
_STEPS = (MAX_WIDTH, MAX_DEPTH)
# `image`, `crop`: the bank's image and the corner that is cut from it (row, column).
# `framework`, `wraps`: index into FRAMEWORKS; whether values out of range wrap round.
# `skip`, `weights`, `n_chains`, `depth`: m, the chains' weights, how many, how many steps in each.
# Of each step:
# `mixing`: index into MIXING_OPS, or -1 for an operation on the chain's own image.
# `image_op`, `amount`: index into IMAGE_OPS and how much; -1 where the partner is the bank's.
# `box`: the patch's top, left, height and width.
# `factors`: a and b of add and multiply; the threshold, and 0, of the random masks.
# `mask_seed`: the random masks' stream.
PLAN = np.dtype(
    [
        ("image", np.int64),
        ("crop", np.int32, (2,)),
        ("framework", np.int32),
        ("wraps", np.int32),
        ("n_chains", np.int32),
        ("skip", np.float32),
        ("weights", np.float32, (MAX_WIDTH,)),
        ("depth", np.int32, (MAX_WIDTH,)),
        ("mixing", np.int32, _STEPS),
        ("image_op", np.int32, _STEPS),
        ("amount", np.float32, _STEPS),
        ("box", np.int32, (*_STEPS, 4)),
        ("factors", np.float32, (*_STEPS, 2)),
        ("mask_seed", np.uint64, _STEPS),
    ],
    align=True,
)


def checked_plan(
    plan: Any,
    size: Sequence[int] = _ANY_SIZE,
    bank_shape: Sequence[int] = _ANY_BANK,
) -> np.void:
    """Return a copy of a plan that came from outside, if each number that counts is in its range.

    Parameters
    ----------
    plan : record of dtype `PLAN`
        As `from_json` or `fractalgen.IPMix.sample_plan` gives it, or anything else.
    size : sequence of int
        Height and width of the image that it is for.
    bank_shape : sequence of int
        Number, height and width of the images to mix with.

    Raises
    ------
    TypeError
        If it is no plan at all.
    ValueError
        With the field, its value and the range, if that is left.
    """
    if not isinstance(plan, (np.void, np.ndarray)) or plan.dtype != PLAN or plan.shape != ():
        given = f"an array of {plan.shape}" if isinstance(plan, np.ndarray) else shown(plan)
        raise TypeError(
            "a plan must be one record of dtype fractalgen.augment.plan.PLAN, as sample_plan or "
            f"from_json gives it, not {given}"
        )
    record: np.void = np.array([plan], PLAN)[0]
    _check({name: record[name].tolist() for name in record.dtype.names or ()}, size, bank_shape)
    return record


def _check(fields: dict[str, Any], size: Sequence[int], bank_shape: Sequence[int]) -> None:
    """Check what a plan's fields hold, as lists, of the chains and steps that it has."""
    whole_number("image", fields["image"], 0, bank_shape[0] - 1)
    for axis, value in enumerate(fields["crop"]):
        whole_number(f"crop[{axis}]", value, 0, bank_shape[1 + axis] - size[axis])
    whole_number("framework", fields["framework"], 0, len(FRAMEWORKS) - 1)
    whole_number("wraps", fields["wraps"], 0, 1)
    real_number("skip", fields["skip"], 0.0, 1.0)
    n_chains = whole_number("n_chains", fields["n_chains"], 0, MAX_WIDTH)
    for chain in range(n_chains):
        real_number(f"weights[{chain}]", fields["weights"][chain], 0.0, _MOST_WEIGHT)
        depth = whole_number(f"depth[{chain}]", fields["depth"][chain], 0, MAX_DEPTH)
        for step in range(depth):
            values = {name: fields[name][chain][step] for name in _OF_STEPS}
            _check_step(f"[{chain}, {step}]", values, size)
    real_number("the sum of weights", sum(fields["weights"][:n_chains]), 0.0, _MOST_WEIGHT)


def _check_step(at: str, values: dict[str, Any], size: Sequence[int]) -> None:
    mixing = whole_number(f"mixing{at}", values["mixing"], -1, len(MIXING_OPS) - 1)
    least = 0 if mixing < 0 else -1  # a step that does not mix has to do something else
    image_op = whole_number(f"image_op{at}", values["image_op"], least, len(IMAGE_OPS) - 1)
    if image_op >= 0:
        low, high, whole = amount_range(IMAGE_OPS[image_op], (size[1], size[0]))
        name = f"amount{at} of {IMAGE_OPS[image_op]}"
        amount = real_number(name, values["amount"], low, high)
        if whole and amount != int(amount):
            raise ValueError(f"{name} must be whole, from {low:g} to {high:g}, not {amount}")
    if mixing < 0:
        return
    top, left, height, width = values["box"]
    for axis, sides, start, length in ((0, "height", top, height), (1, "width", left, width)):
        first = whole_number(f"box{at}'s {('top', 'left')[axis]}", start, 0, size[axis] - 1)
        whole_number(f"box{at}'s {sides}", length, 1, size[axis] - first)
    masks = MIXING_OPS[mixing].startswith("random")
    ranges = ((0.0, 1.0), (0.0, 0.0)) if masks else ((0.0, 2.0), (-1.0, 1.0))
    for name, value, (low, high) in zip("ab", values["factors"], ranges, strict=True):
        real_number(f"factors{at}'s {name} of {MIXING_OPS[mixing]}", value, low, high)
    whole_number(f"mask_seed{at}", values["mask_seed"], 0, (1 << 64) - 1)


def to_json(plan: np.void) -> dict[str, Any]:
    """Turn a plan into plain dictionaries, lists, strings and numbers that a person can read.

    Raises what `checked_plan` raises.
    """
    plan = checked_plan(plan)
    chains = [
        {
            "weight": float(plan["weights"][chain]),
            "steps": [_step_to_json(plan, chain, step) for step in range(plan["depth"][chain])],
        }
        for chain in range(plan["n_chains"])
    ]
    return {
        "image": int(plan["image"]),
        "crop": [int(value) for value in plan["crop"]],
        "framework": FRAMEWORKS[plan["framework"]],
        "wraps": bool(plan["wraps"]),
        "skip": float(plan["skip"]),
        "chains": chains,
    }


def _step_to_json(plan: np.void, chain: int, step: int) -> dict[str, Any]:
    image_op, mixing = plan["image_op"][chain, step], plan["mixing"][chain, step]
    out: dict[str, Any] = {}
    if image_op >= 0:
        out |= {"image_op": IMAGE_OPS[image_op], "amount": float(plan["amount"][chain, step])}
    if mixing >= 0:
        out |= {
            "mixing": MIXING_OPS[mixing],
            "box": [int(value) for value in plan["box"][chain, step]],
            "factors": [float(value) for value in plan["factors"][chain, step]],
            "mask_seed": int(plan["mask_seed"][chain, step]),
        }
    return out


def from_json(data: dict[str, Any]) -> np.void:
    """Rebuild a plan from what `to_json` gave.

    Raises
    ------
    ValueError
        With the field, its value and what would do, if a part is missing, unknown, of another kind
        or out of its range. What the range is for one image and bank, `fractalgen.IPMix.apply`
        checks.
    """
    keys = ("image", "crop", "framework", "wraps", "skip", "chains")
    image, crop, framework, wraps, skip, chains = _parts("it", data, keys)
    weights, steps = [], []
    for i, chain in enumerate(_items("chains", chains)):
        weight, of_chain = _parts(f"chains[{i}]", chain, ("weight", "steps"))
        weights.append(weight)
        steps.append(
            [
                _step_from_json(f"[{i}, {j}]", step)
                for j, step in enumerate(_items(f"chains[{i}]'s steps", of_chain))
            ]
        )
    fields: dict[str, Any] = {
        "image": image,
        "crop": _items("crop", crop, 2),
        "framework": FRAMEWORKS.index(one_of("framework", framework, FRAMEWORKS)),
        "wraps": int(wraps) if isinstance(wraps, bool) else wraps,
        "skip": skip,
        "n_chains": len(steps),
        "weights": weights,
        "depth": [len(of_chain) for of_chain in steps],
    }
    for name in _OF_STEPS:
        fields[name] = [[step[name] for step in of_chain] for of_chain in steps]
    _check(fields, _ANY_SIZE, _ANY_BANK)
    record = np.zeros(1, PLAN)[0]
    for name in ("image", "crop", "framework", "wraps", "skip", "n_chains"):
        record[name] = fields[name]
    for i, of_chain in enumerate(steps):
        record["weights"][i], record["depth"][i] = weights[i], len(of_chain)
        for j, step in enumerate(of_chain):
            for name in _OF_STEPS:
                record[name][i, j] = step[name]
    return record  # type: ignore[no-any-return]


def _step_from_json(at: str, data: Any) -> dict[str, Any]:
    mixes, operates = (isinstance(data, dict) and key in data for key in ("mixing", "image_op"))
    keys = ("mixing", "box", "factors", "mask_seed") if mixes else ()
    keys = ("image_op", "amount", *keys) if operates or not mixes else keys
    given = dict(zip(keys, _parts(f"its step {at}", data, keys), strict=True))
    step: dict[str, Any] = {"mixing": -1, "image_op": -1, "amount": 0.0, "mask_seed": 0}
    step |= {"box": (0, 0, 0, 0), "factors": (0.0, 0.0)} | given
    if mixes:
        step["mixing"] = MIXING_OPS.index(one_of(f"mixing{at}", given["mixing"], MIXING_OPS))
        step["box"] = _items(f"box{at}", given["box"], 4)
        step["factors"] = _items(f"factors{at}", given["factors"], 2)
    if "image_op" in keys:
        step["image_op"] = IMAGE_OPS.index(one_of(f"image_op{at}", given["image_op"], IMAGE_OPS))
    return step


def _parts(where: str, data: Any, keys: Sequence[str]) -> list[Any]:
    """Return the values that an object of JSON has under these keys, which have to be all."""
    if not isinstance(data, dict):
        raise ValueError(
            f"not a plan: {where} must be a dictionary of {', '.join(keys)}, not {shown(data)}"
        )
    for key in keys:
        if key not in data:
            raise ValueError(f"not a plan: {where} has no '{key}'")
    for key in data:
        if key not in keys:
            raise ValueError(f"not a plan: {where} has {shown(key)}, beside {', '.join(keys)}")
    return [data[key] for key in keys]


def _items(name: str, data: Any, n: int | None = None) -> Sequence[Any]:
    if not isinstance(data, (list, tuple)) or (n is not None and len(data) != n):
        what = "a list" if n is None else f"a list of {n} numbers"
        raise ValueError(f"{name} must be {what}, not {shown(data)}")
    return data
