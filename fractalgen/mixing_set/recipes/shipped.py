"""The recipes that come with fractalgen, and the size and drawing time of their sets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalgen.errors import UnknownNameError
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.recipes.toml_file import read_description, read_recipe
from fractalgen.registry import nearest, shown

__all__ = ["COSTS", "MEASURED_ON", "Cost", "ShippedRecipe", "recipe_path", "shipped_recipes"]

_FOLDER = Path(__file__).parent / "toml"


@dataclass(frozen=True)
class Cost:
    """What one image costs on average.

    Attributes
    ----------
    n_bytes : int
        Size of the file.
    core_seconds : float
        Processor time to draw, encode and write it. It hardly depends on other programs.
    """

    n_bytes: int
    core_seconds: float


MEASURED_ON = "two cores of an AMD EPYC (Zen 4) with AVX-512"
"""The processor of `COSTS`."""

_CORES = 2

COSTS = {
    "escape-time": Cost(58_813, 0.0227),
    "ifs": Cost(48_524, 0.0031),
    "features": Cost(54_630, 0.0039),
    "moire": Cost(64_155, 0.0033),
    "dead-leaves": Cost(54_799, 0.0061),
    "spectrum": Cost(66_975, 0.0042),
    "radial-contours": Cost(51_260, 0.0045),
    "fractal-db": Cost(32_160, 0.0037),
}
"""The cost of an image of each family, as a JPEG of 256 pixels, with a shipped recipe's options.

``python -m benchmarks.recipes`` measures it.
"""


@dataclass(frozen=True)
class ShippedRecipe:
    """A recipe that comes with fractalgen.

    Attributes
    ----------
    name : str
        The name for ``build-set --recipe``.
    description : str
        One line.
    recipe : Recipe
        The images.
    """

    name: str
    description: str
    recipe: Recipe

    @property
    def n_images(self) -> int:
        """Number of images."""
        return sum(family.n for family in self.recipe.families)

    @property
    def n_bytes(self) -> int:
        """Approximate size of the images on disk, from `COSTS`."""
        return sum(family.n * COSTS[family.name].n_bytes for family in self.recipe.families)

    @property
    def seconds(self) -> float:
        """Approximate time to draw the set on two cores that do nothing else, from `COSTS`."""
        costs = (family.n * COSTS[family.name].core_seconds for family in self.recipe.families)
        return sum(costs) / _CORES

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, text and numbers."""
        return {
            "name": self.name,
            "description": self.description,
            "families": {family.name: family.n for family in self.recipe.families},
            "images": self.n_images,
            "bytes": self.n_bytes,
            "seconds": round(self.seconds, 1),
        }


def shipped_recipes() -> list[ShippedRecipe]:
    """Read the shipped recipes."""
    return [
        ShippedRecipe(name, read_description(path), read_recipe(path))
        for name, path in _paths().items()
    ]


def recipe_path(name_or_file: str) -> Path:
    """Return the file of a shipped recipe, or the path of a user's recipe.

    The name of a shipped recipe comes before a file of that name; ``./NAME`` means the file.

    Raises
    ------
    UnknownNameError
        If it is neither a shipped recipe nor a path. The message suggests the nearest name.
    """
    paths = _paths()
    if name_or_file in paths:
        return paths[name_or_file]
    path = Path(name_or_file)
    if path.suffix.lower() == ".toml" or path.name != name_or_file or path.exists():
        return path
    hint = nearest(name_or_file, list(paths))
    raise UnknownNameError(f"unknown recipe {shown(name_or_file)}: {hint}")


def _paths() -> dict[str, Path]:
    return {path.stem: path for path in sorted(_FOLDER.glob("*.toml"))}
