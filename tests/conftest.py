import os
import random
import signal
import socket
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from fractalgen.mixing_set.building.build import build
from tests.mixing_set.small_sets import ifs_recipe

# Processes that share the cores compute on a thread each; more would wait for one another, busily.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that starts the tests in the background has Ctrl-C ignored, in what they start as well.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# An example that compiles a kernel, or a busy machine, is slow and no failure. Each run has the
# same examples, or one would fail by chance, and not for what has changed since the last;
# --hypothesis-profile search looks for new ones.
_ANY_SPEED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fractalgen", derandomize=True, **_ANY_SPEED)
settings.register_profile("search", max_examples=1000, **_ANY_SPEED)
settings.load_profile("fractalgen")


@pytest.fixture(autouse=True)
def same_random_numbers():
    """Seed the global generators, so that no test depends on those before it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - that of libraries
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Servers of this machine are reached directly."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def dead_port():
    """A port of this machine at which nobody listens, and that no other process can take."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


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
