"""A run's configuration: every decision that its weights depend on, as a dataclass and as JSON."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalgen.arguments import one_of, real_number, whole_number
from fractalgen.errors import RunError, RunUsageError
from fractalgen.files.json_codec import to_json
from fractalgen.methods import DEFAULT_METHOD, METHODS, find_method
from fractalgen.methods.combined import Combined
from fractalgen.methods.method import Method
from fractalgen.registry import nearest, shown
from fractalgen.training.datasets import FOLDER_PREFIX, find_data_set
from fractalgen.training.models import find_model

__all__ = ["RECIPES", "Config", "configure", "default_run_folder", "differing_keys"]

RECIPES = ("paper", "official", "fractalgen")

_MAX = (1 << 63) - 1
_MAX_SIDE = 1 << 16
_RANGES = {
    "learning_rate": (1e-12, 1e3),
    "final_learning_rate": (0.0, 1e3),
    "momentum": (0.0, 1.0),
    "weight_decay": (0.0, 1.0),
    "hold_out": (0.0, 0.9),
    "average": (0.0, 0.999999),
}


@dataclass(frozen=True)
class Config:
    """A run's configuration, without hardware, workers and folders.

    Attributes
    ----------
    dataset : str
        A name in `fractalgen.training.datasets.DATASETS`, or ``folder:DIR``.
    model : str
        A name in `fractalgen.training.models.MODELS`.
    method : Method
        The training method with its options.
    seed : int
        Seed for all randomness.
    image_size : int or None
        Side of the images in pixels; None for the data set's own size.
    epochs, batch_size : int
        `batch_size` counts the images of all processes in a step.
    learning_rate, final_learning_rate : float
        Rates at the first and the last step of a cosine schedule.
    momentum, weight_decay : float
        Settings of SGD with Nesterov momentum.
    weights : str or None
        Source of the initial weights; None for random weights.
    hold_out : float
        Share of the training images, 0 to 0.9, that are not trained on. 'fractalgen evaluate' fits
        the temperature of the confidences on them, or measures on them.
    average : float
        Decay of the moving average of the weights over the steps, which is what is tested and
        kept, from 0 to below 1; 0 keeps the last step's weights. See
        `fractalgen.training.average.WeightAverage`.

    Raises
    ------
    RunUsageError
        If a value is unknown, out of range or has the wrong type.
    """

    dataset: str
    model: str
    method: Method
    seed: int
    image_size: int | None
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    final_learning_rate: float = 1e-6
    momentum: float = 0.9
    weights: str | None = None
    hold_out: float = 0.0
    average: float = 0.0

    def __post_init__(self) -> None:
        try:
            self._check()
        except ValueError as error:
            raise RunUsageError(str(error)) from None

    def _check(self) -> None:
        for name in ("dataset", "model"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be a name, not {shown(getattr(self, name))}")
        if not isinstance(self.method, Method):
            raise ValueError(f"method must be a Method, not {shown(self.method)}")
        if self.weights is not None and not isinstance(self.weights, str):
            raise ValueError(f"weights must be a name or None, not {shown(self.weights)}")
        whole_number("seed", self.seed, 0, _MAX)
        whole_number("epochs", self.epochs, 1, _MAX)
        whole_number("batch_size", self.batch_size, 2, _MAX)
        if self.image_size is not None:
            whole_number("image_size", self.image_size, 1, _MAX_SIDE)
        for name, (low, high) in _RANGES.items():
            real_number(name, getattr(self, name), low, high)

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers.

        The options of the method are under its name.
        """
        plain: dict[str, Any] = to_json(self)
        name = self.method.name
        return {**plain, "method": name, name: plain["method"]}

    @classmethod
    def from_json(cls, data: Any) -> Config:
        """Rebuild a configuration from `as_json`; RunError for other data."""
        try:
            plain = dict(data)
            method = find_method(plain["method"])
            options = plain.pop(method.name, {})
            if "jsd" in plain:  # the layout of earlier versions
                jsd = plain.pop("jsd")
                options = {**options, "jsd": jsd} if options else {}
                plain.pop("ipmix", None)
            return cls(**{**plain, "method": method(**options)})
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            if isinstance(error, RunError):
                raise
            raise RunError("the configuration is not in this fractalgen's format") from None


def differing_keys(ours: Config, theirs: Config) -> list[str]:
    """Return ``key theirs (now ours)`` for each difference, also in the method's options."""
    mine, other = ours.as_json(), theirs.as_json()
    my_options, other_options = mine.pop(ours.method.name), other.pop(theirs.method.name)
    if ours.method.name == theirs.method.name:
        mine, other = {**mine, **my_options}, {**other, **other_options}
    return [
        f"{key} {_listed(value)} (now {_listed(mine[key])})"
        for key, value in other.items()
        if mine[key] != value
    ]


