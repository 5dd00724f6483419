import importlib.util

import numpy as np
import pytest
from PIL import Image

from fractalgen.kernels.jit import _CACHE_FOLDER

# These need the extra "train"; the gate runs them where it is installed.
collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["*"]


@pytest.fixture(scope="session")
def mixing_images(tmp_path_factory):
    """A folder of images to mix with."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(5)
    for number in range(8):
        coarse = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((24, 24)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Keep banks and corrupted images out of the user's cache; the kernels' code may be there."""
    if _CACHE_FOLDER is not None:
        monkeypatch.setenv("NUMBA_CACHE_DIR", _CACHE_FOLDER)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
