"""IPMix: mix training pictures with a bank's at the image, patch and pixel level."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fractalgen.augment import reference
from fractalgen.augment.options import Options
from fractalgen.augment.pictures import (
    as_pixels,
    as_seeds,
    checked_out,
    like_input,
    read_only,
)
from fractalgen.augment.plan import PLAN
from fractalgen.augment.threads import ThreadTeam
from fractalgen.kernels.ipmix import apply_plans, draw_plans

__all__ = ["Bank", "IPMix"]

_ENGINES = ("compiled", "reference")
_LAYOUTS = ("NHWC", "NCHW")


class Bank(Protocol):
    """The pictures to mix with, such as `fractalgen.MixingSet`."""

    @property
    def array(self) -> NDArray[np.uint8]:
        """All pictures, shape (n, size, size, 3)."""


class IPMix:
    """Augment pictures by Algorithm 1 of IPMix; their labels stay as they are.

    Source: Huang et al., "IPMix: Label-Preserving Data Augmentation Method for Training Robust
    Classifiers", NeurIPS 2023.

    Parameters
    ----------
    bank : MixingSet or ndarray of uint8, shape (n, size, size, 3)
        Pictures to mix with, at least as large as those to be augmented.
    k : int
        Chains, 1 to 8.
    t : int
        Steps of a chain at most, 1 to 8.
    patch_sizes : str or sequence
        ``"cifar"`` (4, 8, 16 and the whole picture), ``"imagenet"`` (4 to 64 and the whole), or
        sides in pixels and ``"image"``, which means the whole picture: the pixel level.
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
        Of the chains' Dirichlet weights and of the Beta weight against the clean picture.
    beta : float
        The mixing operations' strength; smaller mixes more.
    severity : float
        The greatest level of an image operation, 0.1 to 10.
    compat : str
        ``"paper"``: chains of 1 to `t` steps, partners drawn by a coin from the bank or from an
        image-level copy, values clipped. ``"official"``: as the public code does it: 0 to `t`
        steps, out-of-range values wrap round, one picture of the bank for all views.
    engine : str
        ``"compiled"``, or ``"reference"``: the same plans by Pillow and NumPy, slowly.
    threads : int, optional
        Of `batch`; all processors if None, one within a worker process.

    Raises
    ------
    ValueError
        If an option is out of its range or unknown.
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
        if engine not in _ENGINES:
            raise ValueError(f"engine must be one of {', '.join(_ENGINES)}, not '{engine}'")
        self.bank = bank
        self.engine = engine
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
        pictures = self._pictures
        if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.dtype != np.uint8:
            raise ValueError(
                "the bank must be uint8 of shape (n, size, size, 3), not "
                f"{pictures.dtype} of shape {pictures.shape}"
            )
        if not len(pictures):
            raise ValueError("the bank holds no picture")

    @property
    def _pictures(self) -> NDArray[np.uint8]:
        array = self.bank if isinstance(self.bank, np.ndarray) else self.bank.array
        return read_only(np.asarray(array))

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
        """
        seed = int(rng.integers(0, 1 << 64, dtype=np.uint64))
        return self._plan(seed, 0, image_shape[0], image_shape[1])

    def apply(self, plan: np.void, image: Any) -> Any:
        """Apply a plan to a picture; see `__call__` for what it takes and gives."""
        pixels = as_pixels(image)
        return like_input(self._apply(plan, pixels), image)

    def __call__(self, image: Any, seed: int) -> Any:
        """Augment one picture.

        Parameters
        ----------
        image : PIL image, ndarray or tensor
            An array is uint8 (height, width, 3); a tensor uint8, or float from 0 to 1, of shape
            (3, height, width). Not changed.
        seed : int
            64 bits; the same seed and picture give the same result.

        Returns
        -------
        ndarray or tensor of float32
            In [0, 1], in the layout of `image`; a PIL image gives (height, width, 3).
        """
        pixels = as_pixels(image)
        plan = self._plan(seed, 0, pixels.shape[0], pixels.shape[1])
        return like_input(self._apply(plan, pixels), image)

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

        A picture's result depends on its seed and on the picture alone.

        Parameters
        ----------
        images : ndarray of uint8, shape (batch, height, width, 3)
            Not changed.
        seeds : array-like of int, shape (batch,)
            64 bits each.
        views : int, optional
            If given, that many different views of each picture, as a first axis of the result.
        mean, std : sequence of 3 floats
            The result is (value in [0, 1] - mean) / std for each channel.
        layout : str
            ``"NHWC"`` or ``"NCHW"``.
        out : ndarray of float32, optional
            C-contiguous, of the result's shape; filled and returned.

        Returns
        -------
        ndarray of float32
            Shape ([views,] batch, height, width, 3), or ([views,] batch, 3, height, width).
        """
        images = np.ascontiguousarray(images)
        if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
            raise ValueError(
                "images must be uint8 of shape (batch, height, width, 3), not "
                f"{images.dtype} of shape {images.shape}"
            )
        if layout not in _LAYOUTS:
            raise ValueError(f"layout must be one of {', '.join(_LAYOUTS)}, not '{layout}'")
        if views is not None and views < 1:
            raise ValueError(f"views must be 1 or more, not {views}")
        seeds = as_seeds(seeds, len(images))
        n, height, width, _ = images.shape
        shape = (n, 3, height, width) if layout == "NCHW" else (n, height, width, 3)
        if views is not None:
            shape = (views, *shape)
        out = checked_out(out, shape)
        flat = out.reshape(views or 1, n, height * width * 3)
        if self.engine == "reference":
            self._fill_by_reference(images, seeds, flat, np.asarray(mean), np.asarray(std), layout)
            return out
        lists, settings = self._tables(height, width)
        pictures, images = self._pictures, read_only(images)
        shift, scale = np.asarray(mean, np.float32), (1.0 / np.asarray(std)).astype(np.float32)
        planar = layout == "NCHW"

        def work(start: int, stop: int) -> None:
            plans = np.zeros((len(flat), stop - start), PLAN)
            draw_plans(plans, seeds[start:stop], height, width, lists, settings)
            apply_plans(plans, images, pictures, shift, scale, planar, start, flat)

        self._team.run(work, n)
        return out

    def _tables(self, height: int, width: int) -> tuple[tuple[NDArray[np.int64], ...], Any]:
        pictures = self._pictures
        if pictures.shape[1] < height or pictures.shape[2] < width:
            raise ValueError(
                f"pictures of {height} x {width} need a bank of at least that size, not "
                f"{pictures.shape[1]} x {pictures.shape[2]}"
            )
        lists = self.options.lists(height, width)
        return lists, self.options.settings(len(pictures), pictures.shape[1], len(lists[0]))

    def _plan(self, seed: int, view: int, height: int, width: int) -> np.void:
        lists, settings = self._tables(height, width)
        plans = np.zeros((view + 1, 1), PLAN)
        draw_plans(plans, as_seeds([seed], 1), height, width, lists, settings)
        plan: np.void = plans[view, 0]
        return plan

    def _apply(self, plan: np.void, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self.engine == "reference":
            picture = self._pictures[plan["picture"]]
            return reference.apply_plan(plan, pixels, picture).astype(np.float32)
        plans, out = np.array([[plan]], PLAN), np.empty((1, 1, pixels.size), np.float32)
        shift, scale = np.zeros(3, np.float32), np.ones(3, np.float32)
        image = read_only(pixels)[None]
        apply_plans(plans, image, self._pictures, shift, scale, False, 0, out)
        return out.reshape(pixels.shape)

    def _fill_by_reference(
        self,
        images: NDArray[np.uint8],
        seeds: NDArray[np.uint64],
        flat: NDArray[np.float32],
        mean: NDArray[Any],
        std: NDArray[Any],
        layout: str,
    ) -> None:
        for view in range(flat.shape[0]):
            for index, image in enumerate(images):
                plan = self._plan(int(seeds[index]), view, *image.shape[:2])
                values = (self._apply(plan, image) - mean) / std
                values = values.transpose(2, 0, 1) if layout == "NCHW" else values
                flat[view, index] = values.ravel()
