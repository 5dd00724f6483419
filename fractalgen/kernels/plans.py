"""Draw IPMix plans from 64-bit seeds.

Source: Huang et al., "IPMix: Label-Preserving Data Augmentation Method for Training Robust
Classifiers", NeurIPS 2023, Algorithm 1; comments name what follows its public code instead.
"""

import numpy as np

from fractalgen.kernels.distributions import beta, gamma, integer, next_bits, uniform
from fractalgen.kernels.image_ops import amount_of
from fractalgen.kernels.jit import kernel
from fractalgen.kernels.mixing import sample_factors
from fractalgen.kernels.plan_layout import NO_OP, Framework

__all__ = ["sample_plan"]

_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)
_MIN_LEVEL = np.float32(0.1)


@kernel
def _sample_box(box, stream, size, height, width, settings):
    """Draw a patch: a square or a scar, or the whole image if `size` reaches its sides."""
    whole = size >= height and size >= width
    scar = settings["scar"] == 1 and (settings["square"] == 0 or uniform(stream) < _HALF)
    if whole and not (scar and settings["boxed_pixels"] == 1):
        box[0] = 0
        box[1] = 0
        box[2] = height
        box[3] = width
        return
    tall = size
    wide = size
    if scar and settings["wraps"] == 1:  # public code: both sides from 2 to the size
        tall = 2 + integer(stream, max(size - 1, 1))
        wide = 2 + integer(stream, max(size - 1, 1))
    elif scar:  # long and thin: one side is the size, the other at most a quarter of it
        thin = 1 + integer(stream, max(size // 4, 1))
        if uniform(stream) < _HALF:
            tall = thin
        else:
            wide = thin
    tall = min(tall, height)
    wide = min(wide, width)
    box[0] = integer(stream, height - tall + 1)
    box[1] = integer(stream, width - wide + 1)
    box[2] = tall
    box[3] = wide


@kernel
def _sample_image_op(stream, image_ops, severity, height, width):
    op = image_ops[integer(stream, image_ops.size)]
    level = _MIN_LEVEL + (severity - _MIN_LEVEL) * uniform(stream)
    sign = _ONE if uniform(stream) < _HALF else -_ONE
    return op, amount_of(op, level, sign, height, width)


@kernel
def _sample_step(plan, chain, step, stream, p_level, height, width, choices, settings):
    plan["image_op"][chain, step] = NO_OP
    plan["mixing"][chain, step] = NO_OP
    copies = p_level and settings["copies"] == 1 and uniform(stream) < _HALF
    if copies or not p_level:
        severity = settings["severity"]
        op, amount = _sample_image_op(stream, choices.image_ops, severity, height, width)
        plan["image_op"][chain, step] = op
        plan["amount"][chain, step] = amount
    if p_level:
        size = choices.patch_sizes[integer(stream, choices.patch_sizes.size)]
        mixing = choices.mixing_ops[integer(stream, choices.mixing_ops.size)]
        plan["mixing"][chain, step] = mixing
        _sample_box(plan["box"][chain, step], stream, size, height, width, settings)
        sample_factors(plan["factors"][chain, step], stream, mixing, settings["beta"])
        plan["mask_seed"][chain, step] = next_bits(stream)


@kernel
def sample_plan(plan, seed, image_seed, height, width, choices, settings):
    """Draw one plan into `plan`, a record of `PLAN` that is all zeros.

    `seed`, a uint64, determines everything except the bank's image and its crop, which depend on
    `image_seed`. For `choices` and `settings` see `fractalgen.kernels.plan_layout`.
    """
    stream = np.zeros(2, np.uint64)
    stream[0] = image_seed
    plan["bank_image"] = integer(stream, settings["n_images"])
    plan["crop"][0] = integer(stream, settings["image_size"] - height + 1)
    plan["crop"][1] = integer(stream, settings["image_size"] - width + 1)
    stream[0] = seed  # its first three numbers are left out
    plan["framework"] = settings["framework"]
    plan["wraps"] = settings["wraps"]
    linear = settings["framework"] == Framework.LINEAR
    n_chains = 1 if linear else settings["width"]
    plan["n_chains"] = n_chains
    plan["skip"] = _ONE if linear else beta(stream, settings["alpha"], settings["alpha"])
    total = _ZERO
    for chain in range(n_chains):
        weight = _ONE if linear else gamma(stream, settings["alpha"])
        plan["weights"][chain] = weight
        total += weight
    for chain in range(n_chains):
        plan["weights"][chain] /= total
        depths = settings["depth"] - settings["min_depth"] + 1
        depth = settings["min_depth"] + integer(stream, depths)
        plan["depth"][chain] = depth
        either = settings["image_level"] == 1 and settings["p_level"] == 1
        p_level = uniform(stream) < _HALF if either else settings["p_level"] == 1
        for step in range(depth):
            if linear and either:
                p_level = uniform(stream) < _HALF
            _sample_step(plan, chain, step, stream, p_level, height, width, choices, settings)
