"""What ``from fractalgen.torch import ...`` gives, and says where a package is missing."""

import subprocess
import sys

import pytest

import fractalgen.torch as room
from fractalgen.errors import FractalgenError, MissingPackageError

REFUSED = """
import sys
sys.modules[{package!r}] = None
import fractalgen.torch
try:
    from fractalgen.torch import {name}
except ImportError as error:
    print(error)
"""


@pytest.mark.parametrize("name", room.__all__)
@pytest.mark.parametrize("package", ["torch", "torchvision"])
def test_a_missing_package_is_named(name, package):
    if package == "torchvision":
        pytest.importorskip("torch")
    code = REFUSED.format(name=name, package=package)
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    if package == "torchvision" and name != "IPMixTransform":
        assert said == ""
        return
    assert said == (
        f"fractalgen.torch.{name} needs {package}, which is not installed; run "
        "pip install 'fractalgen-ipmix[train]'\n"
    )


def test_the_error_is_one_of_ours_and_an_import_error():
    assert issubclass(MissingPackageError, FractalgenError)
    assert issubclass(MissingPackageError, ImportError)


def test_its_names_are_loaded_and_listed():
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    assert set(room.__all__) <= set(dir(room))
    for name in room.__all__:
        assert callable(getattr(room, name))
    assert room.datasets.torch is torch
    with pytest.raises(AttributeError, match=r"'fractalgen\.torch' has no attribute 'IPMixLoader'"):
        room.IPMixLoader  # noqa: B018
