"""What an image of each shipped recipe costs, as `fractalgen.mixing_set.recipes.shipped` has it.

The bytes are means of the first 1,000 images. The processor time is that of 1,000 images less that
of 20, the better of two builds each, by two workers with compiled kernels.

Run it as ``python -m benchmarks.recipes``.
"""

import dataclasses
import tempfile
import time
from pathlib import Path

from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.recipes.shipped import Cost, shipped_recipes

N_FEW, N_MANY = 20, 1000
N_RUNS = 2


def cost(family: FamilyRecipe) -> Cost:
    """Draw a family's first images, and return what each of them costs."""
    few, many = (
        Recipe(families=[dataclasses.replace(family, ranges=((0, n),))]) for n in (N_FEW, N_MANY)
    )
    took: dict[Recipe, list[float]] = {few: [], many: []}
    with tempfile.TemporaryDirectory() as folder:
        build(few, Path(folder) / "first", workers=2)  # which compiles the kernels
        for run in range(N_RUNS):
            for recipe in (few, many):
                start = time.process_time()
                summary = build(recipe, Path(folder) / f"{run}-{recipe is many}", workers=2)
                took[recipe].append(time.process_time() - start)
    seconds = (min(took[many]) - min(took[few])) / (N_MANY - N_FEW)
    return Cost(round(summary.n_bytes / N_MANY), round(seconds, 4))


def main() -> None:
    """Print the costs of the families of all shipped recipes."""
    families = {family for one in shipped_recipes() for family in one.recipe.families}
    by_name = {family.name: family for family in families}
    for name, family in by_name.items():
        found = cost(family)
        print(f'    "{name}": Cost({found.n_bytes:_}, {found.core_seconds}),', flush=True)


if __name__ == "__main__":
    main()
