"""Check plans that users made or changed, and convert plans to and from JSON.

The kernels have no bounds checks, so a plan with a wrong number could read or write memory outside
the arrays.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fractalgen.arguments import one_of, real_number, whole_number
from fractalgen.augment.image_ops import REFERENCES, amount_range
from fractalgen.augment.reference import MIXINGS
from fractalgen.errors import ArgumentError, ArgumentTypeError
from fractalgen.kernels.plan_layout import (
    FRAMEWORKS,
    IMAGE_OPS,
    MAX_DEPTH,
    MAX_WIDTH,
    MIXING_OPS,
    NO_OP,
    PLAN,
)
from fractalgen.registry import shown

__all__ = ["FRAMEWORKS", "MIXING_OPS", "PLAN", "checked_plan", "from_json", "to_json"]

# Limits of the record's types, for plans whose image and bank are not known yet.
_ANY_SIZE = ((1 << 31) - 1,) * 2
_ANY_BANK = ((1 << 63) - 1, (1 << 32) - 2, (1 << 32) - 2)
_MAX_WEIGHT = 1.0001  # of all chains together; the weights are rounded
_RANDOM_OPS = tuple(name for name in IMAGE_OPS if REFERENCES[name].random is not None)
_STEP_FIELDS = ("mixing", "image_op", "amount", "detail", "op_seed", "box", "factors", "mask_seed")


def checked_plan(
    plan: Any,
    size: Sequence[int] = _ANY_SIZE,
    bank_shape: Sequence[int] = _ANY_BANK,
) -> np.void:
    """Return a copy of a plan for images of `size`, if all numbers in it are in range.

    `size` is (height, width); `bank_shape` is (number, height, width). The message of an error
    gives the field's name, value and range.
    """
    if not isinstance(plan, (np.void, np.ndarray)) or plan.dtype != PLAN or plan.shape != ():
        given = f"an array of {plan.shape}" if isinstance(plan, np.ndarray) else shown(plan)
        raise ArgumentTypeError(
            "a plan must be one record of dtype fractalgen.augment.plan.PLAN, as sample_plan or "
            f"from_json gives it, not {given}"
        )
    record: np.void = np.array([plan], PLAN)[0]
    _check({name: record[name].tolist() for name in record.dtype.names or ()}, size, bank_shape)
    return record


def _check(fields: dict[str, Any], size: Sequence[int], bank_shape: Sequence[int]) -> None:
    """Check the fields of a plan's chains and steps, given as lists."""
    whole_number("bank_image", fields["bank_image"], 0, bank_shape[0] - 1)
    for axis, value in enumerate(fields["crop"]):
        whole_number(f"crop[{axis}]", value, 0, bank_shape[1 + axis] - size[axis])
    whole_number("framework", fields["framework"], 0, len(FRAMEWORKS) - 1)
    whole_number("wraps", fields["wraps"], 0, 1)
    real_number("skip", fields["skip"], 0.0, 1.0)
    n_chains = whole_number("n_chains", fields["n_chains"], 0, MAX_WIDTH)
    for chain in range(n_chains):
        real_number(f"weights[{chain}]", fields["weights"][chain], 0.0, _MAX_WEIGHT)
        depth = whole_number(f"depth[{chain}]", fields["depth"][chain], 0, MAX_DEPTH)
        for step in range(depth):
            values = {name: fields[name][chain][step] for name in _STEP_FIELDS}
            _check_step(f"[{chain}, {step}]", values, size)
    real_number("the sum of weights", sum(fields["weights"][:n_chains]), 0.0, _MAX_WEIGHT)


def _check_step(at: str, values: dict[str, Any], size: Sequence[int]) -> None:
    mixing = whole_number(f"mixing{at}", values["mixing"], NO_OP, len(MIXING_OPS) - 1)
    # A step that does not mix must have an image operation.
    first = 0 if mixing == NO_OP else NO_OP
    image_op = whole_number(f"image_op{at}", values["image_op"], first, len(IMAGE_OPS) - 1)
    if image_op != NO_OP:
        low, high, whole = amount_range(IMAGE_OPS[image_op], (size[1], size[0]))
        name = f"amount{at} of {IMAGE_OPS[image_op]}"
        amount = real_number(name, values["amount"], low, high)
        if whole and amount != int(amount):
            raise ArgumentError(f"{name} must be whole, from {low:g} to {high:g}, not {amount}")
        random = REFERENCES[IMAGE_OPS[image_op]].random
        if random is not None:
            random.check_detail(at, values["detail"])
            whole_number(f"op_seed{at}", values["op_seed"], 0, (1 << 64) - 1)
    if mixing == NO_OP:
        return
    top, left, height, width = values["box"]
    whole_number(f"box{at}'s top", top, 0, size[0] - 1)
    whole_number(f"box{at}'s height", height, 1, size[0] - top)
    whole_number(f"box{at}'s left", left, 0, size[1] - 1)
    whole_number(f"box{at}'s width", width, 1, size[1] - left)
    (a, b), reference = values["factors"], MIXINGS[MIXING_OPS[mixing]]
    real_number(f"factors{at}'s a of {MIXING_OPS[mixing]}", a, *reference.a_range)
    real_number(f"factors{at}'s b of {MIXING_OPS[mixing]}", b, *reference.b_range)
    whole_number(f"mask_seed{at}", values["mask_seed"], 0, (1 << 64) - 1)


