"""The layout of plans and of the settings that they are drawn from, shared by both engines.

A plan is a record of fixed shape, so a kernel can draw a batch of plans without Python. Named
choices are stored as the numbers in the enumerations below.
"""

import enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FRAMEWORKS",
    "IMAGE_OPS",
    "MAX_DEPTH",
    "MAX_WIDTH",
    "MIXING_OPS",
    "NO_OP",
    "PLAN",
    "SETTINGS",
    "Choices",
    "Framework",
    "ImageOp",
    "MixingOp",
    "Scheme",
]

MAX_WIDTH = 8
MAX_DEPTH = 8
NO_OP = -1
"""Stands for no operation."""


class _Code(enum.IntEnum):
    @staticmethod
    def _generate_next_value_(_name: str, _start: int, count: int, _last: list[int]) -> int:
        return count

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the users' names of the members, in order: "shear-x" for SHEAR_X."""
        return tuple(name.lower().replace("_", "-") for name in cls.__members__)


class ImageOp(_Code):
    """Operations on whole images.

    Add new ones at the end, with a kernel in `fractalgen.kernels.image_ops` and a reference in
    `fractalgen.augment.image_ops`.
    """

    EQUALIZE = enum.auto()
    POSTERIZE = enum.auto()
    ROTATE = enum.auto()
    SOLARIZE = enum.auto()
    SHEAR_X = enum.auto()
    SHEAR_Y = enum.auto()
    TRANSLATE_X = enum.auto()
    TRANSLATE_Y = enum.auto()
    MIRROR = enum.auto()
    INVERT = enum.auto()
    AUTOCONTRAST = enum.auto()
    COLOR = enum.auto()
    CONTRAST = enum.auto()
    BRIGHTNESS = enum.auto()
    SHARPNESS = enum.auto()
    FILTER = enum.auto()
    TONE = enum.auto()
    WARP = enum.auto()


class MixingOp(_Code):
    """Ways to mix a patch of two images.

    Add new ones at the end, with a kernel in `fractalgen.kernels.mixing` and a reference in
    `fractalgen.augment.reference`.
    """

    ADD = enum.auto()
    MULTIPLY = enum.auto()
    RANDOM_PIXELS = enum.auto()
    RANDOM_ELEMENTS = enum.auto()


class Framework(_Code):
    """How the chains are combined; see `fractalgen.IPMixConfig`."""

    CHAIN = enum.auto()
    LINEAR = enum.auto()
    INPUT = enum.auto()


class Scheme(_Code):
    """How the steps of a plan are drawn: chains of random steps, or as the papers say."""

    CHAINS = enum.auto()
    PIXMIX = enum.auto()
    LAYERMIX = enum.auto()


IMAGE_OPS = ImageOp.names()
MIXING_OPS = MixingOp.names()
FRAMEWORKS = Framework.names()

_STEPS = (MAX_WIDTH, MAX_DEPTH)
PLAN = np.dtype(
    [
        ("bank_image", np.int64),
        ("crop", np.int32, (2,)),  # the corner of what is cut from the bank's image: row, column
        ("framework", np.int32),
        ("wraps", np.int32),  # whether values out of range wrap round
        ("n_chains", np.int32),
        ("skip", np.float32),  # m, the weight of the chains against the clean image
        ("weights", np.float32, (MAX_WIDTH,)),
        ("depth", np.int32, (MAX_WIDTH,)),
        # Each step either changes the chain's image by `image_op`, with `mixing` NO_OP, or mixes a
        # patch with the bank's image or, with `image_op`, with a changed copy of the clean image.
        ("mixing", np.int32, _STEPS),
        ("image_op", np.int32, _STEPS),
        ("amount", np.float32, _STEPS),  # what `image_op` is told
        # For random operations: the frequencies of a tone curve, from and to; 1 and the side of a
        # filter or the number of modes of a warp; and their stream of random numbers.
        ("detail", np.int32, (*_STEPS, 2)),
        ("op_seed", np.uint64, _STEPS),
        ("box", np.int32, (*_STEPS, 4)),  # the patch's top, left, height and width
        ("factors", np.float32, (*_STEPS, 2)),  # a and b of `mixing`
        ("mask_seed", np.uint64, _STEPS),  # the stream of a random mask
    ],
    align=True,
)

SETTINGS = np.dtype(
    [
        ("scheme", np.int64),
        ("n_images", np.int64),
        ("image_size", np.int64),
        ("width", np.int64),
        ("min_depth", np.int64),
        ("depth", np.int64),
        ("framework", np.int64),
        ("wraps", np.int64),
        ("copies", np.int64),  # whether a partner may be a changed copy of the image
        ("image_level", np.int64),
        ("p_level", np.int64),
        ("square", np.int64),
        ("scar", np.int64),
        ("one_image", np.int64),  # all views of an image are mixed with the same one
        ("boxed_pixels", np.int64),  # public code: a patch of the whole image may be a scar too
        ("alpha", np.float32),
        ("beta", np.float32),
        ("severity", np.float32),
        ("min_level", np.float32),  # of the image operations
        ("filter_sides", np.int64, (2,)),  # smallest and largest
        ("max_frequency", np.int64),  # of tone curves
        ("bandwidth", np.int64),  # frequencies in a tone curve; 0 for all up to a random one
        ("max_modes", np.int64),  # of warps
        ("filter_scale", np.float32),  # a factor of the filters' amounts
        ("tone_scale", np.float32),
    ],
    align=True,
)


class Choices(NamedTuple):
    """The choices of a step: patch sides in pixels, and operations by number."""

    patch_sizes: NDArray[np.int64]
    mixing_ops: NDArray[np.int64]
    image_ops: NDArray[np.int64]
