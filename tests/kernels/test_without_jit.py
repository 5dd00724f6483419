"""The kernels run as plain Python, for a debugger or for coverage, and draw the same pixels."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys

import pytest

from fractalgen.families import FAMILIES
from fractalgen.families.base import is_exact
from fractalgen.files.json_codec import from_json, to_json
from fractalgen.seeding import rng_for
from tests.golden.record import FILE

SIZE = 16
COMMAND = "from tests.kernels.test_without_jit import digests; print(*digests('{family}'))"


def digests(family):
    """Sample parameters, and draw some recorded images, small and with one sample a pixel."""
    made = FAMILIES[family]()
    sampled = made.sample_params(rng_for(4, family, 2))
    yield hashlib.sha256(json.dumps(to_json(sampled)).encode()).hexdigest()
    for record in [one for one in json.loads(FILE.read_text()) if one["family"] == family][:3]:
        params = from_json(made.params_type, record["params"])
        if hasattr(params, "supersample"):
            params = dataclasses.replace(params, supersample=1)
        yield hashlib.sha256(made.render(params, SIZE).tobytes()).hexdigest()


@pytest.mark.parametrize("family", [name for name in FAMILIES if is_exact(FAMILIES[name])])
def test_plain_python_gives_the_same_parameters_and_pixels(family):
    command = [sys.executable, "-W", "error", "-c", COMMAND.format(family=family)]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    printed = subprocess.check_output(command, env=environment, text=True)
    assert printed.split() == list(digests(family))
