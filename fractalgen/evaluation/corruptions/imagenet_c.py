"""ImageNet-C's fifteen corruptions, made by imagecorruptions with a seed for each image.

The library uses NumPy's global random state or its own seeds, and reads the images of frost from
files each time.
"""

import contextlib
import functools
import importlib
import threading
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError
from fractalgen.evaluation.corruptions import SEVERITIES, Suite
from fractalgen.seeding import rng_for

__all__ = ["CORRUPTIONS", "GROUPS", "IMAGENET_C", "corrupted", "import_opencv"]

GROUPS: dict[str, tuple[str, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
"""ImageNet-C's four groups, without its validation corruptions.

Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", ICLR 2019.
"""

CORRUPTIONS: tuple[str, ...] = tuple(name for names in GROUPS.values() for name in names)
"""ImageNet-C's fifteen corruptions, in its order."""

_MIN_SIZE = 32

# These use their own generator, which must be seeded.
_SEEDED_BY_ARGUMENT = ("impulse_noise", "glass_blur")

_global_stream = threading.Lock()


def corrupted(
    images: NDArray[np.uint8],
    indices: Sequence[int] | NDArray[np.int64],
    name: str,
    severity: int,
    seed: int,
) -> NDArray[np.uint8]:
    """Corrupt images with imagecorruptions, as ImageNet-C was made; see `Suite.corrupt`.

    Images smaller than 32 x 32 are padded to that size by reflection, corrupted and cropped again,
    so blurs keep their width in pixels. NumPy's global random state does not change.

    Raises
    ------
    RunError
        If imagecorruptions cannot be imported.
    """
    if name not in CORRUPTIONS or severity not in SEVERITIES:
        raise ValueError(f"unknown corruption {name}, severity {severity}")
    if images.ndim != 4 or images.shape[3] != 3 or len(images) != len(indices):
        raise ValueError(f"{len(indices)} indices for images of shape {images.shape}")
    if images.dtype != np.uint8:
        raise ValueError(f"images must have dtype uint8, not {images.dtype}")
    height, width = images.shape[1:3]
    padded = _padded(images)
    top, left = (padded.shape[1] - height) // 2, (padded.shape[2] - width) // 2
    out = np.empty(images.shape, np.uint8)
    with _borrowed_library() as library:
        for i, index in enumerate(indices):
            rng = rng_for(seed, f"corruption {name} {severity}", int(index))
            whole = _one(library, padded[i], name, severity, int(rng.integers(2**32)))
            out[i] = whole[top : top + height, left : left + width]
    return out


def _padded(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    missing = [max(0, _MIN_SIZE - side) for side in images.shape[1:3]]
    if not any(missing):
        return images
    around = [(pixels // 2, pixels - pixels // 2) for pixels in missing]
    return np.pad(images, [(0, 0), *around, (0, 0)], mode="reflect")


def _one(
    library: ModuleType, image: NDArray[np.uint8], name: str, severity: int, seed: int
) -> NDArray[np.uint8]:
    keywords = {"seed": seed} if name in _SEEDED_BY_ARGUMENT else {}
    np.random.seed(seed)  # noqa: NPY002 - the stream that the library draws from
    out: NDArray[np.uint8] = library.corrupt(
        np.array(image), severity=severity, corruption_name=name, **keywords
    )
    return out


@contextlib.contextmanager
def _borrowed_library() -> Iterator[ModuleType]:
    """Provide imagecorruptions; restore NumPy's random state and the library's names at the end."""
    library, parts = _imported("imagecorruptions"), _imported("imagecorruptions.corruptions")
    opencv = _imported("cv2")
    with _global_stream:
        state = np.random.get_state()  # noqa: NPY002
        parts.cv2 = _remembering(opencv)
        try:
            yield library
        finally:
            parts.cv2 = opencv
            np.random.set_state(state)  # noqa: NPY002


class _RemembersFrost:
    """OpenCV with a cache of the images that it has read or enlarged.

    Only frost reads images, from six files; for small images, reading them would take most of the
    time of all fifteen corruptions.
    """

    def __init__(self, opencv: ModuleType) -> None:
        self._opencv = opencv
        self._read: dict[str, Any] = {}
        self._enlarged: dict[tuple[int, tuple[int, int], int], Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opencv, name)

    def imread(self, path: Any) -> Any:
        key = str(path)
        if key not in self._read:
            image = self._opencv.imread(key)
            image.flags.writeable = False
            self._read[key] = image
        return self._read[key]

    def resize(self, image: Any, dsize: tuple[int, int], interpolation: int) -> Any:
        if not any(image is frost for frost in self._read.values()):
            return self._opencv.resize(image, dsize=dsize, interpolation=interpolation)
        key = (id(image), dsize, interpolation)
        if key not in self._enlarged:
            enlarged = self._opencv.resize(image, dsize=dsize, interpolation=interpolation)
            enlarged.flags.writeable = False
            self._enlarged[key] = enlarged
        return self._enlarged[key]


_remembering = functools.cache(_RemembersFrost)


def import_opencv() -> Any:
    """Return the module ``cv2``; RunError if it cannot be imported."""
    return _imported("cv2")


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError):
            advice = 'install it with: pip install "fractalgen-ipmix[train]"'
        else:
            advice = (
                "if a system library such as libGL is missing, replace opencv-python by "
                "opencv-python-headless: pip uninstall opencv-python, then "
                "pip install --force-reinstall opencv-python-headless"
            )
        raise RunError(
            f"generating corrupted images needs imagecorruptions, which cannot be imported "
            f"({error}); {advice}"
        ) from None


def _start_worker() -> None:
    import_opencv().setNumThreads(1)


IMAGENET_C = Suite(
    source="generated",
    names=CORRUPTIONS,
    corrupt=corrupted,
    distributions=(
        "imagecorruptions-imaug",
        "imagecorruptions",
        "numpy",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
        "opencv-python",
        "opencv-python-headless",
        "pillow",
        "scikit-image",
        "scipy",
    ),
    start_worker=_start_worker,
    version=1,
)
