"""Names of published networks, which are listed without building any."""

import functools
import importlib
import importlib.util
from typing import Any

__all__ = ["model_names"]


@functools.lru_cache
def model_names(kind: str) -> tuple[str, ...]:
    """Return the names of ``torchvision``'s or ``timm``'s image classifiers.

    There are none if timm is not installed.
    """
    if kind == "torchvision":
        models: Any = importlib.import_module("torchvision.models")
        return tuple(models.list_models(module=models))
    if importlib.util.find_spec("timm") is None:
        return ()
    timm: Any = importlib.import_module("timm")
    return tuple(timm.list_models())
