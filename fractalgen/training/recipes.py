"""The settings that a data set and a model are trained with where nothing else is said."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from fractalgen.arguments import one_of
from fractalgen.errors import RunUsageError
from fractalgen.registry import nearest, shown
from fractalgen.training.config import RECIPES, Config, IPMixSettings

__all__ = ["Defaults", "configure", "defaults_for"]


@dataclass(frozen=True)
class Defaults:
    """What `Config` needs beyond names and seeds."""

    model: str
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    ipmix: IPMixSettings


_TRAINING = [field.name for field in dataclasses.fields(Defaults) if field.name != "ipmix"]
_MIXING = [field.name for field in dataclasses.fields(IPMixSettings)]
_OWN = ["dataset", "method", "recipe", "seed", "image_size", "jsd", "weights"]
_OPTIONS = [*_OWN, *_TRAINING, *_MIXING]


def defaults_for(recipe: str, dataset: str, model: str | None = None) -> Defaults:
    """Return a recipe's settings for a data set.

    ``paper`` follows the appendix of the IPMix paper, ``official`` the public code that goes with
    it; where the paper says nothing (the learning rate on CIFAR, the mixing operations' strength),
    it takes the code's value. Neither knows digits and Fashion-MNIST: their settings are chosen so
    that a computer without a graphics card gets somewhere. The recipe then only tells which
    reading of IPMix is used. On ImageNet both start from a network that was trained before, which
    `Config.weights` has to say.

    Parameters
    ----------
    recipe : str
        ``paper`` or ``official``.
    dataset : str
        As `Config` has it.
    model : str, optional
        The number of epochs depends on it; the data set's own model if None.

    Raises
    ------
    RunUsageError
        If the recipe is unknown.
    """
    try:
        one_of("recipe", recipe, RECIPES)
    except ValueError as error:
        raise RunUsageError(str(error)) from None
    if not isinstance(dataset, str):
        raise RunUsageError(f"dataset must be a name, not {shown(dataset)}")
    ipmix = IPMixSettings(compat=recipe)
    if dataset.startswith("folder:"):
        ipmix = dataclasses.replace(ipmix, beta=4.0, severity=1.0, patch_sizes="imagenet")
        batch_size = 256 if recipe == "paper" else 128
        return Defaults(model or "resnet-50", 180, batch_size, 0.01, 1e-4, ipmix)
    rate = 0.01 if model == "vit-small" else 0.1  # with 0.1 it learns nothing
    if dataset.startswith("cifar"):
        model = model or "wrn-40-4"
        if recipe == "official":
            return Defaults(model, 100, 128, rate, 5e-4, ipmix)
        return Defaults(model, 100 if model.startswith("wrn") else 200, 128, rate, 1e-4, ipmix)
    if dataset == "fashion-mnist":
        return Defaults(model or "resnet-8", 8, 128, rate, 5e-4, ipmix)
    return Defaults(model or "resnet-8", 10, 64, rate, 5e-4, ipmix)


def configure(
    *,
    dataset: str = "digits",
    method: str = "ipmix",
    recipe: str = "paper",
    seed: int = 0,
    image_size: int | None = None,
    jsd: bool = True,
    weights: str | None = None,
    **given: Any,
) -> Config:
    """Make a run's configuration of a recipe and of what was given instead.

    Parameters
    ----------
    dataset, method, seed, image_size, weights
        See `Config`.
    recipe : str
        See `defaults_for`.
    jsd : bool
        False trains on the mixed view; it means nothing for the method ``vanilla``.
    **given
        Fields of `Defaults`, but for `ipmix`, and of `IPMixSettings`; None leaves the recipe's
        value.

    Raises
    ------
    RunUsageError
        If something is unknown, or out of its range.
    """
    for key in given:
        if key not in _TRAINING and key not in _MIXING:
            raise RunUsageError(f"no option is called '{key}': {nearest(key, _OPTIONS)}")
    chosen = {key: value for key, value in given.items() if value is not None}
    defaults = defaults_for(recipe, dataset, chosen.pop("model", None))
    settings = {key: chosen.pop(key) for key in list(chosen) if key in _MIXING}
    if method == "vanilla" and settings:
        raise RunUsageError(
            f"the method vanilla has no {', no '.join(sorted(settings))}; leave that out, or use "
            "ipmix"
        )
    training = dataclasses.replace(defaults, **chosen)
    mixes = method != "vanilla"
    return Config(
        dataset=dataset,
        model=training.model,
        method=method,
        seed=seed,
        image_size=image_size,
        epochs=training.epochs,
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        jsd=jsd if mixes else False,
        ipmix=dataclasses.replace(training.ipmix, **settings) if mixes else None,
        weights=weights,
    )
