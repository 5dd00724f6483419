"""An evaluation as one page of HTML that needs nothing else."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from fractalgen.bank.folder import content_key
from fractalgen.bank.source import Source, open_source
from fractalgen.errors import FractalgenError
from fractalgen.evaluation.measurements import MEASUREMENTS
from fractalgen.evaluation.measurements.measurement import Figure, count_of, percent, spelled_out
from fractalgen.evaluation.results import Results
from fractalgen.images.crops import square
from fractalgen.images.formats import encode
from fractalgen.methods import open_set
from fractalgen.seeding import rng_for, seed_for

if TYPE_CHECKING:
    from fractalgen.evaluation.evaluated_model import EvaluatedModel
    from fractalgen.training.run_folder import EpochRecord

__all__ = ["Mistake", "Samples", "TrainingImage", "environment", "page", "samples_for", "scale_top"]

_N_SET_IMAGES = 24
_SET_SIZE = 64
_N_TRAINING_IMAGES = 6
_N_VIEWS = 3
_N_MISTAKES = 12
_MAX_PNG_SIZE = 64

_Image = NDArray[np.uint8]

_NAMES = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "digits": "Digits",
    "fashion-mnist": "Fashion-MNIST",
    "ipmix": "IPMix",
    "vanilla": "Vanilla",
}
_STARTS = {"resnet": "ResNet", "resnext": "ResNeXt", "vit": "ViT", "wrn": "WRN"}


@dataclass(frozen=True)
class TrainingImage:
    """A training image, and its augmented views if they can be made."""

    image: _Image
    views: Sequence[_Image] = ()


@dataclass(frozen=True)
class Mistake:
    """A misclassified test image, and a caption such as ``shirt, mistaken for coat``."""

    image: _Image
    caption: str


@dataclass(frozen=True)
class Samples:
    """What the page shows besides the results.

    Images are uint8 of shape (size, size, 3); `of_sections` is by section key. `history` is the
    run's log.
    """

    set_images: Sequence[_Image] = ()
    training_images: Sequence[TrainingImage] = ()
    mistakes: Sequence[Mistake] = ()
    of_sections: Mapping[str, Mapping[str, _Image]] = field(default_factory=dict)
    history: Sequence[EpochRecord] = ()


def page(results: Results, samples: Samples | None = None) -> str:
    """Return an evaluation as a self-contained HTML page without scripts."""
    samples = samples or Samples()
    config = results.config
    names = [_display_name(str(config.get(key, ""))) for key in ("dataset", "model", "method")]
    entries = [
        {
            "entry": entry,
            "template": environment().get_template(measurement.template).module,
            "images": samples.of_sections.get(measurement.section_key(entry), {}),
        }
        for key, measurement in MEASUREMENTS.items()
        if measurement.template is not None
        for entry in results.entries.get(key, ())
    ]
    text: str = (
        environment()
        .get_template("page.html")
        .render(
            names=[name for name in names if name] or [results.run],
            details=_details(results),
            results=results,
            tiles=_tiles(results),
            entries=entries,
            samples=samples,
            origin=_origin(results),
        )
    )
    return text


@functools.cache
def environment() -> jinja2.Environment:
    """Return the environment in which the templates are rendered."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("fractalgen.evaluation.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "breakable": _breakable,
        "data_uri": _data_uri,
        "percent": percent,
        "plain": _plain,
        "scale_top": scale_top,
        "spelled_out": spelled_out,
    }
    return made


def _breakable(text: str) -> Markup:
    """Let a name such as ``augmix+mixup`` break between its parts, not within them."""
    return Markup(re.sub("([+→])", r"\1<wbr>", str(escape(text))))


def scale_top(values: Iterable[float]) -> float:
    """Return the largest share rounded up to 10%, 20%, ... 100%."""
    return min(1.0, max(0.1, math.ceil(10 * max(values, default=0.0) - 1e-9) / 10))


def _tiles(results: Results) -> list[tuple[Figure, str]]:
    """Return the headline figures; those of one name with what their sections are about."""
    found = [
        (figure, section.title.partition(", ")[2])
        for section in results.sections().values()
        for figure in section.figures
        if figure.main
    ]
    counts = Counter(figure.name for figure, _ in found)
    return [(figure, about if counts[figure.name] > 1 else "") for figure, about in found]


