import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fractalgen.families import FAMILIES
from fractalgen.families.base import is_exact

N_FAMILIES = sum(is_exact(FAMILIES[name]) for name in FAMILIES)

_BUILD = """
import sys
from pathlib import Path
from fractalgen.families import FAMILIES
from fractalgen.families.base import is_exact
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
if len(sys.argv) > 2:
    sys.executable = sys.argv[2]
names = [name for name in FAMILIES if is_exact(FAMILIES[name])]
families = tuple(FamilyRecipe.of(name, 2) for name in names)
build(Recipe(size=16, families=families), Path(sys.argv[1]), workers=2)
"""
_DRAW = """
import fractalgen as fg
from fractalgen.families import FAMILIES
from fractalgen.families.base import is_exact
from numba.core.dispatcher import Dispatcher
import gc
for name in filter(lambda name: is_exact(FAMILIES[name]), FAMILIES):
    for index in range(60):
        fg.render(fg.sample(name, index=index), size=16)
kernels = [one for one in gc.get_objects() if isinstance(one, Dispatcher)]
assert len(kernels) > 20
for kernel in kernels:
    if kernel.py_func.__module__.startswith("fractalgen"):
        for signature, misses in kernel.stats.cache_misses.items():
            print(kernel.py_func.__name__, signature, misses)
"""


def _run(code: str, cache: Path, *arguments: str) -> str:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _files(folder: Path, suffix: str) -> list[Path]:
    """List files by their names' end; unlike `rglob`, while others write into the folder."""
    return [
        Path(place) / name
        for place, _, names in os.walk(folder)
        for name in names
        if name.endswith(suffix)
    ]


def _marks(cache: Path) -> list[Path]:
    return _files(cache, ".compiled")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that a first build has filled, with the kernels of all families."""
    cache = tmp_path_factory.mktemp("cache")
    _run(_BUILD, cache, str(cache / "set"))
    return cache


def test_a_build_leaves_nothing_of_its_families_to_compile(filled: Path) -> None:
    assert len(_marks(filled)) >= 3
    assert _run(_DRAW, filled) == ""


def test_a_build_goes_on_where_no_other_process_can_compile(filled: Path, tmp_path: Path) -> None:
    for mark in _marks(filled):
        mark.unlink()
    _run(_BUILD, filled, str(tmp_path / "set"), "/bin/false")
    _run(_BUILD, filled, str(tmp_path / "other"), str(tmp_path / "nothing-here"))
    assert _marks(filled) == []
    assert len(_files(tmp_path / "other", ".jpg")) == 2 * sum(
        is_exact(FAMILIES[name]) for name in FAMILIES
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs process groups")
def test_an_interruption_ends_the_compiling_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fractalgen", "build-set", str(tmp_path / "set")]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with subprocess.Popen(
        [*command, "--workers", "2"], env=environment, start_new_session=True
    ) as build:
        deadline = time.monotonic() + 300
        while not _files(tmp_path / "cache", ".nbi"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(build.pid, signal.SIGINT)
        assert build.wait(300) == 130
    for _ in range(1000):
        try:
            os.killpg(build.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a compiling process is still there")
