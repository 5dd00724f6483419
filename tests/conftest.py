import pytest
from hypothesis import settings

from fractalgen.mixing_set.build import build
from tests.mixing_set.small_sets import ifs_recipe

# An example that compiles a kernel, or a busy machine, is slow and no failure.
settings.register_profile("fractalgen", deadline=None)
settings.load_profile("fractalgen")


@pytest.fixture
def small_set(tmp_path):
    """A set of six images."""
    folder = tmp_path / "set"
    build(ifs_recipe(), folder, workers=1)
    return folder
