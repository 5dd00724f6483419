"""What all augmenters share: options, seeds, plans and batches on all threads."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import channel_numbers, one_of, whole_number
from fractalgen.augment import reference
from fractalgen.augment.images import (
    MAX_VIEWS,
    as_batch,
    as_pixels,
    as_seed,
    as_seeds,
    checked_out,
    like_input,
    read_only,
)
from fractalgen.augment.plan import PLAN, checked_plan
from fractalgen.errors import ArgumentError, ArgumentTypeError
from fractalgen.kernels.ipmix import apply_plans, draw_plans
from fractalgen.kernels.jit import one_process_compiles
from fractalgen.kernels.plan_layout import NO_OP, Choices
from fractalgen.pool import ThreadTeam
from fractalgen.registry import nearest, shown

__all__ = ["Augmenter", "Bank"]

# All engines take the same arguments and apply the same plans.
_ENGINES: dict[str, Callable[..., None]] = {
    "compiled": apply_plans,
    "reference": reference.apply_plans,
}
_LAYOUTS = ("NHWC", "NCHW")
_MAX_SIDE = (1 << 31) - 1


class Bank(Protocol):
    """The images to mix with, such as `fractalgen.MixingSet`."""

    @property
    def array(self) -> NDArray[np.uint8]:
        """All images, of shape (n, size, size, 3)."""


class Augmenter(ABC):
    """Augments images by plans that depend on a seed alone; their labels stay the same.

    A subclass names its options, and says from what plans are drawn.

    Parameters
    ----------
    bank : Bank, ndarray of uint8, or None
        Images to mix with; None for a method that mixes with none.
    config : dataclass or None
        Options of the type `config_type`; None for the defaults.
    options : dict
        Options that override those of `config`.
    engine : str
        ``"compiled"`` or ``"reference"``.
    threads : int or None
        Number of threads for `batch`.
    """

    config_type: ClassVar[type[Any]]
    uses_bank: ClassVar[bool] = True

    def __init__(
        self,
        bank: Bank | NDArray[np.uint8] | None,
        config: Any,
        options: dict[str, Any],
        engine: str,
        threads: int | None,
    ) -> None:
        name, kind = type(self).__name__, self.config_type
        if config is not None and not isinstance(config, kind):
            article = "an" if kind.__name__[0] in "AI" else "a"
            raise ArgumentTypeError(
                f"config must be {article} {kind.__name__}, not {shown(config)}"
            )
        known = [field.name for field in dataclasses.fields(kind)]
        for option in options:
            if option not in known:
                raise ArgumentTypeError(
                    f"{name} has no option '{option}': {nearest(option, known)}"
                )
        self.bank = bank
        self.engine = one_of("engine", engine, tuple(_ENGINES))
        self.config = dataclasses.replace(config or kind(), **options)
        self._team = ThreadTeam(threads)
        self._images()

    @abstractmethod
    def _tables(
        self, height: int, width: int, n_images: int, image_size: int
    ) -> tuple[Choices, NDArray[np.void]]:
        """Return what plans are drawn from, for an image and a bank shape."""

    def __repr__(self) -> str:
        bank = shown(self.bank) if isinstance(self.bank, np.ndarray) else repr(self.bank)
        given = f"{bank}, {self.config}" if self.uses_bank else str(self.config)
        return f"{type(self).__name__}({given}, engine={self.engine!r})"

    def sample_plan(self, rng: np.random.Generator, image_shape: tuple[int, ...]) -> np.void:
        """Draw the plan of one view.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of one 64-bit seed.
        image_shape : tuple of int
            Starts with height and width, which can be at most those of the bank.

        Returns
        -------
        record of dtype `fractalgen.augment.plan.PLAN`
            `fractalgen.augment.plan.to_json` converts it to readable JSON.
        """
        if not isinstance(rng, np.random.Generator):
            raise ArgumentTypeError(f"rng must be a numpy.random.Generator, not {shown(rng)}")
        try:
            height, width, *_ = image_shape
        except (TypeError, ValueError):
            raise ArgumentError(
                f"image_shape must be (height, width) or longer, not {shown(image_shape)}"
            ) from None
        height, width = (
            whole_number(f"image_shape[{axis}]", side, 1, _MAX_SIDE)
            for axis, side in enumerate((height, width))
        )
        seeds = rng.integers(0, 1 << 64, 1, dtype=np.uint64)
        bank_images = self._images(max(height, width))
        plan: np.void = self._plans(bank_images, seeds, 1, height, width)[0, 0]
        return plan

    def apply(self, plan: np.void, image: Any) -> Any:
        """Apply a plan from `sample_plan` or `from_json`; otherwise like `__call__`.

        ArgumentError names a field that is out of range or does not fit the image or the bank.
        """
        pixels = as_pixels(image)
        bank_images = read_only(self._images(max(pixels.shape[:2])))
        _check_room(bank_images, *pixels.shape[:2])
        plans = np.array([[checked_plan(plan, pixels.shape[:2], bank_images.shape)]], PLAN)
        if not self.uses_bank and _mixes_with_the_bank(plans[0, 0]):
            name = type(self).__name__
            raise ArgumentError(f"the plan mixes with an image of a bank, and {name} has no bank")
        out = np.empty((1, 1, pixels.size), np.float32)
        mean, scale = np.zeros(3, np.float32), np.ones(3, np.float32)
        apply = _ENGINES[self.engine]
        apply(plans, read_only(pixels)[None], bank_images, mean, scale, False, 0, out)
        return like_input(out.reshape(pixels.shape), image)

    def __call__(self, image: Any, seed: int) -> Any:
        """Augment one image.

        Parameters
        ----------
        image : PIL image, ndarray or tensor
            Arrays are uint8 of shape (height, width, 3). Tensors are uint8, or float from 0 to 1,
            of shape (3, height, width). Not changed.
        seed : int
            A 64-bit seed; the same seed and image give the same result.

        Returns
        -------
        ndarray or tensor of float32
            Values in [0, 1], in the layout of `image`; (height, width, 3) for a PIL image.
        """
        pixels = as_pixels(image)
        return like_input(self.batch(pixels[None], [as_seed("seed", seed)])[0], image)

    def batch(
        self,
        images: NDArray[np.uint8],
        seeds: Any,
        *,
        views: int | None = None,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        layout: str = "NHWC",
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Augment a batch on all threads.

        An image's result depends only on the image and its seed.

        Parameters
        ----------
        images : ndarray of uint8, shape (batch, height, width, 3)
            Not changed.
        seeds : array-like of int, shape (batch,)
            64-bit seeds.
        views : int, optional
            Number of different views per image. If given, the result has it as its first axis.
        mean, std : sequence of 3 floats
            Normalise each channel to (value - mean) / std, for values in [0, 1]. `mean` must be
            from 0 to 1, `std` above 0 and at most 1.
        layout : str
            ``"NHWC"`` or ``"NCHW"``.
        out : ndarray of float32, optional
            C-contiguous, of the result's shape; filled and returned.

        Returns
        -------
        ndarray of float32
            Shape ([views,] batch, height, width, 3), or ([views,] batch, 3, height, width).
        """
        images = as_batch(images)
        planar = one_of("layout", layout, _LAYOUTS) == "NCHW"
        if views is not None:
            views = whole_number("views", views, 1, MAX_VIEWS)
        seeds = as_seeds(seeds, len(images))
        shift = np.array(channel_numbers("mean", mean), np.float32)
        scale = (1.0 / np.array(channel_numbers("std", std, scale=True))).astype(np.float32)
        n, height, width, _ = images.shape
        shape: tuple[int, ...] = (n, 3, height, width) if planar else (n, height, width, 3)
        if views is not None:
            shape = (views, *shape)
        out = checked_out(out, shape)
        flat = np.asarray(out).reshape(views or 1, n, height * width * 3)
        images, bank_images = read_only(images), read_only(self._images(max(height, width)))
        apply = _ENGINES[self.engine]

        def work(start: int, stop: int) -> None:
            plans = self._plans(bank_images, seeds[start:stop], len(flat), height, width)
            apply(plans, images, bank_images, shift, scale, planar, start, flat)

        # All augmenters share their kernels.
        compiles = self.engine == "compiled"
        with one_process_compiles("augment") if compiles else nullcontext():
            self._team.run(work, n)
        return out

    def _images(self, side: int = 1) -> NDArray[np.uint8]:
        """Return the bank's images, checked every time because callers can change the array.

        Without a bank, one black image of `side` pixels, which no plan reads.
        """
        if not self.uses_bank:
            return np.broadcast_to(np.zeros(1, np.uint8), (1, side, side, 3))
        array = getattr(self.bank, "array", self.bank)
        if array is None:
            raise ArgumentTypeError(
                f"{type(self).__name__} needs images to mix with: a MixingSet, such as "
                "fractalgen.MixingSet('ipmix-set'), or a uint8 array of shape (n, size, size, 3)"
            )
        if not isinstance(array, np.ndarray):
            given = shown(self.bank)
            raise ArgumentTypeError(f"the bank must be a MixingSet or an array, not {given}")
        if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] != 3:
            raise ArgumentError(
                "the bank must be uint8 of shape (n, size, size, 3), not "
                f"{array.dtype} of shape {array.shape}"
            )
        n_images, height, width, _ = array.shape
        if height != width:
            raise ArgumentError(f"the bank's images must be square, not {height} x {width}")
        if not n_images:
            raise ArgumentError("the bank holds no images")
        return read_only(array)

    def _plans(
        self,
        bank_images: NDArray[np.uint8],
        seeds: NDArray[np.uint64],
        views: int,
        height: int,
        width: int,
    ) -> NDArray[np.void]:
        """Draw plans, shape (views, n)."""
        _check_room(bank_images, height, width)
        n_images, image_size = bank_images.shape[:2]
        choices, settings = self._tables(height, width, n_images, image_size)
        plans = np.zeros((views, len(seeds)), PLAN)
        draw_plans(plans, seeds, height, width, choices, settings)
        return plans


def _check_room(bank_images: NDArray[np.uint8], height: int, width: int) -> None:
    """Check that images are no larger than the bank's."""
    if bank_images.shape[1] < height or bank_images.shape[2] < width:
        raise ArgumentError(
            f"images of {height} x {width} need a bank of at least that size, not "
            f"{bank_images.shape[1]} x {bank_images.shape[2]}; open the set with "
            f"MixingSet(folder, size={max(height, width)}) or larger"
        )


def _mixes_with_the_bank(plan: np.void) -> bool:
    steps = np.arange(plan["mixing"].shape[1]) < plan["depth"][:, None]
    steps[plan["n_chains"] :] = False
    return bool(np.any(steps & (plan["mixing"] != NO_OP) & (plan["image_op"] == NO_OP)))
