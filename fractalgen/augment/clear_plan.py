"""A plan of IPMix whose steps are easy to see, and the words for them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.augment.ipmix import IPMix
from fractalgen.augment.plan import to_json

__all__ = ["clear_plan", "patch_sides", "step_in_words", "title_of"]

_MOVES = ("rotate", "shear", "translate", "mirror")
# The smallest visible amounts; for translations, a share of the side.
_MIN_AMOUNTS = {"rotate": 4.0, "shear": 0.05, "translate": 0.06, "posterize": 1.0}

Json = dict[str, Any]


def clear_plan(size: int, images: NDArray[np.uint8], seed: int) -> Json:
    """Draw a plan of two chains of three steps that are easy to see on the page.

    The first chain is at the image level, the second at the pixel and patch level. The plan has the
    format of `fractalgen.augment.plan.to_json`.
    """
    rng = np.random.default_rng(seed)
    sizes: list[int | str] = [*patch_sides(size), "image"]

    def draw_until(accepts: Callable[[Json], bool], **options: Any) -> Json:
        augment = IPMix(images[:1], t=3, patch_sizes=sizes, **options)
        while True:
            plan = to_json(augment.sample_plan(rng, (size, size)))
            if accepts(plan):
                return plan

    def has_clear_operations(plan: Json) -> bool:
        """Three different ones; not invert, which averages with the original to near grey."""
        steps = plan["chains"][0]["steps"]
        names = {step["image_op"] for step in steps}
        n_moves = sum(name.startswith(_MOVES) for name in names)
        different = len(names) == 3 and 1 <= n_moves <= 2 and "invert" not in names
        return different and all(_is_visible(step, size) for step in steps)

    def has_clear_mixes(plan: Json) -> bool:
        """Three different ones, on all kinds of area, one of them a patch with a copy."""
        steps = plan["chains"][0]["steps"]
        areas = {_area(step, size) for step in steps}
        copies = [_area(step, size) for step in steps if "image_op" in step]
        different = len({step["mixing"] for step in steps}) == 3 == len(areas)
        one_copy = copies in (["square"], ["scar"])
        return different and one_copy and all(_is_visible(step, size) for step in steps)

    plan = draw_until(_is_balanced, k=2)
    first, second = plan["chains"]
    for chain, drawn in (
        (first, draw_until(has_clear_operations, k=1, levels=["image"])),
        (second, draw_until(has_clear_mixes, k=1, levels=["patch", "pixel"])),
    ):
        chain["steps"] = drawn["chains"][0]["steps"]
    return plan


def _is_balanced(plan: Json) -> bool:
    """Return whether every part of the sum has a noticeable weight."""
    weights = [chain["weight"] for chain in plan["chains"]]
    return bool(0.5 <= plan["skip"] <= 0.8 and min(weights) >= 0.35)


def _is_visible(step: Json, size: int) -> bool:
    """Return whether a step's amount and factors are large enough to see."""
    kind = step.get("image_op", "").partition("-")[0]
    smallest = _MIN_AMOUNTS.get(kind, 0.0) * (size if kind == "translate" else 1)
    if abs(step.get("amount", 0)) < smallest:
        return False
    if "mixing" not in step:
        return True
    a, b = step["factors"]
    return bool(0.3 <= a <= 0.8 if step["mixing"].startswith("random") else b >= 0.2)


def patch_sides(size: int) -> list[int]:
    """Return a medium and a large side for patches on the page."""
    return [size // 4, size * 3 // 7]


def _area(step: Json, size: int) -> str:
    height, width = step["box"][2:]
    if height != width:
        return "scar"
    return "whole" if height == size else "square"


def title_of(name: str) -> str:
    """Return an operation's name as a caption."""
    return name.replace("-", " ").capitalize()


def step_in_words(step: Json, size: int) -> tuple[str, ...]:
    """Return a step's caption: the operation, the area and the partner."""
    if "mixing" not in step:
        return (_operation_in_words(step),)
    where = {"whole": "on the whole image", "square": "on a square patch", "scar": "on a scar"}
    copy = "image_op" in step
    partner = f"with a copy: {_operation_in_words(step).lower()}" if copy else "with the partner"
    return title_of(step["mixing"]), where[_area(step, size)], partner


def _operation_in_words(step: Json) -> str:
    name, amount = step["image_op"], step["amount"]
    # Amounts say where pixels come from, so the image moves the other way.
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
    return in_words.get(name, title_of(name))
