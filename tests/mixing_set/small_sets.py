"""Small sets for the tests, and a way to compare them."""

from pathlib import Path

from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe

SIZE = 24


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a set by its path, hidden ones included."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """What changes when one of a set's shards is written again, by the names of its files."""
    found = {path.name: path.stat() for path in folder.glob("shard-*")}
    return {name: (one.st_ino, one.st_mtime_ns) for name, one in found.items()}


def names_in(folder: Path) -> list[str]:
    """The names in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


def ifs_recipe(n=6, start_index=0, seed=0, size=SIZE, file_format="jpeg", **options):
    return Recipe(size, seed, file_format, (FamilyRecipe.of("ifs", n, start_index, **options),))
