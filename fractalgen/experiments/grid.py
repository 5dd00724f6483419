"""A grid of experiments: every method on every data set, model, mixing set and seed."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fractalgen.bank.source import Place, as_place
from fractalgen.errors import RunUsageError
from fractalgen.evaluation.corruptions.generated import GENERATE, SUITES
from fractalgen.evaluation.evaluate import IMAGES, options_from
from fractalgen.evaluation.measurements import MEASUREMENTS
from fractalgen.evaluation.measurements.autoattack import ATTACK_PACKAGE
from fractalgen.evaluation.measurements.measurement import NONE
from fractalgen.evaluation.ood_images import NAMES, is_of_data_set
from fractalgen.experiments.variant import Variant, slug
from fractalgen.methods import find_method
from fractalgen.registry import nearest
from fractalgen.training.config import Config
from fractalgen.training.datasets import FOLDER_PREFIX

__all__ = ["GENERAL", "RUNS", "Experiment", "Grid", "measuring_options"]

RUNS = "runs"
"""The folder of the runs, in the comparison's folder."""

GENERAL: dict[str, Any] = {"images": "test", "limit": None, "seed": 0}
"""The options of an evaluation that are not a measurement's, with their defaults."""

_FRACTALS = "fractals"

# What stands for images to measure on, besides a folder.
_SOURCES: Mapping[str, tuple[str, ...]] = {
    "ood": (*NAMES, NONE),
    "corruptions": (*SUITES, NONE),
    "perturbations": (GENERATE, NONE),
    "natural_shift": (),
    "imagenet_o": (),
}


@dataclass(frozen=True)
class Experiment:
    """A run to train and evaluate.

    Attributes
    ----------
    variant : Variant
        The method and its options.
    config : Config
        The run's configuration.
    set_folder : Path, str or None
        The mixing set, or its URL; None for methods without one.
    folder : Path
        The run's folder.
    measure : dict
        All options of the evaluation, as they stand in ``metrics.json``. The OOD images are noise
        unless they are chosen: the default depends on a run's mixing set, so it would differ.
    """

    variant: Variant
    config: Config
    set_folder: Place | None
    folder: Path
    measure: Mapping[str, Any]

    @property
    def name(self) -> str:
        """A name for messages."""
        return self.folder.name

    @property
    def places(self) -> tuple[Path, Path]:
        """Where the run can lie: a folder with a short name, and one with a digest added.

        The second is for runs whose short names would be the same, as with two sets ``a/set`` and
        ``b/set``.
        """
        name = _name(self.config, self.variant, self.set_folder)
        digest = hashlib.sha256(_identity(self).encode()).hexdigest()[:8]
        return self.folder.with_name(name), self.folder.with_name(f"{name}-{digest}")


@dataclass(frozen=True)
class Grid:
    """What to compare. The order of the fields' values is the order of the tables.

    Attributes
    ----------
    variants : tuple of Variant
        The methods.
    datasets, models : tuple of str
        Names; a model of None is the data set's own.
    seeds : tuple of int
        Seeds of the runs.
    sets : tuple of str
        Folders or URLs of mixing sets; methods without a set are trained once.
    common : dict
        Options of `fractalgen.training.config.configure` for all runs, such as ``epochs``.
    measure : dict
        Options of `fractalgen.evaluate`: ``limit``, ``seed``, ``images`` and the measurements'.
    out : Path
        The comparison's folder.

    Raises
    ------
    RunUsageError
        If an option is unknown or out of range, or something is given twice.
    """

    variants: tuple[Variant, ...]
    datasets: tuple[str, ...] = ("digits",)
    models: tuple[str | None, ...] = (None,)
    seeds: tuple[int, ...] = (0,)
    sets: tuple[str, ...] = ("ipmix-set",)
    common: Mapping[str, Any] = field(default_factory=dict)
    measure: Mapping[str, Any] = field(default_factory=dict)
    out: Path = Path("comparison")

    def __post_init__(self) -> None:
        names = [
            variant.text if variant.set_folder is None else variant for variant in self.variants
        ]
        for what, values in (
            ("method", names),
            ("data set", self.datasets),
            ("model", self.models),
            ("seed", self.seeds),
            ("mixing set", [str(as_place("sets", folder)) for folder in self.sets]),
        ):
            if not values:
                raise RunUsageError(f"a comparison needs at least one {what}")
            for value, n in Counter(values).items():
                if n > 1:
                    raise RunUsageError(f"the {what} '{value}' is given twice")

    def experiments(self) -> tuple[Experiment, ...]:
        """Return all runs; the first seed of everything comes before the second of anything."""
        measure = _measure(self.measure)
        if _FRACTALS in measure["ood"]:
            measure["set_folder"] = self.sets[0]
        found = [
            Experiment(
                variant, config, folder, self.out / RUNS / _name(config, variant, folder), measure
            )
            for seed in self.seeds
            for dataset in self.datasets
            for model in self.models
            for variant in self.variants
            for config in [self._config(variant, dataset, model, seed)]
            for folder in self._sets_of(variant)
        ]
        _check_unlike(found)
        _check_images(found)
        return tuple(_apart(found))

    def _config(self, variant: Variant, dataset: str, model: str | None, seed: int) -> Config:
        own = {"dataset": dataset, "model": model, "seed": seed}
        return variant.config({**self.common, **own})

    def _sets_of(self, variant: Variant) -> Sequence[Place | None]:
        if not find_method(variant.method).uses_set:
            return (None,)
        if variant.set_folder is not None:
            return (as_place("sets", variant.set_folder),)
        return tuple(as_place("sets", folder) for folder in self.sets)


