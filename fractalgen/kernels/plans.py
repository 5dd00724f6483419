"""Draw plans from 64-bit seeds.

Sources: Huang et al., "IPMix: Label-Preserving Data Augmentation Method for Training Robust
Classifiers", NeurIPS 2023, Algorithm 1 (comments name what follows its public code instead);
AugMix and PRIME are its chains without mixing; for PixMix and LayerMix see `fractalgen.PixMix` and
`fractalgen.LayerMix`.
"""

import numpy as np

from fractalgen.kernels.distributions import beta, gamma, integer, next_bits, uniform
from fractalgen.kernels.elementary import cos_turns
from fractalgen.kernels.image_ops import amount_of
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.mixing import sample_factors
from fractalgen.kernels.plan_layout import NO_OP, Framework, ImageOp, Scheme

__all__ = ["sample_plan"]

_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)
_TEN = np.float32(10.0)
_LEAST_MODES = 2  # of a warp


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


@inlined
def _arcsine(stream):
    """Draw a Beta(1/2, 1/2) number, which is near 0 or 1 more often than between."""
    return (_ONE - cos_turns(_HALF * uniform(stream))) * _HALF


@kernel
def _sample_random_op(plan, chain, step, op, stream, settings):
    """Draw what the maximum-entropy operations have beside an amount."""
    detail = plan["detail"][chain, step]
    plan["op_seed"][chain, step] = next_bits(stream)
    detail[0] = 1
    if op == ImageOp.FILTER:
        least, most = settings["filter_sides"][0], settings["filter_sides"][1]
        detail[1] = least + 2 * integer(stream, (most - least) // 2 + 1)
        plan["amount"][chain, step] *= settings["filter_scale"]
    elif op == ImageOp.TONE:
        last = 1 + integer(stream, settings["max_frequency"])
        plan["amount"][chain, step] *= settings["tone_scale"]
        if settings["bandwidth"] > 0:
            detail[0] = 1 + integer(stream, last)
            last = min(detail[0] + settings["bandwidth"] - 1, last)
        detail[1] = last
    else:
        most = _LEAST_MODES + 1 + integer(stream, settings["max_modes"] - _LEAST_MODES)
        modes = np.int64(_arcsine(stream) * np.float32(most + 1 - _LEAST_MODES))
        detail[1] = min(_LEAST_MODES + modes, most)
        plan["amount"][chain, step] = settings["severity"] / _TEN * _arcsine(stream)


@kernel
def _sample_amount(plan, chain, step, op, stream, height, width, settings):
    least = settings["min_level"]
    level = least + (settings["severity"] - least) * uniform(stream)
    sign = _ONE if uniform(stream) < _HALF else -_ONE
    plan["image_op"][chain, step] = op
    plan["amount"][chain, step] = amount_of(op, level, sign, height, width)
    if op == ImageOp.FILTER or op == ImageOp.TONE or op == ImageOp.WARP:
        _sample_random_op(plan, chain, step, op, stream, settings)


@kernel
def _sample_step(plan, chain, step, stream, p_level, height, width, choices, settings):
    plan["image_op"][chain, step] = NO_OP
    plan["mixing"][chain, step] = NO_OP
    copies = p_level and settings["copies"] == 1 and uniform(stream) < _HALF
    if copies or not p_level:
        op = choices.image_ops[integer(stream, choices.image_ops.size)]
        _sample_amount(plan, chain, step, op, stream, height, width, settings)
    if p_level:
        size = choices.patch_sizes[integer(stream, choices.patch_sizes.size)]
        mixing = choices.mixing_ops[integer(stream, choices.mixing_ops.size)]
        plan["mixing"][chain, step] = mixing
        _sample_box(plan["box"][chain, step], stream, size, height, width, settings)
        sample_factors(plan["factors"][chain, step], stream, mixing, settings["beta"])
        plan["mask_seed"][chain, step] = next_bits(stream)


@kernel
def _start_chain(plan, height, width):
    """Make the plan one chain without steps, and its steps' patches the whole image."""
    plan["framework"] = Framework.LINEAR
    plan["n_chains"] = 1
    plan["skip"] = _ONE
    plan["weights"][0] = _ONE
    for step in range(plan["mixing"].shape[1]):
        plan["image_op"][0, step] = NO_OP
        plan["mixing"][0, step] = NO_OP
        plan["box"][0, step, 2] = height
        plan["box"][0, step, 3] = width


@kernel
def _sample_whole_mixing(plan, step, stream, choices, settings):
    mixing = choices.mixing_ops[integer(stream, choices.mixing_ops.size)]
    plan["mixing"][0, step] = mixing
    sample_factors(plan["factors"][0, step], stream, mixing, settings["beta"])
    plan["mask_seed"][0, step] = next_bits(stream)


@kernel
def _sample_pixmix(plan, stream, height, width, choices, settings):
    """Draw up to `depth` rounds, which mix with the bank's image or a changed copy."""
    _start_chain(plan, height, width)
    step = 0
    if uniform(stream) < _HALF:
        op = choices.image_ops[integer(stream, choices.image_ops.size)]
        _sample_amount(plan, 0, step, op, stream, height, width, settings)
        step += 1
    for _ in range(integer(stream, settings["depth"] + 1)):
        if uniform(stream) < _HALF:
            op = choices.image_ops[integer(stream, choices.image_ops.size)]
            _sample_amount(plan, 0, step, op, stream, height, width, settings)
        _sample_whole_mixing(plan, step, stream, choices, settings)
        step += 1
    plan["depth"][0] = step


@kernel
def _sample_layermix(plan, stream, height, width, choices, settings):
    """Draw one to `depth` layers: a changed image, another of its kind, the bank's and a change."""
    _start_chain(plan, height, width)
    layers = 1 + integer(stream, settings["depth"])
    op = choices.image_ops[integer(stream, choices.image_ops.size)]
    _sample_amount(plan, 0, 0, op, stream, height, width, settings)
    if layers > 1:
        _sample_amount(plan, 0, 1, op, stream, height, width, settings)
        _sample_whole_mixing(plan, 1, stream, choices, settings)
    if layers > 2:
        _sample_whole_mixing(plan, 2, stream, choices, settings)
        _sample_amount(plan, 0, 3, op, stream, height, width, settings)
    plan["depth"][0] = layers + (1 if layers > 2 else 0)


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
    if settings["scheme"] == Scheme.PIXMIX:
        _sample_pixmix(plan, stream, height, width, choices, settings)
        return
    if settings["scheme"] == Scheme.LAYERMIX:
        _sample_layermix(plan, stream, height, width, choices, settings)
        return
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
