"""Plans that show well in a figure, and what they do in words."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.augment.ipmix import IPMix
from fractalgen.augment.plan import to_json

__all__ = ["clear_plan", "patch_sizes", "shape_of", "single_step", "step_in_words", "title"]

_MOVES = ("rotate", "shear", "translate", "mirror")

Json = dict[str, Any]


def clear_plan(size: int, images: NDArray[np.uint8], seed: int) -> Json:
    """Draw a plan of two chains of three steps, each part until it shows well on the page.

    Parameters
    ----------
    size : int
        Pixels a side.
    images : ndarray of uint8, shape (n, size, size, 3)
        The first is the plan's.
    seed : int
        0 or more.

    Returns
    -------
    dict
        As `fractalgen.augment.plan.to_json` gives it. One chain is at the image level, the other
        at the pixel and patch level.
    """
    rng = np.random.default_rng(seed)
    sizes: list[int | str] = [*patch_sizes(size), "image"]

    def first(accepts: Callable[[Json], bool], **options: Any) -> Json:
        augment = IPMix(images[:1], t=3, patch_sizes=sizes, **options)
        while True:
            plan = to_json(augment.sample_plan(rng, (size, size)))
            if accepts(plan):
                return plan

    plan = first(_is_balanced, k=2)
    image_level = first(functools.partial(_has_three_operations, size), k=1, levels=["image"])
    p_level = first(functools.partial(_has_three_mixes, size), k=1, levels=["patch", "pixel"])
    for chain, drawn in zip(plan["chains"], (image_level, p_level), strict=True):
        chain["steps"] = drawn["chains"][0]["steps"]
    return plan


def _is_balanced(plan: Json) -> bool:
    """Whether nothing in the sum is nearly without weight."""
    weights = [chain["weight"] for chain in plan["chains"]]
    return bool(0.5 <= plan["skip"] <= 0.8 and min(weights) >= 0.35)


def _has_three_operations(size: int, plan: Json) -> bool:
    """Whether the chain has three different operations, on colours as well as on places.

    None inverts: averaged with the original that is little but grey.
    """
    steps = plan["chains"][0]["steps"]
    names = {step["image_op"] for step in steps}
    moves = sum(name.startswith(_MOVES) for name in names)
    return (
        len(names) == 3
        and 1 <= moves <= 2
        and "invert" not in names
        and all(_changes(step, size) for step in steps)
    )


def _has_three_mixes(size: int, plan: Json) -> bool:
    """Whether the chain mixes in three ways on all kinds of area, a patch with a copy."""
    steps = plan["chains"][0]["steps"]
    shapes = {shape_of(step["box"], size) for step in steps}
    copies = [shape_of(step["box"], size) for step in steps if "image_op" in step]
    return bool(
        len({step["mixing"] for step in steps}) == 3 == len(shapes)
        and copies in (["square"], ["scar"])
        and all(_changes(step, size) for step in steps)
    )


def _changes(step: Json, size: int) -> bool:
    """Whether a step's amount and factors are enough to be seen."""
    least = {"rotate": 4, "shear": 0.05, "translate": 0.06 * size, "posterize": 1}
    name = step.get("image_op", "").partition("-")[0]
    if abs(step.get("amount", 0)) < least.get(name, 0):
        return False
    if "mixing" not in step:
        return True
    ours, theirs = step["factors"]
    return bool(0.3 <= ours <= 0.8 if step["mixing"].startswith("random") else theirs >= 0.2)


def patch_sizes(size: int) -> list[int]:
    """Return a middling and a large side for patches that can be seen on the page."""
    return [size // 4, size * 3 // 7]


def shape_of(box: Sequence[int], size: int) -> str:
    """Return ``"whole"``, ``"square"`` or ``"scar"``: what a step's box is in an image."""
    if box[2] == box[3]:
        return "whole" if box[2] == size else "square"
    return "scar"


def single_step(step: Json) -> Json:
    """Return a plan of one step whose result is shown as it is."""
    return {
        "image": 0,
        "crop": [0, 0],
        "framework": "chain",
        "wraps": False,
        "skip": 1.0,
        "chains": [{"weight": 1.0, "steps": [step]}],
    }


def title(name: str) -> str:
    """Return an operation's name as a caption."""
    return name.replace("-", " ").capitalize()


def step_in_words(step: Json, size: int) -> tuple[str, ...]:
    """Return a step's caption: what is done, and where and with what."""
    if "mixing" not in step:
        return (_operation(step),)
    where = {"whole": "on the whole image", "square": "on a square patch", "scar": "on a scar"}
    partner = (
        f"with a copy: {_operation(step).lower()}" if "image_op" in step else "with the partner"
    )
    return title(step["mixing"]), where[shape_of(step["box"], size)], partner


def _operation(step: Json) -> str:
    """Return an operation on the whole image in words, with its amount."""
    name, amount = step["image_op"], step["amount"]
    # An amount says where a pixel is taken from, so that the image goes the other way.
    distance = f"{abs(amount):.0f} pixels"
    in_words = {
        "rotate": f"Rotate {abs(amount):.0f}° {'left' if amount > 0 else 'right'}",
        "shear-x": f"Shear x by {amount:.2f}",
        "shear-y": f"Shear y by {amount:.2f}",
        "translate-x": f"Move {distance} {'left' if amount > 0 else 'right'}",
        "translate-y": f"Move {distance} {'up' if amount > 0 else 'down'}",
        "posterize": f"Posterize to {amount:.0f} bits",
        "solarize": f"Solarize from {amount:.0f}",
    }
    return in_words.get(name, title(name))