def measuring_options() -> tuple[str, ...]:
    """Return the names of the options of an evaluation that a grid can have."""
    own = [each.name for one in MEASUREMENTS.values() for each in one.options.declared()]
    return (*GENERAL, *own)


def _measure(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of an evaluation, as plain values."""
    for name in given:
        if name not in measuring_options():
            hint = nearest(name, sorted(measuring_options()))
            raise RunUsageError(f"no measurement has an option '{name}': {hint}")
    general = {**GENERAL, **{key: given[key] for key in GENERAL.keys() & given.keys()}}
    if general["images"] not in IMAGES:
        hint = nearest(str(general["images"]), list(IMAGES))
        raise RunUsageError(f"images cannot be '{general['images']}': {hint}")
    chosen = {key: value for key, value in given.items() if key not in GENERAL}
    own = options_from({**chosen, "ood": chosen.get("ood") or ("noise",)})
    for each in own.values():
        general |= dataclasses.asdict(each)
    _check_sources(general)
    return {name: _plain(value) for name, value in general.items()}


def _check_sources(options: Mapping[str, Any]) -> None:
    """Raise RunUsageError if images to measure on are missing: now, not after the training."""
    for name, known in _SOURCES.items():
        values = options[name] if isinstance(options[name], tuple) else (options[name],)
        for value in values:
            if value is not None and value not in known and not _folder(name, value).is_dir():
                names = f" is neither a folder nor one of {', '.join(known)}"
                why = names if known else ": there is no such folder"
                raise RunUsageError(f"--{name.replace('_', '-')} {value}{why}")
    if options["autoattack"] != NONE and importlib.util.find_spec(ATTACK_PACKAGE) is None:
        raise RunUsageError(f"--autoattack needs another package: pip install {ATTACK_PACKAGE}")


def _folder(option: str, value: Any) -> Path:
    """Return a source of images as a folder; OOD images can be a user's data set."""
    if option != "ood":
        return Path(value)
    return Path(value.removeprefix(FOLDER_PREFIX)).expanduser()


def _check_images(experiments: Iterable[Experiment]) -> None:
    """Raise RunUsageError if the training uses the images to measure on, or leaves none."""
    for one in experiments:
        if one.measure["images"] == "validation" and one.config.hold_out == 0:
            raise RunUsageError(
                f"'{one.variant.text}' has no validation images; add --hold-out 0.1, which leaves "
                "a tenth of the training images out of training"
            )
        for source in one.measure["ood"]:
            if is_of_data_set(source, one.config.dataset):
                raise RunUsageError(
                    f"--ood cannot be '{source}': the networks are trained on it, so it is in "
                    "distribution; choose other images"
                )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _name(config: Config, variant: Variant, set_folder: Place | None) -> str:
    dataset = config.dataset
    if dataset.startswith(FOLDER_PREFIX):
        dataset = Path(dataset.removeprefix(FOLDER_PREFIX)).resolve().name
    parts = [dataset, config.model, variant.text]
    if set_folder is not None:
        parts.append(Path(set_folder).name or str(set_folder))
    return "-".join([*(slug(part) for part in parts), str(config.seed)])


def _check_unlike(experiments: Iterable[Experiment]) -> None:
    seen: dict[str, Experiment] = {}
    for one in experiments:
        other = seen.setdefault(_identity(one), one)
        if other is not one:
            raise RunUsageError(
                f"'{other.variant.text}' and '{one.variant.text}' are the same run; leave out one"
            )


def _apart(experiments: Iterable[Experiment]) -> list[Experiment]:
    """Add a digest to the folders of different runs that would have the same name."""
    found = list(experiments)
    counts = Counter(experiment.folder for experiment in found)
    return [
        experiment
        if counts[experiment.folder] == 1
        else dataclasses.replace(experiment, folder=experiment.places[1])
        for experiment in found
    ]


def _identity(experiment: Experiment) -> str:
    what = [experiment.config.as_json(), str(experiment.set_folder)]
    return json.dumps(what, sort_keys=True)
