"""A plan: every decision of one augmentation, as data.

A plan is a record of a fixed shape, so that a kernel draws a whole batch of them without Python,
and so that the compiled and the readable engine apply the same one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.augment.image_ops import IMAGE_OPS

__all__ = ["FRAMEWORKS", "MAX_DEPTH", "MAX_WIDTH", "MIXING_OPS", "PLAN", "from_json", "to_json"]

MAX_WIDTH = 8
MAX_DEPTH = 8
MIXING_OPS = ("add", "multiply", "random-pixels", "random-elements")
FRAMEWORKS = ("chain", "linear", "input")

_STEPS = (MAX_WIDTH, MAX_DEPTH)
# `picture`, `crop`: the bank's picture and the corner that is cut from it (row, column).
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
        ("picture", np.int64),
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


def to_json(plan: np.void) -> dict[str, Any]:
    """Turn a plan into plain dictionaries, lists, strings and numbers that a person can read."""
    chains = [
        {
            "weight": float(plan["weights"][chain]),
            "steps": [_step_to_json(plan, chain, step) for step in range(plan["depth"][chain])],
        }
        for chain in range(plan["n_chains"])
    ]
    return {
        "picture": int(plan["picture"]),
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
    """Rebuild a plan from what `to_json` gave; ValueError where a name or a number is wrong."""
    plan = np.zeros((), PLAN)
    try:
        plan["picture"], plan["crop"] = data["picture"], data["crop"]
        plan["framework"] = FRAMEWORKS.index(data["framework"])
        plan["wraps"], plan["skip"] = data["wraps"], data["skip"]
        plan["n_chains"] = len(data["chains"])
        for i, chain in enumerate(data["chains"]):
            plan["weights"][i], plan["depth"][i] = chain["weight"], len(chain["steps"])
            for j, step in enumerate(chain["steps"]):
                _fill_step(plan, (i, j), step)
    except (KeyError, IndexError, TypeError, OverflowError) as error:
        raise ValueError(f"not a plan: {error!r}") from error
    record: np.void = plan[()]  # type: ignore[assignment]
    return record


def _fill_step(plan: NDArray[np.void], at: tuple[int, int], step: dict[str, Any]) -> None:
    plan["mixing"][at] = MIXING_OPS.index(step["mixing"]) if "mixing" in step else -1
    plan["image_op"][at] = IMAGE_OPS.index(step["image_op"]) if "image_op" in step else -1
    plan["amount"][at] = step.get("amount", 0.0)
    plan["box"][at] = step.get("box", (0, 0, 0, 0))
    plan["factors"][at] = step.get("factors", (0.0, 0.0))
    plan["mask_seed"][at] = step.get("mask_seed", 0)
