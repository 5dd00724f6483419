"""How long IPMix's operations on whole images take, against Pillow's own and against a copy."""

import functools

import numpy as np
from PIL import Image

from benchmarks.timing import Row, paired_seconds
from benchmarks.vectors import vector_bits
from fractalgen.augment.image_ops import IMAGE_OPS, PAPER_IMAGE_OPS, amount_of
from fractalgen.augment.image_ops import apply_image_op as apply_with_pillow
from fractalgen.augment.plan import MIXING_OPS
from fractalgen.kernels.image_ops import apply_image_op
from fractalgen.kernels.mixing import mix

SIZES = (32, 224)
LEVEL = 3.0
FACTORS = np.array([0.7, 0.3], np.float32)


def image(size: int) -> np.ndarray:
    """Return a ramp with grain."""
    noise = np.random.default_rng(0).normal(0, 20, (size, size, 3))
    ramp = np.linspace(40, 210, size)[:, None, None]
    return np.clip(ramp + noise, 0, 255).astype(np.uint8)


def rows(n_runs: int = 30, ops: tuple[str, ...] = PAPER_IMAGE_OPS) -> list[Row]:
    """Time every operation of the paper, and sum them up."""
    table = []
    for size in SIZES:
        source = image(size)
        target = np.empty_like(source)
        box = np.array([0, 0, size, size], np.int32)
        pil_image = Image.fromarray(source)
        pairs = []
        for place, op in enumerate(ops):
            amount = amount_of(op, LEVEL, 1, (size, size))
            pillow = functools.partial(apply_with_pillow, pil_image, op, amount)
            ours = functools.partial(apply_image_op, place, np.float32(amount), box, source, target)
            pairs.append(paired_seconds(pillow, ours, n_runs))
        pillow_us, ours_us = (1e6 * sum(column) / len(ops) for column in zip(*pairs, strict=True))
        table.append(
            Row(
                f"an image operation of IPMix, {size} x {size}",
                f"{ours_us:.1f} µs",
                f"Pillow's, {pillow_us:.1f} µs",
                f"{pillow_us / ours_us:.1f}x",
                vector_bits(apply_image_op),
            )
        )
    return table


def rows_against_copy(size: int = 224, n_runs: int = 100) -> list[Row]:
    """Time every operation on a whole image, and reading and writing its bytes once."""
    source, target = image(size), image(size)
    box = np.array([0, 0, size, size], np.int32)
    copy = functools.partial(np.copyto, target, source)
    works = {
        op: functools.partial(
            apply_image_op,
            place,
            np.float32(amount_of(op, LEVEL, 1, (size, size))),
            box,
            source,
            target,
        )
        for place, op in enumerate(IMAGE_OPS)
    }
    works |= {
        op: functools.partial(
            mix, place, *FACTORS, np.uint64(1), False, target, source[::-1].copy(), box
        )
        for place, op in enumerate(MIXING_OPS)
    }
    table = []
    for name, work in works.items():
        copying, working = paired_seconds(copy, work, n_runs)
        table.append(
            Row(
                f"{name}, {size} x {size}",
                f"{1e6 * working:.1f} µs",
                f"its bytes read and written once, {1e6 * copying:.1f} µs",
                f"{working / copying:.1f} of them",
            )
        )
    return table


if __name__ == "__main__":
    for row in rows_against_copy():
        print(f"{row.work:32} {row.ours:>9}   {row.baseline}: {row.ratio}")
