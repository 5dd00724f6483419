"""What a run is: every decision that its weights depend on."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from fractalgen.arguments import one_of, real_number, whole_number
from fractalgen.errors import RunError, RunUsageError
from fractalgen.registry import shown

__all__ = ["METHODS", "RECIPES", "Config", "IPMixSettings", "differing_keys"]

METHODS = ("ipmix", "vanilla")
RECIPES = ("paper", "official")
_LARGEST = (1 << 63) - 1
_LARGEST_SIDE = 1 << 16
_RANGES = {
    "learning_rate": (1e-12, 1e3),
    "final_learning_rate": (0.0, 1e3),
    "momentum": (0.0, 1.0),
    "weight_decay": (0.0, 1.0),
}


@dataclass(frozen=True)
class IPMixSettings:
    """The augmenter's options that a run records; see `fractalgen.IPMix`."""

    k: int = 3
    t: int = 3
    beta: float = 3.0
    severity: float = 3.0
    framework: str = "chain"
    levels: tuple[str, ...] = ("image", "patch", "pixel")
    mixing_ops: tuple[str, ...] = ("add", "multiply", "random-pixels", "random-elements")
    patch_shapes: tuple[str, ...] = ("square", "scar")
    patch_sizes: str = "cifar"
    compat: str = "paper"


@dataclass(frozen=True)
class Config:
    """A run's configuration. Hardware, workers and folders are not part of it.

    Attributes
    ----------
    dataset : str
        ``digits``, ``fashion-mnist``, ``cifar10``, ``cifar100`` or ``folder:DIR``.
    model : str
        A name of `fractalgen.training.models.MODELS`.
    method : str
        ``ipmix``; or ``vanilla``: crops and mirror images alone.
    seed : int
        Of everything that is drawn.
    image_size : int or None
        Pixels a side; None is the data set's own.
    epochs, batch_size : int
        `batch_size` is that of a step, over all processes together.
    learning_rate : float
        The first; it falls along half a cosine, step by step, to `final_learning_rate`.
    momentum, weight_decay : float
        Of SGD; the momentum is Nesterov's.
    jsd : bool
        Train on the clean image and two views with the divergence between their predictions;
        else on one mixed view.
    ipmix : IPMixSettings or None
        None of the method ``vanilla``.
    weights : str or None
        What the weights came from at the start; None is at random.

    Raises
    ------
    RunUsageError
        If a value is unknown, of another kind, or out of its range.
    """

    dataset: str
    model: str
    method: str
    seed: int
    image_size: int | None
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    jsd: bool
    ipmix: IPMixSettings | None
    final_learning_rate: float = 1e-6
    momentum: float = 0.9
    weights: str | None = None

    def __post_init__(self) -> None:
        try:
            self._check()
        except ValueError as error:
            raise RunUsageError(str(error)) from None

    def _check(self) -> None:
        one_of("method", self.method, METHODS)
        for name in ("dataset", "model"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be a name, not {shown(getattr(self, name))}")
        if self.weights is not None and not isinstance(self.weights, str):
            raise ValueError(f"weights must be a name or None, not {shown(self.weights)}")
        if not isinstance(self.jsd, bool):
            raise ValueError(f"jsd must be True or False, not {shown(self.jsd)}")
        if self.ipmix is not None and not isinstance(self.ipmix, IPMixSettings):
            raise ValueError(f"ipmix must be IPMixSettings or None, not {shown(self.ipmix)}")
        whole_number("seed", self.seed, 0, _LARGEST)
        whole_number("epochs", self.epochs, 1, _LARGEST)
        whole_number("batch_size", self.batch_size, 2, _LARGEST)
        if self.image_size is not None:
            whole_number("image_size", self.image_size, 1, _LARGEST_SIDE)
        for name, (low, high) in _RANGES.items():
            real_number(name, getattr(self, name), low, high)

    @property
    def views(self) -> int | None:
        """How many augmented views go beside the clean image; None is one and no clean one."""
        return 2 if self.jsd else None

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {key: _plain(value) for key, value in dataclasses.asdict(self).items()}

    @classmethod
    def from_json(cls, data: Any) -> Config:
        """Read what `as_json` gave; RunError if it is something else."""
        try:
            ipmix = data["ipmix"]
            settings = None if ipmix is None else IPMixSettings(**_with_tuples(ipmix))
            return cls(**{**data, "ipmix": settings})
        except (TypeError, KeyError, AttributeError):
            raise RunError("the configuration is not as this fractalgen writes it") from None


def differing_keys(ours: Config, theirs: Config) -> list[str]:
    """Return ``key: theirs, not ours`` for every value that differs, IPMix's own among them."""
    return _differences(ours.as_json(), theirs.as_json())


def _differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    found = []
    for key, value in theirs.items():
        if isinstance(value, dict) and isinstance(ours[key], dict):
            found += _differences(ours[key], value)
        elif ours[key] != value and not isinstance(value, dict) and not isinstance(ours[key], dict):
            found.append(f"{key} {_shown(value)} (now {_shown(ours[key])})")
    return found


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _with_tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
