import pytest

from fractalgen.mixing_set.build import build
from tests.mixing_set.small_sets import ifs_recipe


@pytest.fixture
def small_set(tmp_path):
    """A set of six images."""
    folder = tmp_path / "set"
    build(ifs_recipe(), folder, workers=1)
    return folder