def _listed(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def configure(
    *,
    dataset: str = "digits",
    model: str | None = None,
    method: str = DEFAULT_METHOD,
    recipe: str = "paper",
    seed: int = 0,
    image_size: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    weights: str | None = None,
    hold_out: float = 0.0,
    average: float | None = None,
    **options: Any,
) -> Config:
    """Make a run's configuration from a recipe and overrides.

    The recipe ``paper`` follows the appendix of the IPMix paper, or its public code where the paper
    gives no value; ``official`` follows the public code; ``fractalgen`` is our own, see
    docs/training.md. Each data set defines its settings for each, next to its loader.

    Parameters
    ----------
    dataset, seed, image_size, weights, hold_out
        See `Config`.
    model, epochs, batch_size, learning_rate, weight_decay, average
        See `Config`; None for the recipe's value.
    method : str
        A name in `fractalgen.methods.METHODS`, or several, such as ``augmix+cutmix``.
    recipe : str
        ``paper``, ``official`` or ``fractalgen``.
    **options
        Options of the method; None for the recipe's value.

    Raises
    ------
    RunUsageError
        If a value is unknown or out of range.
    """
    kind = find_method(method)
    try:
        one_of("recipe", recipe, RECIPES)
    except ValueError as error:
        raise RunUsageError(str(error)) from None
    found = find_data_set(dataset)
    if recipe not in found.recipes:
        raise RunUsageError(f"the data set {dataset} has no settings for the recipe {recipe}")
    defaults = found.recipes[recipe]
    model = defaults.model if model is None else model
    if not isinstance(model, str):
        raise RunUsageError(f"model must be a name, not {shown(model)}")
    if epochs is None:
        epochs = defaults.epochs_of.get(model, defaults.epochs)
    if learning_rate is None:
        learning_rate = min(defaults.learning_rate, find_model(model).max_learning_rate)
    return Config(
        dataset=dataset,
        model=model,
        method=_method(kind, recipe, kind.options_in(defaults.method_options), options),
        seed=seed,
        image_size=image_size,
        epochs=epochs,
        batch_size=defaults.batch_size if batch_size is None else batch_size,
        learning_rate=learning_rate,
        weight_decay=defaults.weight_decay if weight_decay is None else weight_decay,
        weights=weights,
        hold_out=hold_out,
        average=defaults.average if average is None else average,
    )


def _method(kind: type[Method], recipe: str, defaults: Any, given: dict[str, Any]) -> Method:
    """Make a method from the options of its recipe, of the data set, and of the user."""
    if not issubclass(kind, Combined) and given.pop("combine", None) is not None:
        raise RunUsageError("combine is for several methods, such as mixup+cutmix")
    kinds = {**{name: find_method(name) for name in METHODS}, kind.name: kind}
    options_of = {
        name: {field.name for field in dataclasses.fields(other)} for name, other in kinds.items()
    }
    for key in given:
        if not any(key in known for known in options_of.values()):
            known = sorted(set().union(*options_of.values()))
            own = [name for name in inspect.signature(configure).parameters if name != "options"]
            hint = nearest(key, [*own, *known])
            raise RunUsageError(f"unknown option '{key}': {hint}")
    chosen = {key: value for key, value in given.items() if value is not None}
    alien = sorted(chosen.keys() - options_of[kind.name])
    if alien:
        own = sorted(key for key in options_of[kind.name] if key.endswith(f"_{alien[0]}"))
        fitting = [other for other, known in options_of.items() if known.issuperset(alien)]
        use = f"leave that out, or use {' or '.join(fitting)}" if fitting else "leave that out"
        if kind.name not in METHODS and own:  # an option that several parts of it share
            use = f"use {' or '.join(own)}"
        raise RunUsageError(f"the method {kind.name} has no {', no '.join(alien)}; {use}")
    try:
        return kind(**{**kind.recipes.get(recipe, {}), **defaults, **chosen})
    except ValueError as error:
        raise RunUsageError(str(error)) from None


def default_run_folder(config: Config) -> Path:
    """Return a run's default folder, such as ``runs/digits-resnet-8-0``."""
    dataset = config.dataset
    if dataset.startswith(FOLDER_PREFIX):
        dataset = Path(dataset.removeprefix(FOLDER_PREFIX)).resolve().name
    method = "" if config.method.name == DEFAULT_METHOD else f"-{config.method.name}"
    return Path("runs") / f"{dataset}-{config.model}{method}-{config.seed}"
