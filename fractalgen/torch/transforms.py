"""IPMix as a torchvision transform."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2

from fractalgen.augment.augmenter import Augmenter
from fractalgen.augment.images import as_pixels
from fractalgen.errors import ArgumentError, ArgumentTypeError
from fractalgen.registry import shown
from fractalgen.torch.datasets import checked_augmenter

__all__ = ["IPMixTransform"]


def _is_plain_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and not isinstance(value, tv_tensors.TVTensor)


class IPMixTransform(v2.Transform):  # type: ignore[misc, unused-ignore]
    """A transform that augments images, for torchvision's transforms v1 and v2.

    Put it after crops and flips and before normalisation. Like torchvision's own transforms it
    uses PyTorch's global generator: with `torch.manual_seed`, a run is repeatable as long as the
    number of workers stays the same. `IPMixDataset` does not depend on that number.

    It augments PIL images, `tv_tensors.Image` and plain tensors, uint8 or float from 0 to 1. All
    images of one sample get the same seed, and grey images become RGB. Labels, boxes and masks are
    unchanged.

    Parameters
    ----------
    aug : IPMix, AugMix, PixMix, LayerMix or PRIME
        The augmenter. In a worker process it uses one thread, unless its `threads` was set.
    dtype : torch.dtype
        ``torch.float32`` for values from 0 to 1, or ``torch.uint8`` for values rounded to 0 to 255,
        for loaders that normalise by themselves, such as timm's prefetching loader.
    """

    _transformed_types = (Image.Image, tv_tensors.Image, _is_plain_tensor)

    def __init__(self, aug: Augmenter, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        if dtype not in (torch.float32, torch.uint8):
            raise ArgumentError(f"dtype must be torch.float32 or torch.uint8, not {shown(dtype)}")
        self.aug = checked_augmenter(aug)
        self.dtype = dtype

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Refuse videos, which would otherwise be left unchanged."""
        if any(isinstance(value, tv_tensors.Video) for value in flat_inputs):
            raise ArgumentTypeError("IPMix augments images, not videos")

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw a seed of 64 bits."""
        return {"seed": int(torch.randint(-(2**63), 2**63 - 1, ())) % 2**64}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Return a plain tensor for a plain tensor, otherwise a `tv_tensors.Image`."""
        pixels = as_pixels(inpt, grey=True)
        mixed = self.aug.batch(pixels[None], [params["seed"]], layout="NCHW")[0]
        if self.dtype == torch.uint8:
            mixed = (mixed * np.float32(255.0) + np.float32(0.5)).astype(np.uint8)
        out = torch.from_numpy(mixed)
        if isinstance(inpt, torch.Tensor):
            out = out.to(inpt.device)
        return out if _is_plain_tensor(inpt) else tv_tensors.Image(out)

    # The names of these methods before torchvision 0.21.
    _get_params = make_params
    _transform = transform
