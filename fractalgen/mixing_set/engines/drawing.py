"""Draw images of a recipe and encode them, the same for every engine."""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.gray import in_gray
from fractalgen.errors import FractalgenError
from fractalgen.families import FAMILIES, render
from fractalgen.families.base import ImageSpec
from fractalgen.images.formats import FORMATS, encode
from fractalgen.mixing_set.recipes.keys import Key, image_file
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.record import Record, params_text
from fractalgen.mixing_set.stores.task import Drawn, Failure
from fractalgen.pool import Stopped

__all__ = ["batches", "draw"]


def batches(recipe: Recipe, keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """Split keys of a family into those that are drawn together."""
    family = recipe.family_of(keys[0][0])
    n: int = getattr(family.family, "batch_size", lambda: 1)() if family else 1
    return (keys[start : start + n] for start in range(0, len(keys), n))


def draw(recipe: Recipe, keys: Sequence[Key], stopping: threading.Event) -> list[Drawn | Failure]:
    """Draw images of a family, in the order of the keys; raises Stopped if `stopping` is set."""
    found: dict[Key, Drawn | Failure] = {}
    specs: dict[Key, ImageSpec] = {}
    for key in keys:
        if stopping.is_set():
            raise Stopped
        try:
            specs[key] = recipe.spec(*key)
        except Exception as error:
            found[key] = _failure(recipe, key, error)
    if stopping.is_set():
        raise Stopped
    try:
        rendered = dict(zip(specs, _rendered(recipe, list(specs.values())), strict=True))
    except Exception as error:
        if len(keys) > 1:  # one of them is to blame
            return [image for key in keys for image in draw(recipe, [key], stopping)]
        rendered = {}
        found |= {key: _failure(recipe, key, error, spec) for key, spec in specs.items()}
    found |= {key: _encoded(recipe, key, specs[key], rgb) for key, rgb in rendered.items()}
    return [found[key] for key in keys]


def _encoded(recipe: Recipe, key: Key, spec: ImageSpec, rgb: NDArray[np.uint8]) -> Drawn | Failure:
    try:
        data = encode(rgb, recipe.format, gray=recipe.gray)
    except Exception as error:
        return _failure(recipe, key, error, spec)
    record = Record(
        image_file(*key, FORMATS[recipe.format]),
        recipe.size,
        recipe.size,
        len(data),
        hashlib.sha256(rgb.data).hexdigest(),
        hashlib.sha256(data).hexdigest(),
        recipe.seed,
        spec.attempt,
        params_text(spec.params),
        class_family=None if spec.class_ is None else spec.family,
        gray=spec.gray,
    )
    return Drawn(record, data)


def _failure(recipe: Recipe, key: Key, error: Exception, spec: ImageSpec | None = None) -> Failure:
    known = isinstance(error, FractalgenError)
    reason = str(error) if known else f"{type(error).__name__}: {error}"
    params = None if spec is None else params_text(spec.params)
    return Failure(image_file(*key, FORMATS[recipe.format]), reason, params)


def _rendered(recipe: Recipe, specs: Sequence[ImageSpec]) -> Iterator[NDArray[np.uint8]]:
    if not specs:
        return
    kind: Any = FAMILIES[specs[0].family]
    if not hasattr(kind, "render_batch"):
        yield from (render(spec, size=recipe.size) for spec in specs)
        return
    for rgb in kind().render_batch([spec.params for spec in specs], recipe.size):
        yield in_gray(rgb) if recipe.gray else rgb
