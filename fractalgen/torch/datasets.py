"""IPMix for PyTorch's datasets and data loaders.

An image's seed is `seed_for(seed, epoch, index)`, where `index` is its index in the dataset. So its
views don't depend on the workers, however they are started, on the batch, or on the order.
"""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, IterableDataset, default_collate

from fractalgen.arguments import channel_numbers, whole_number
from fractalgen.augment.augmenter import Augmenter
from fractalgen.augment.images import MAX_VIEWS, as_pixels, as_seed
from fractalgen.errors import ArgumentError, ArgumentTypeError
from fractalgen.registry import shown
from fractalgen.seeding import seed_for

__all__ = [
    "IPMixCollate",
    "IPMixDataset",
    "Indexed",
    "checked_augmenter",
    "level_tensor",
    "normalized",
    "normalized_tensor",
]

_MAX_EPOCH = (1 << 63) - 1


class _Seeded:
    """Augments images by index; all worker processes share the epoch."""

    def __init__(
        self,
        aug: Augmenter,
        *,
        views: int | None = None,
        seed: int = 0,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        self.aug = checked_augmenter(aug)
        self.views = None if views is None else whole_number("views", views, 1, MAX_VIEWS)
        self.seed = as_seed("seed", seed)
        self.mean = channel_numbers("mean", (0.0, 0.0, 0.0) if mean is None else mean)
        self.std = channel_numbers("std", (1.0, 1.0, 1.0) if std is None else std, scale=True)
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._share_epoch()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._share_epoch()  # a copy's own; in a worker process it is shared already

    def _share_epoch(self) -> None:
        """Make persistent workers see the next epoch."""
        self._epoch.share_memory_()  # type: ignore[no-untyped-call, unused-ignore]

    @property
    def epoch(self) -> int:
        """The current epoch."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which changes all views; call it before iterating over the loader."""
        self._epoch.fill_(whole_number("epoch", epoch, 0, _MAX_EPOCH))

    def _augmented(self, pixels: NDArray[np.uint8], indices: Sequence[int]) -> Any:
        """Return a tensor (n, 3, height, width), or a tuple that starts with the clean images."""
        epoch = self.epoch
        mixed = self.aug.batch(
            pixels,
            [seed_for(self.seed, epoch, index) for index in indices],
            views=self.views,
            mean=self.mean,
            std=self.std,
            layout="NCHW",
        )
        if self.views is None:
            return torch.from_numpy(mixed)
        clean = normalized_tensor(pixels, self.mean, self.std)
        return (clean, *(torch.from_numpy(view) for view in mixed))


class IPMixDataset(_Seeded, Dataset):  # type: ignore[misc, type-arg, unused-ignore]
    """A dataset with augmented images; labels and other parts of an item are unchanged.

    Random crops and flips in `dataset` itself use PyTorch's generators, and are as reproducible as
    those.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Its items are (image, label) or longer tuples. Images are PIL images, uint8 arrays
        (height, width[, 3]), or tensors ([3, ]height, width), uint8 or float from 0 to 1.
        Grey images become RGB.
    aug : IPMix, AugMix, PixMix, LayerMix or PRIME
        The augmenter. In a worker process it uses one thread, unless its `threads` was set.
    views : int, optional
        Number of augmented views per image. By default an item is (augmented image, label). With
        `views` it is ((clean, view, ...), label); `jsd_loss` takes two views.
    seed : int
        Seed of the run.
    mean, std : sequence of 3 floats, optional
        Normalise to (value - mean) / std, for values from 0 to 1.
    """

    def __init__(
        self,
        dataset: Any,
        aug: Augmenter,
        *,
        views: int | None = None,
        seed: int = 0,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        super().__init__(aug, views=views, seed=seed, mean=mean, std=std)
        self.dataset = _indexable(dataset)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        index = range(len(self.dataset))[operator.index(index)]
        image, *rest = _parts(self.dataset[index])
        out = self._augmented(as_pixels(image, grey=True)[None], [index])
        first = out[0] if self.views is None else tuple(view[0] for view in out)
        return (first, *rest)


class Indexed(Dataset):  # type: ignore[misc, type-arg, unused-ignore]
    """A dataset whose items end in their index: (image, label) becomes (image, label, index)."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = _indexable(dataset)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        index = range(len(self.dataset))[operator.index(index)]
        return (*_parts(self.dataset[index]), index)


class IPMixCollate(_Seeded):
    """A `collate_fn` that augments a whole batch in one call.

    It takes the arguments of `IPMixDataset` and gives the same batches, faster for small images.
    Wrap the loader's dataset in `Indexed`.
    """

    def __call__(self, samples: Sequence[tuple[Any, ...]]) -> Any:
        """Collate items (image, label, index), as `Indexed` returns them.

        The images become a float32 tensor (n, 3, height, width), or with `views` a tuple of such
        tensors, the clean images first; `torch.utils.data.default_collate` collates the labels.
        """
        n_parts = min((len(_parts(sample)) for sample in samples), default=0)
        if n_parts < 3:
            raise ArgumentError(
                f"items must be (image, label, index), not {n_parts} values; wrap the dataset "
                "in fractalgen.torch.Indexed"
            )
        images = [as_pixels(sample[0], grey=True) for sample in samples]
        sizes = {image.shape[:2] for image in images}
        if len(sizes) > 1:
            raise ArgumentError(
                f"all images of a batch must have the same size, not {sorted(sizes)}; crop or "
                "resize them in the dataset"
            )
        indices = [as_seed("the index at the end of an item", sample[-1]) for sample in samples]
        rest = default_collate([sample[1:-1] for sample in samples])
        return (self._augmented(np.stack(images), indices), *rest)


def normalized_tensor(
    pixels: NDArray[np.uint8], mean: Sequence[float], std: Sequence[float]
) -> Any:
    """Turn uint8 pixels (n, height, width, 3) into a float32 tensor (n, 3, height, width).

    A value is (pixel / 255 - mean) / std of its channel.
    """
    return normalized(level_tensor(pixels), mean, std).contiguous()


def level_tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
    """View uint8 pixels (n, height, width, 3) as a tensor (n, 3, height, width).

    They are copied only if PyTorch cannot use their memory.
    """
    usable = np.require(pixels, requirements=["C", "W"])
    return torch.from_numpy(usable).permute(0, 3, 1, 2)


def normalized(levels: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """Normalise a uint8 tensor (n, 3, height, width) on its device, to channels-last float32."""
    n, channels, height, width = levels.shape
    # PyTorch is slow if the dimension along which the statistics vary is only three long.
    rows = levels.permute(0, 2, 3, 1).reshape(n, height, width * channels)
    shift, scale = (
        torch.tensor([255 * value for value in values], dtype=torch.float32)
        .repeat(width)
        .to(levels.device, non_blocking=True)
        for values in (mean, std)
    )
    if levels.device.type == "cpu":
        # NumPy asks for large pages, without which new memory takes longer than the arithmetic.
        values = torch.from_numpy(np.empty(rows.shape, np.float32)).copy_(rows)
    else:
        values = rows.float()
    values.sub_(shift).div_(scale)
    return values.reshape(n, height, width, channels).permute(0, 3, 1, 2)


def checked_augmenter(aug: Any) -> Augmenter:
    """Return `aug` if it augments batches."""
    if not callable(getattr(aug, "batch", None)):
        raise ArgumentTypeError(f"aug must be an augmenter like fractalgen.IPMix, not {shown(aug)}")
    return aug  # type: ignore[no-any-return]


def _indexable(dataset: Any) -> Any:
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
        raise ArgumentTypeError(
            f"a {type(dataset).__name__} has no indices to derive seeds from; use "
            "fractalgen.torch.IPMixTransform in its transforms instead"
        )
    return dataset


def _parts(item: Any) -> Any:
    if not isinstance(item, (tuple, list)) or not item:
        raise ArgumentTypeError(
            f"a dataset's items must be tuples that start with the image, not {type(item).__name__}"
        )
    return item
