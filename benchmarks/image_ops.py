"""How long IPMix's operations on whole pictures take, against Pillow's own."""

import functools

import numpy as np
from PIL import Image

from benchmarks.timing import Row, paired_seconds
from benchmarks.vectors import vector_bits
from fractalgen.augment.image_ops import PAPER_IMAGE_OPS, amount_of
from fractalgen.augment.image_ops import apply_image_op as apply_with_pillow
from fractalgen.kernels.image_ops import apply_image_op

SIZES = (32, 224)
LEVEL = 3.0


def rows(n_runs: int = 30, ops: tuple[str, ...] = PAPER_IMAGE_OPS) -> list[Row]:
    """Time every operation of the paper, and sum them up."""
    table = []
    for size in SIZES:
        noise = np.random.default_rng(0).normal(0, 20, (size, size, 3))
        ramp = np.linspace(40, 210, size)[:, None, None]
        source = np.clip(ramp + noise, 0, 255).astype(np.uint8)
        target = np.empty_like(source)
        picture = Image.fromarray(source)
        pairs = []
        for place, op in enumerate(ops):
            amount = amount_of(op, LEVEL, 1, (size, size))
            pillow = functools.partial(apply_with_pillow, picture, op, amount)
            ours = functools.partial(apply_image_op, place, np.float32(amount), source, target)
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
