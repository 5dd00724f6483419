import os

import pytest
from hypothesis import settings

from fractalgen.mixing_set.building.build import build
from tests.mixing_set.small_sets import ifs_recipe

# Processes that share the cores compute on a thread each; more would wait for one another, busily.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# An example that compiles a kernel, or a busy machine, is slow and no failure.
settings.register_profile("fractalgen", deadline=None)
settings.load_profile("fractalgen")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Servers of this machine are reached directly."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def small_set(tmp_path):
    """A set of six images."""
    folder = tmp_path / "set"
    build(ifs_recipe(), folder, workers=1)
    return folder


@pytest.fixture
def s3(monkeypatch):
    """An S3 server of this machine that misbehaves on request; the environment leads to it."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto")
    from tests.files.s3_server import s3_server

    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server
