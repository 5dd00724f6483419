"""The kernels as Python, without Numba's compiler: for debuggers and coverage.

Run as a module it writes what the augmenter gives for a few images to the file that is named.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from fractalgen.augment import IPMix
from fractalgen.kernels.plan_layout import FRAMEWORKS
from tests.augment.conftest import smooth_images


def results():
    bank, images = smooth_images(3, 14, 1), smooth_images(16, 12, 2)
    options = {"image_ops": "all", "patch_sizes": [2, 4, "image"], "severity": 10.0, "threads": 1}
    found = []
    for framework in FRAMEWORKS:
        for compat in ("paper", "official"):
            aug = IPMix(bank, framework=framework, compat=compat, **options)
            found.append(aug.batch(images, range(16), views=2, layout="NCHW"))
            found.append(aug.batch(images[:3, :9], range(3), mean=(0.5,) * 3, std=(0.2,) * 3))
    return found


def test_python_gives_the_compiled_code_s_values(tmp_path):
    written = tmp_path / "values.npz"
    subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.augment.test_without_jit", written],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        check=True,
    )
    with np.load(written) as values:
        for name, compiled in zip(values, results(), strict=True):
            np.testing.assert_array_equal(values[name], compiled)


if __name__ == "__main__":
    np.savez(sys.argv[1], *results())
