"""Draw IPMix plans from 64-bit seeds.

Source: Huang et al., "IPMix: Label-Preserving Data Augmentation Method for Training Robust
Classifiers", NeurIPS 2023, Algorithm 1; the options that follow its public code are named so.
"""

import numpy as np

from fractalgen.kernels.distributions import (
    beta,
    gamma,
    integer,
    next_bits,
    uniform,
    uniform_power,
)
from fractalgen.kernels.image_ops import amount_of
from fractalgen.kernels.jit import kernel

__all__ = ["SETTINGS", "sample_plan"]

_CHAIN, _LINEAR, _INPUT = range(3)
_RANDOM_PIXELS = 2  # and random elements, 3
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)
_LEAST_LEVEL = np.float32(0.1)

# What is drawn from; see `fractalgen.augment.ipmix.IPMix` for the meaning of each.
SETTINGS = np.dtype(
    [
        ("n_images", np.int64),
        ("image_size", np.int64),
        ("width", np.int64),
        ("least_depth", np.int64),
        ("depth", np.int64),
        ("framework", np.int64),
        ("wraps", np.int64),
        ("copies", np.int64),  # whether a partner may be an image-level copy of the image
        ("image_level", np.int64),
        ("p_level", np.int64),
        ("square", np.int64),
        ("scar", np.int64),
        ("one_image", np.int64),  # all views of an image are mixed with the same one
        ("boxed_pixels", np.int64),  # public code: a patch of the whole image may be a scar too
        ("alpha", np.float32),
        ("beta", np.float32),
        ("severity", np.float32),
    ],
    align=True,
)


@kernel
def _sample_box(box, stream, size, height, width, settings):
    """Draw a patch: a square, or a scar; the whole image where `size` reaches its sides."""
    whole = size >= height and size >= width
    scar = settings.scar == 1 and (settings.square == 0 or uniform(stream) < _HALF)
    if whole and not (scar and settings.boxed_pixels == 1):
        box[0] = 0
        box[1] = 0
        box[2] = height
        box[3] = width
        return
    tall = size
    wide = size
    if scar and settings.wraps == 1:  # public code: both sides from 2 to the size
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
def _sample_factors(factors, stream, op, strength):
    """Draw the factors of add and multiply, or the share that a random mask keeps."""
    per_strength = _ONE / strength
    if op >= _RANDOM_PIXELS:
        factors[0] = uniform(stream)
        factors[1] = _ZERO
    elif uniform(stream) < _HALF:
        factors[0] = uniform_power(stream, per_strength)
        factors[1] = _ONE - uniform_power(stream, per_strength)
    else:
        factors[0] = _ONE + (_ONE - uniform_power(stream, per_strength))
        factors[1] = -(_ONE - uniform_power(stream, per_strength))


@kernel
def _sample_image_op(stream, image_ops, severity, height, width):
    op = image_ops[integer(stream, image_ops.size)]
    level = _LEAST_LEVEL + (severity - _LEAST_LEVEL) * uniform(stream)
    sign = _ONE if uniform(stream) < _HALF else -_ONE
    return op, amount_of(op, level, sign, height, width)


@kernel
def _sample_step(plan, chain, step, stream, p_level, height, width, lists, settings):
    patch_sizes, mixing_ops, image_ops = lists
    plan.image_op[chain, step] = -1
    plan.mixing[chain, step] = -1
    copies = p_level and settings.copies == 1 and uniform(stream) < _HALF
    if copies or not p_level:
        op, amount = _sample_image_op(stream, image_ops, settings.severity, height, width)
        plan.image_op[chain, step] = op
        plan.amount[chain, step] = amount
    if p_level:
        size = patch_sizes[integer(stream, patch_sizes.size)]
        mixing = mixing_ops[integer(stream, mixing_ops.size)]
        plan.mixing[chain, step] = mixing
        _sample_box(plan.box[chain, step], stream, size, height, width, settings)
        _sample_factors(plan.factors[chain, step], stream, mixing, settings.beta)
        plan.mask_seed[chain, step] = next_bits(stream)


@kernel
def sample_plan(plan, seed, image_seed, height, width, lists, settings):
    """Draw one plan.

    Parameters
    ----------
    plan : record of dtype `fractalgen.augment.plan.PLAN`, all zeros
        Written.
    seed : uint64
        Everything follows from it, but for the image and its crop:
    image_seed : uint64
        these follow from this one.
    height, width : int
        The image's, in pixels.
    lists : tuple of three int64 arrays
        The patch sizes, and indices of the mixing and image operations to choose from.
    settings : record of dtype `SETTINGS`
        The rest.
    """
    stream = np.zeros(2, np.uint64)
    stream[0] = image_seed
    plan.image = integer(stream, settings.n_images)
    plan.crop[0] = integer(stream, settings.image_size - height + 1)
    plan.crop[1] = integer(stream, settings.image_size - width + 1)
    stream[0] = seed  # three of its numbers are left out
    plan.framework = settings.framework
    plan.wraps = settings.wraps
    linear = settings.framework == _LINEAR
    plan.n_chains = 1 if linear else settings.width
    plan.skip = _ONE if linear else beta(stream, settings.alpha, settings.alpha)
    total = _ZERO
    for chain in range(plan.n_chains):
        plan.weights[chain] = _ONE if linear else gamma(stream, settings.alpha)
        total += plan.weights[chain]
    for chain in range(plan.n_chains):
        plan.weights[chain] /= total
        depths = settings.depth - settings.least_depth + 1
        plan.depth[chain] = settings.least_depth + integer(stream, depths)
        either = settings.image_level == 1 and settings.p_level == 1
        p_level = uniform(stream) < _HALF if either else settings.p_level == 1
        for step in range(plan.depth[chain]):
            if linear and either:
                p_level = uniform(stream) < _HALF
            _sample_step(plan, chain, step, stream, p_level, height, width, lists, settings)
