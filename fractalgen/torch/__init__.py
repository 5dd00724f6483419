"""IPMix for PyTorch: a dataset, a collate function, a transform, and the JSD loss."""

import importlib
from typing import TYPE_CHECKING, Any

from fractalgen.errors import MissingPackageError

if TYPE_CHECKING:
    from fractalgen.torch.datasets import Indexed, IPMixCollate, IPMixDataset
    from fractalgen.torch.losses import jsd_loss
    from fractalgen.torch.transforms import IPMixTransform

_MODULES = {
    "IPMixCollate": "fractalgen.torch.datasets",
    "IPMixDataset": "fractalgen.torch.datasets",
    "IPMixTransform": "fractalgen.torch.transforms",
    "Indexed": "fractalgen.torch.datasets",
    "jsd_loss": "fractalgen.torch.losses",
}

__all__ = ["IPMixCollate", "IPMixDataset", "IPMixTransform", "Indexed", "jsd_loss"]


def __getattr__(name: str) -> Any:
    """Load a name on first use, because only the transform needs torchvision."""
    if name not in _MODULES:
        raise AttributeError(f"module 'fractalgen.torch' has no attribute '{name}'")
    try:
        module = importlib.import_module(_MODULES[name])
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision"):
            raise
        raise MissingPackageError(
            f"fractalgen.torch.{name} needs {error.name}, which is not installed; run "
            "pip install 'fractalgen-ipmix[train]'",
            name=error.name,
        ) from None
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
