import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from llvmlite.binding import get_host_cpu_features

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


_HASHES = """
import hashlib, json
from fractalgen.families import FAMILIES, render, sample
from fractalgen.families.base import is_exact
print(json.dumps({
    f"{name} {index}": hashlib.sha256(
        render(sample(name, seed=11, index=index), size=64).data
    ).hexdigest()
    for name in FAMILIES if is_exact(FAMILIES[name]) for index in range(3)
}))
"""
# Processors of this kind without vector units, and with those of AVX2.
_PLAIN = {"NUMBA_CPU_NAME": "generic"}
_AVX2 = {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": ""}


def _run(
    code: str, cache: Path | None, *arguments: str, processor: Mapping[str, str] | None = None
) -> str:
    environment = {**os.environ, **(processor or {})}
    if cache is not None:
        environment["XDG_CACHE_HOME"] = str(cache)
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
    """A cache that a first build has filled: the kernels of all families, without vectors."""
    cache = tmp_path_factory.mktemp("cache")
    _run(_BUILD, cache, str(cache / "set"), processor=_PLAIN)
    return cache


def test_a_build_leaves_nothing_of_its_families_to_compile(filled: Path) -> None:
    assert len(_marks(filled)) >= 3
    assert _run(_DRAW, filled, processor=_PLAIN) == ""


def test_every_family_draws_the_same_pixels_without_vector_units(filled: Path) -> None:
    """Compiled for any processor of its kind, an image has the bits that this one gives it."""
    here = json.loads(_run(_HASHES, None))
    assert len(set(here.values())) == len(here) == 3 * N_FAMILIES
    assert json.loads(_run(_HASHES, filled, processor=_PLAIN)) == here
    if get_host_cpu_features().get("avx2"):
        assert json.loads(_run(_HASHES, None, processor=_AVX2)) == here


def test_a_build_goes_on_where_no_other_process_can_compile(filled: Path, tmp_path: Path) -> None:
    cache = shutil.copytree(filled, tmp_path / "cache")
    for mark in _marks(cache):
        mark.unlink()
    for out, python in (("set", "/bin/false"), ("other", str(tmp_path / "nothing-here"))):
        _run(_BUILD, cache, str(tmp_path / out), python, processor=_PLAIN)
    assert _marks(cache) == []
    assert len(_files(tmp_path / "other", ".jpg")) == 2 * N_FAMILIES


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
