"""IPMix: mix training images with a bank's at the image, patch and pixel level."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import one_of, three_numbers, whole_number
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
from fractalgen.augment.options import Options
from fractalgen.augment.plan import PLAN, checked_plan
from fractalgen.augment.threads import ThreadTeam
from fractalgen.kernels.ipmix import apply_plans, draw_plans
from fractalgen.registry import shown

__all__ = ["Bank", "IPMix"]

_ENGINES = ("compiled", "reference")
_LAYOUTS = ("NHWC", "NCHW")
_LARGEST_SIDE = (1 << 31) - 1


class Bank(Protocol):
    """The images to mix with, such as `fractalgen.MixingSet`."""

    @property
    def array(self) -> NDArray[np.uint8]:
        """All images, shape (n, size, size, 3)."""


class IPMix:
    """Augment images by Algorithm 1 of IPMix; their labels stay as they are.

    Source: Huang et al., "IPMix: Label-Preserving Data Augmentation Method for Training Robust
    Classifiers", NeurIPS 2023.

    Parameters
    ----------
    bank : MixingSet or ndarray of uint8, shape (n, size, size, 3)
        Images to mix with, at least as large as those to be augmented.
    k : int
        Chains, 1 to 8.
    t : int
        Steps of a chain at most, 1 to 8.
    patch_sizes : str or sequence
        ``"cifar"`` (4, 8, 16 and the whole image), ``"imagenet"`` (4 to 64 and the whole), or
        sides in pixels and ``"image"``, which means the whole image: the pixel level.
    mixing_ops : sequence of str
        Of ``add``, ``multiply``, ``random-pixels``, ``random-elements``.
    image_ops : str or sequence of str
        ``"paper"`` (ten, disjoint from ImageNet-C), ``"all"`` (fifteen), or some of their names.
    patch_shapes : sequence of str
        Of ``square`` and ``scar`` (long and thin).
    levels : sequence of str
        Of ``image``, ``patch``, ``pixel``.
    framework : str
        ``"chain"``, ``"linear"`` (one chain, each step of any level, nothing blended back) or
        ``"input"`` (each chain goes on from the last one's result); the paper's Figure 4.
    alpha : float
        Of the chains' Dirichlet weights and of the Beta weight against the clean image.
    beta : float
        The mixing operations' strength; smaller mixes more.
    severity : float
        The greatest level of an image operation, 0.1 to 10.
    compat : str
        ``"paper"``: chains of 1 to `t` steps, partners drawn by a coin from the bank or from an
        image-level copy, values clipped. ``"official"``: as the public code does it: 0 to `t`
        steps, out-of-range values wrap round, one image of the bank for all views, patches of the
        whole image cut to a scar too. There partners are the bank's alone, unless `patch_sizes`
        has 4, 8, 16, 32 and 64, by name or as a list: those are of its code for ImageNet, which
        draws copies by the same coin.
    engine : str
        ``"compiled"``, or ``"reference"``: the same plans by Pillow and NumPy, slowly.
    threads : int, optional
        Of `batch`; all processors if None, one within a worker process.

    Raises
    ------
    TypeError
        If the bank is none.
    ValueError
        If an option is out of its range, of another kind, or unknown; or the bank is empty, not
        square or of another type.
    """

    def __init__(
        self,
        bank: Bank | NDArray[np.uint8],
        *,
        k: int = 3,
        t: int = 3,
        patch_sizes: str | Sequence[int | str] = "cifar",
        mixing_ops: Sequence[str] = ("add", "multiply", "random-pixels", "random-elements"),
        image_ops: str | Sequence[str] = "paper",
        patch_shapes: Sequence[str] = ("square", "scar"),
        levels: Sequence[str] = ("image", "patch", "pixel"),
        framework: str = "chain",
        alpha: float = 1.0,
        beta: float = 3.0,
        severity: float = 3.0,
        compat: str = "paper",
        engine: str = "compiled",
        threads: int | None = None,
    ) -> None:
        self.bank = bank
        self.engine = one_of("engine", engine, _ENGINES)
        self.options = Options.checked(
            k=k,
            t=t,
            patch_sizes=patch_sizes,
            mixing_ops=mixing_ops,
            image_ops=image_ops,
            patch_shapes=patch_shapes,
            levels=levels,
            framework=framework,
            alpha=alpha,
            beta=beta,
            severity=severity,
            compat=compat,
        )
        self._team = ThreadTeam(threads)
        self._images()

    def _images(self) -> NDArray[np.uint8]:
        """Return the bank's images, checked every time: its array is the caller's to change."""
        array = getattr(self.bank, "array", self.bank)
        if not isinstance(array, np.ndarray):
            raise TypeError(f"the bank must be a MixingSet or an array, not {shown(self.bank)}")
        if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] != 3:
            raise ValueError(
                "the bank must be uint8 of shape (n, size, size, 3), not "
                f"{array.dtype} of shape {array.shape}"
            )
        n_images, height, width, _ = array.shape
        if height != width:
            raise ValueError(f"the bank's images must be square, not {height} x {width}")
        if not n_images:
            raise ValueError("the bank holds no image")
        return read_only(array)

    def sample_plan(self, rng: np.random.Generator, image_shape: tuple[int, ...]) -> np.void:
        """Draw the plan of one view.

        Parameters
        ----------
        rng : numpy.random.Generator
            Gives one 64-bit seed.
        image_shape : tuple of int
            Height and width first.

        Returns
        -------
        record of dtype `fractalgen.augment.plan.PLAN`
                See `fractalgen.augment.plan.to_json`.

        Raises
        ------
        TypeError
            If `rng` is no generator.
        ValueError
            If the bank's images are smaller, or the shape is none.
        """
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy.random.Generator, not {shown(rng)}")
        try:
            height, width, *_ = image_shape
        except (TypeError, ValueError):
            raise ValueError(
                f"image_shape must be (height, width) or longer, not {shown(image_shape)}"
            ) from None
        height, width = (
            whole_number(f"image_shape[{axis}]", side, 1, _LARGEST_SIDE)
            for axis, side in enumerate((height, width))
        )
        seed = int(rng.integers(0, 1 << 64, dtype=np.uint64))
        return self._plan(self._images(), seed, 0, height, width)

    def apply(self, plan: np.void, image: Any) -> Any:
        """Apply a plan to an image; see `__call__` for what it takes and gives.

        Parameters
        ----------
        plan : record of dtype `fractalgen.augment.plan.PLAN`
            As `sample_plan` or `fractalgen.augment.plan.from_json` gives it.
        image : PIL image, ndarray or tensor

        Raises
        ------
        TypeError
            If it is no plan.
        ValueError
            With the field, its value and its range, if the plan is not for images of this size,
            not for this bank, or not sound.
        """
        pixels, bank_images = as_pixels(image), self._images()
        _check_room(bank_images, *pixels.shape[:2])
        plan = checked_plan(plan, pixels.shape[:2], bank_images.shape)
        return like_input(self._apply(bank_images, plan, pixels), image)

    def __call__(self, image: Any, seed: int) -> Any:
        """Augment one image.

        Parameters
        ----------
        image : PIL image, ndarray or tensor
            An array is uint8 (height, width, 3); a tensor uint8, or float from 0 to 1, of shape
            (3, height, width). Not changed.
        seed : int
            64 bits; the same seed and image give the same result.

        Returns
        -------
        ndarray or tensor of float32
            In [0, 1], in the layout of `image`; a PIL image gives (height, width, 3).
        """
        pixels, bank_images = as_pixels(image), self._images()
        plan = self._plan(bank_images, as_seed("seed", seed), 0, pixels.shape[0], pixels.shape[1])
        return like_input(self._apply(bank_images, plan, pixels), image)

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

        An image's result depends on its seed and on the image alone.

        Parameters
        ----------
        images : ndarray of uint8, shape (batch, height, width, 3)
            Not changed.
        seeds : array-like of int, shape (batch,)
            64 bits each.
        views : int, optional
            If given, that many different views of each image, as a first axis of the result.
        mean, std : sequence of 3 floats
            The result is (value in [0, 1] - mean) / std for each channel; finite, `std` above 0.
        layout : str
            ``"NHWC"`` or ``"NCHW"``.
        out : ndarray of float32, optional
            C-contiguous, of the result's shape; filled and returned.

        Returns
        -------
        ndarray of float32
            Shape ([views,] batch, height, width, 3), or ([views,] batch, 3, height, width).

        Raises
        ------
        ValueError
            If something is of another shape, type or range than said here.
        """
        images = as_batch(images)
        layout = one_of("layout", layout, _LAYOUTS)
        if views is not None:
            views = whole_number("views", views, 1, MAX_VIEWS)
        seeds = as_seeds(seeds, len(images))
        shift = np.array(three_numbers("mean", mean))
        scale = np.array(three_numbers("std", std, scale=True))
        n, height, width, _ = images.shape
        shape = (n, 3, height, width) if layout == "NCHW" else (n, height, width, 3)
        if views is not None:
            shape = (views, *shape)
        out = checked_out(out, shape)
        flat = np.asarray(out).reshape(views or 1, n, height * width * 3)
        bank_images = self._images()
        if self.engine == "reference":
            self._fill_by_reference(bank_images, images, seeds, flat, shift, scale, layout)
            return out
        lists, settings = self._tables(bank_images, height, width)
        images = read_only(images)
        shift, scale = shift.astype(np.float32), (1.0 / scale).astype(np.float32)
        planar = layout == "NCHW"

        def work(start: int, stop: int) -> None:
            plans = np.zeros((len(flat), stop - start), PLAN)
            draw_plans(plans, seeds[start:stop], height, width, lists, settings)
            apply_plans(plans, images, bank_images, shift, scale, planar, start, flat)

        self._team.run(work, n)
        return out

    def _tables(
        self, bank_images: NDArray[np.uint8], height: int, width: int
    ) -> tuple[tuple[NDArray[np.int64], ...], Any]:
        _check_room(bank_images, height, width)
        lists = self.options.lists(height, width)
        return lists, self.options.settings(len(bank_images), bank_images.shape[1], len(lists[0]))

    def _plan(
        self, bank_images: NDArray[np.uint8], seed: int, view: int, height: int, width: int
    ) -> np.void:
        lists, settings = self._tables(bank_images, height, width)
        plans = np.zeros((view + 1, 1), PLAN)
        draw_plans(plans, np.array([seed], np.uint64), height, width, lists, settings)
        plan: np.void = plans[view, 0]
        return plan

    def _apply(
        self, bank_images: NDArray[np.uint8], plan: np.void, pixels: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Apply a plan that was drawn here or checked; the kernels have no bounds checks."""
        if self.engine == "reference":
            bank_image = bank_images[plan["image"]]
            return reference.apply_plan(plan, pixels, bank_image).astype(np.float32)
        plans, out = np.array([[plan]], PLAN), np.empty((1, 1, pixels.size), np.float32)
        shift, scale = np.zeros(3, np.float32), np.ones(3, np.float32)
        image = read_only(pixels)[None]
        apply_plans(plans, image, bank_images, shift, scale, False, 0, out)
        return out.reshape(pixels.shape)

    def _fill_by_reference(
        self,
        bank_images: NDArray[np.uint8],
        images: NDArray[np.uint8],
        seeds: NDArray[np.uint64],
        flat: NDArray[np.float32],
        mean: NDArray[Any],
        std: NDArray[Any],
        layout: str,
    ) -> None:
        for view in range(flat.shape[0]):
            for index, image in enumerate(images):
                plan = self._plan(bank_images, int(seeds[index]), view, *image.shape[:2])
                values = (self._apply(bank_images, plan, image) - mean) / std
                values = values.transpose(2, 0, 1) if layout == "NCHW" else values
                flat[view, index] = values.ravel()


def _check_room(bank_images: NDArray[np.uint8], height: int, width: int) -> None:
    """Refuse images that are larger than the bank's."""
    if bank_images.shape[1] < height or bank_images.shape[2] < width:
        raise ValueError(
            f"images of {height} x {width} need a bank of at least that size, not "
            f"{bank_images.shape[1]} x {bank_images.shape[2]}"
        )