def to_json(plan: np.void) -> dict[str, Any]:
    """Turn a plan into readable dictionaries, lists, strings and numbers."""
    plan = checked_plan(plan)
    chains = [
        {
            "weight": float(plan["weights"][chain]),
            "steps": [_step_to_json(plan, chain, step) for step in range(plan["depth"][chain])],
        }
        for chain in range(plan["n_chains"])
    ]
    return {
        "bank_image": int(plan["bank_image"]),
        "crop": plan["crop"].tolist(),
        "framework": FRAMEWORKS[plan["framework"]],
        "wraps": bool(plan["wraps"]),
        "skip": float(plan["skip"]),
        "chains": chains,
    }


def _step_to_json(plan: np.void, chain: int, step: int) -> dict[str, Any]:
    image_op, mixing = plan["image_op"][chain, step], plan["mixing"][chain, step]
    out: dict[str, Any] = {}
    if image_op != NO_OP:
        out |= {"image_op": IMAGE_OPS[image_op], "amount": float(plan["amount"][chain, step])}
        if IMAGE_OPS[image_op] in _RANDOM_OPS:
            out["detail"] = plan["detail"][chain, step].tolist()
            out["op_seed"] = int(plan["op_seed"][chain, step])
    if mixing != NO_OP:
        out |= {
            "mixing": MIXING_OPS[mixing],
            "box": plan["box"][chain, step].tolist(),
            "factors": plan["factors"][chain, step].tolist(),
            "mask_seed": int(plan["mask_seed"][chain, step]),
        }
    return out


def from_json(data: dict[str, Any]) -> np.void:
    """Rebuild a plan from the output of `to_json`.

    Raises
    ------
    ArgumentError
        If a key is missing, unknown, out of range or has the wrong type; the message names it.
        `fractalgen.IPMix.apply` checks the ranges that depend on the image and the bank.
    """
    fields = {name: np.zeros((), PLAN)[name].tolist() for name in PLAN.names or ()}
    fields |= _parts("it", data, ("bank_image", "crop", "framework", "wraps", "skip", "chains"))
    fields["crop"] = _items("crop", fields["crop"], 2)
    fields["framework"] = FRAMEWORKS.index(one_of("framework", fields["framework"], FRAMEWORKS))
    if isinstance(fields["wraps"], bool):
        fields["wraps"] = int(fields["wraps"])
    chains = _items("chains", fields.pop("chains"))
    fields["n_chains"] = whole_number("n_chains", len(chains), 0, MAX_WIDTH)
    for i, chain in enumerate(chains):
        given = _parts(f"chains[{i}]", chain, ("weight", "steps"))
        steps = _items(f"chains[{i}]'s steps", given["steps"])
        fields["weights"][i] = given["weight"]
        fields["depth"][i] = whole_number(f"depth[{i}]", len(steps), 0, MAX_DEPTH)
        for j, step in enumerate(steps):
            for name, value in _step_from_json(f"[{i}, {j}]", step).items():
                fields[name][i][j] = value
    _check(fields, _ANY_SIZE, _ANY_BANK)
    record: np.void = np.zeros(1, PLAN)[0]
    for name, value in fields.items():
        record[name] = value
    return record


def _step_from_json(at: str, data: Any) -> dict[str, Any]:
    mixes, operates = (isinstance(data, dict) and key in data for key in ("mixing", "image_op"))
    keys = ("mixing", "box", "factors", "mask_seed") if mixes else ()
    keys = ("image_op", "amount", *keys) if operates or not mixes else keys
    if operates and data["image_op"] in _RANDOM_OPS:
        keys = (*keys, "detail", "op_seed")
    step = {"mixing": NO_OP, "image_op": NO_OP} | _parts(f"its step {at}", data, keys)
    if mixes:
        step["mixing"] = MIXING_OPS.index(one_of(f"mixing{at}", step["mixing"], MIXING_OPS))
        step["box"] = _items(f"box{at}", step["box"], 4)
        step["factors"] = _items(f"factors{at}", step["factors"], 2)
    if "detail" in keys:
        step["detail"] = _items(f"detail{at}", step["detail"], 2)
    if "image_op" in keys:
        step["image_op"] = IMAGE_OPS.index(one_of(f"image_op{at}", step["image_op"], IMAGE_OPS))
    return step


def _parts(where: str, data: Any, keys: Sequence[str]) -> dict[str, Any]:
    """Return a JSON object, which must have exactly these keys."""
    if not isinstance(data, dict):
        raise ArgumentError(
            f"not a plan: {where} must be a dictionary of {', '.join(keys)}, not {shown(data)}"
        )
    for key in keys:
        if key not in data:
            raise ArgumentError(f"not a plan: {where} has no '{key}'")
    for key in data:
        if key not in keys:
            raise ArgumentError(f"not a plan: {where} has an unknown key {shown(key)}")
    return dict(data)


def _items(name: str, data: Any, n: int | None = None) -> Sequence[Any]:
    if not isinstance(data, (list, tuple)) or (n is not None and len(data) != n):
        what = "a list" if n is None else f"a list of {n} numbers"
        raise ArgumentError(f"{name} must be {what}, not {shown(data)}")
    return data