def _details(results: Results) -> list[str]:
    seed, checkpoint = results.config.get("seed"), results.checkpoint
    details = [
        None if seed is None else f"Seed {seed}",
        None if checkpoint.get("name") is None else f"{checkpoint['name']} checkpoint",
        None if checkpoint.get("epoch") is None else f"epoch {checkpoint['epoch']}",
        count_of(results.n_test, "test image"),
    ]
    return [detail for detail in details if detail is not None]


def _origin(results: Results) -> dict[str, Mapping[str, Any]]:
    """Return the configuration and versions behind the figures, in groups."""
    files: dict[str, Any] = {"run": results.run}
    files |= {f"checkpoint {key}": value for key, value in results.checkpoint.items()}
    if results.set_digest is not None:
        files["mixing set digest"] = results.set_digest
    return {
        "Run": files,
        "Configuration": _flat(results.config),
        "Last evaluation": results.options,
        "Versions": results.versions,
    }


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten nested dictionaries, joining the keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{key} {inner}": item for inner, item in _flat(value).items()}
        else:
            flat[key] = value
    return flat


def _plain(value: Any) -> str:
    """Format a value for people; as JSON if it is nested."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)) and not any(
        isinstance(each, (list, dict)) for each in value
    ):
        return ", ".join(_plain(each) for each in value) or "none"
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _display_name(name: str) -> str:
    """Return the name of a data set, model or method with its usual capitals."""
    if name in _NAMES:
        return _NAMES[name]
    start, hyphen, rest = name.partition("-")
    return _STARTS.get(start, start) + hyphen + rest


def samples_for(model: EvaluatedModel) -> Samples:
    """Choose and make the images, using the evaluation's seed.

    If the run's mixing set is missing, unreadable or has changed, its images and the augmented
    views are omitted.
    """
    from fractalgen.training.run import Run

    run = model.run
    rng = rng_for(model.seed, "images for the page", 0)
    mistakes = _mistakes(model, rng)
    indices = np.sort(rng.permutation(len(run.data.train))[:_N_TRAINING_IMAGES])
    clean = run.data.train.for_testing(indices)
    set_images: Sequence[_Image] = ()
    views: Any = [()] * len(clean)
    if isinstance(run, Run) and run.config.method.uses_set and run.set_folder is not None:
        with contextlib.suppress(FractalgenError, OSError):
            source = open_source(run.set_folder)
            if content_key(source.images) == run.set_digest:
                set_images = _set_images(source, rng)
                # As the run augments them.
                mixing_set = open_set(run.set_folder, run.data.size)
                make = run.config.method.views(mixing_set, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
                mixed = [
                    make(clean, [seed_for(run.config.seed, epoch, int(i)) for i in indices])[-1]
                    for epoch in range(_N_VIEWS)
                ]
                pixels = np.rint(np.clip(np.stack(mixed, axis=1), 0, 1) * 255).astype(np.uint8)
                views = np.ascontiguousarray(pixels.transpose(0, 1, 3, 4, 2))
    training_images = [TrainingImage(*pair) for pair in zip(clean, views, strict=True)]
    history = run.history if isinstance(run, Run) else ()
    return Samples(set_images, training_images, mistakes, history=history)


def _data_uri(image: _Image) -> str:
    """Return an image as a data URI; lossless up to 64 pixels a side."""
    kind = "png" if len(image) <= _MAX_PNG_SIZE else "jpeg"
    data = base64.b64encode(encode(np.ascontiguousarray(image), kind)).decode("ascii")
    return f"data:image/{kind};base64,{data}"


def _set_images(source: Source, rng: np.random.Generator) -> list[_Image]:
    order = np.sort(rng.permutation(len(source.images))[:_N_SET_IMAGES])
    return [square(source.read(source.images[index]), _SET_SIZE) for index in order]


def _mistakes(model: EvaluatedModel, rng: np.random.Generator) -> list[Mistake]:
    wrong = np.flatnonzero(~model.clean.correct)
    chosen = np.sort(rng.permutation(wrong)[:_N_MISTAKES])
    if not len(chosen):
        return []
    classes = model.data.classes
    images = model.data.test.for_testing(chosen)
    return [
        Mistake(
            image,
            f"{classes[model.clean.labels[index]]}, mistaken for "
            f"{classes[model.clean.classes[index]]}",
        )
        for image, index in zip(images, chosen, strict=True)
    ]
