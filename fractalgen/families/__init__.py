"""The families of images, by name. Listing them is fast; looking one up imports it."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fractalgen.errors import ArgumentError
from fractalgen.registry import Registry, nearest, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fractalgen.families.base import Family, ImageSpec

__all__ = ["FAMILIES", "render", "sample"]

FAMILIES: Registry[type[Family[Any]]] = Registry("family")
FAMILIES.add_lazily(
    "escape-time",
    "fractalgen.families.escape_time:EscapeTime",
    "Draw escape-time fractals with orbit traps.",
)
FAMILIES.add_lazily(
    "ifs",
    "fractalgen.families.ifs:IFS",
    "Draw fractals of iterated function systems (IFS).",
)
FAMILIES.add_lazily(
    "features",
    "fractalgen.families.features:Features",
    "Draw textures that early network layers respond to.",
)

FAMILIES.add_lazily(
    "moire",
    "fractalgen.families.moire:Moire",
    "Draw interfering rings.",
)

FAMILIES.add_lazily(
    "dead-leaves",
    "fractalgen.families.dead_leaves:DeadLeaves",
    "Draw overlapping shapes.",
)

FAMILIES.add_lazily(
    "spectrum",
    "fractalgen.families.spectrum:Spectrum",
    "Draw noise with a falling spectrum.",
)

FAMILIES.add_lazily(
    "radial-contours",
    "fractalgen.families.contours:RadialContours",
    "Draw nested polygons.",
)
FAMILIES.add_lazily(
    "visual-atoms",
    "fractalgen.families.contours:VisualAtoms",
    "Draw sine waves on circles.",
)

FAMILIES.add_lazily(
    "fractal-db",
    "fractalgen.families.fractal_db:FractalDB",
    "Draw white point fractals.",
)
FAMILIES.add_lazily(
    "flame",
    "fractalgen.families.flame:Flame",
    "Draw fractal flames.",
)

FAMILIES.add_lazily(
    "feature-vis",
    "fractalgen.families.feature_vis:FeatureVis",
    "Visualise features of networks.",
)

_MAX_SEED = 2**63 - 1
_MAX_NUMBER = 999_999  # of a class or an instance, which has six digits in a set


def sample(
    family: str,
    *,
    seed: int = 0,
    index: int = 0,
    class_: int | None = None,
    instance: int | None = None,
    gray: bool = False,
    **options: Any,
) -> ImageSpec:
    """Sample the parameters of one image.

    Parameters
    ----------
    family : str
        One of `FAMILIES`, such as ``"escape-time"``.
    seed : int
        The set's seed, 0 to 2**63 - 1.
    index : int
        The image's number within its family, 0 to 2**63 - 1.
    class_, instance : int, optional
        An instance of a class in place of an index, each 0 to 999,999: the image that a class set
        of this seed has. Neither depends on how many classes or instances the set has.
    gray : bool
        Draw the image in grey.
    **options
        Options of the family, such as ``palette="ember"``.

    Returns
    -------
    ImageSpec
        The parameters, with the family, the seed and the numbers.

    Raises
    ------
    UnknownNameError
        If the family or palette is unknown.
    ArgumentError
        If a number or an option is out of range, the family lacks the option, or it has no
        classes.
    """
    from fractalgen.arguments import whole_number
    from fractalgen.families.base import sample_spec
    from fractalgen.families.classes import class_family, sample_instance

    kind: Any = FAMILIES[family]
    known = [one.name for one in dataclasses.fields(kind)]
    for option in options:
        if option not in known:
            raise ArgumentError(f"{family} has no option '{option}': {nearest(option, known)}")
    seed = whole_number("seed", seed, 0, _MAX_SEED)
    index = whole_number("index", index, 0, _MAX_SEED)
    if type(gray) is not bool:
        raise ArgumentError(f"gray must be True or False, not {shown(gray)}")
    if class_ is None and instance is None:
        return replace(sample_spec(kind(**options), seed, index), gray=gray)
    if class_ is None or instance is None:
        given, lacking = ("instance", "class_") if class_ is None else ("class_", "instance")
        raise ArgumentError(f"{given} needs {lacking} too: an image of a class has both numbers")
    if index:
        raise ArgumentError("an image of a class has an instance, not an index; leave index out")
    class_family(family)
    class_ = whole_number("class_", class_, 0, _MAX_NUMBER)
    instance = whole_number("instance", instance, 0, _MAX_NUMBER)
    return replace(sample_instance(kind(**options), seed, class_, instance), gray=gray)


def render(spec: ImageSpec, *, size: int = 256) -> NDArray[np.uint8]:
    """Draw an image from its parameters, at any size.

    Parameters
    ----------
    spec : ImageSpec
        From `sample`, or from a set's manifest.
    size : int
        Side of the image in pixels, 16 to 16384.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        RGB; the channels are the same if the image is grey.

    Raises
    ------
    ArgumentError
        If `spec` is not an ImageSpec, or `size` is out of range.
    """
    from fractalgen.color.gray import in_gray
    from fractalgen.families.base import ImageSpec, check_size

    if not isinstance(spec, ImageSpec):
        raise ArgumentError(f"spec must be an ImageSpec, as sample() returns, not {shown(spec)}")
    rgb = FAMILIES[spec.family]().render(spec.params, check_size(size))
    return in_gray(rgb) if spec.gray else rgb
