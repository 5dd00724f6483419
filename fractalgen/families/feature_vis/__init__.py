"""Images that excite channels of a neural network, found by climbing from noise.

Source: Olah, Mordvintsev and Schubert, "Feature visualization", Distill 2017. PixMix's own feature
images are such images of the first layers of several networks. Needs PyTorch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.palettes import choose, resolve
from fractalgen.color.spaces import srgb_gradient
from fractalgen.errors import ArgumentError, RunError, UnknownNameError
from fractalgen.families.base import check_colors, check_within, rounded
from fractalgen.families.feature_vis.backbones import (
    RANDOM,
    RANDOM_LAYERS,
    identified,
    open_backbone,
    require_torch,
)
from fractalgen.registry import nearest, shown

__all__ = ["FeatureVis", "FeatureVisParams", "Target"]

_ANY = "any"
_SIDES = (16, 512)
_STEPS = (1, 2048)
_GPU_BATCH = 64
_PAIR_SHARE = 0.35  # of the images, which excite two channels of a layer
_FIRST_SHARE = 0.5  # of the chance of any other layer, because first layers look alike
_N_COLORS = 1024


@dataclass(frozen=True)
class Target:
    """A channel to excite."""

    layer: str
    channel: int
    weight: float

    def __post_init__(self) -> None:
        check_within("a channel", 0, 2**20, self.channel)
        check_within("a channel's weight", -1.0, 1.0, self.weight)


@dataclass(frozen=True)
class FeatureVisParams:
    """One image."""

    backbone: str  # with the digest of its weights
    weights: str  # file of the weights; empty for those that come with the backbone
    targets: tuple[Target, ...]
    side: int  # of the canvas that is optimised, in pixels
    steps: int
    rate: float  # of the ascent
    decay: float  # power with which the steps fall with the frequency
    turn: float  # largest random rotation, in degrees
    zoom: float  # logarithm of the largest random scale
    jitter: float  # largest random shift, as a share of the side
    stream: int  # of the first noise and of all random transforms
    colors: tuple[str, ...]  # a gradient in place of the colours found; empty for none

    def __post_init__(self) -> None:
        check_within("the number of channels", 1, 4, len(self.targets))
        check_within("the canvas", *_SIDES, self.side)
        check_within("the number of steps", *_STEPS, self.steps)
        check_within("the rate", 1e-4, 1.0, self.rate)
        check_within("the power of the steps", 0.0, 3.0, self.decay)
        check_within("the rotation", 0.0, 180.0, self.turn)
        check_within("the scale", 0.0, 1.0, self.zoom)
        check_within("the shift", 0.0, 0.5, self.jitter)
        check_within("the stream", 0, 2**62, self.stream)
        if self.colors:
            check_colors("colors", self.colors)


@dataclass(frozen=True)
class FeatureVis:
    """The family of feature visualisations.

    Their pixels depend on the processor and on PyTorch's release: on one machine the same
    parameters give the same pixels, with any number of workers, but a GPU gives only similar ones.

    Parameters
    ----------
    backbone : str
        Network to visualise: random (or random:SEED), a model of torchvision or timm with its
        published weights (such as resnet18 or timm:resnet18), or the folder of a run.
    weights : str
        File of weights for a torchvision or timm model (.safetensors, .pt or .pth), used instead
        of downloading its published ones.
    layer : str
        Layer whose channels to visualise. With "any", a random convolution of the first 60% for
        each image.
    canvas : int
        Side of the canvas that is optimised, 16 to 512 pixels; images are drawn from its waves at
        any size.
    steps : int
        Number of steps of the optimisation, 1 to 2048.
    palette : str
        What `fractalgen.color.palettes.resolve` understands. With "any", images keep the colours
        that excite the channels.
    """

    name: ClassVar[str] = "feature-vis"
    version: ClassVar[int] = 1
    params_type: ClassVar[type[FeatureVisParams]] = FeatureVisParams
    exact: ClassVar[bool] = False

    backbone: str = RANDOM
    weights: str = ""
    layer: str = _ANY
    canvas: int = 112
    steps: int = 64
    palette: str = "any"

    def __post_init__(self) -> None:
        object.__setattr__(self, "palette", resolve(self.palette))
        for key, value, (low, high) in (
            ("canvas", self.canvas, _SIDES),
            ("steps", self.steps, _STEPS),
        ):
            if type(value) is not int or not low <= value <= high:
                raise ArgumentError(
                    f"{key} must be a whole number from {low} to {high}, not {shown(value)}"
                )
        is_new = "#" not in str(self.backbone)
        object.__setattr__(self, "backbone", identified(self.backbone, self.weights))
        if self.layer != _ANY and (is_new or self.backbone.startswith(RANDOM)):
            self._layers()

    @staticmethod
    def compilations() -> Mapping[str, Any]:
        """Return nothing, as no kernels need compiling."""
        return {}

    def prepare(self) -> None:
        """Raise an error unless images can be drawn: PyTorch and the backbone are there."""
        require_torch()
        open_backbone(self.backbone, self.weights)

    def _layers(self) -> dict[str, tuple[int, ...]]:
        """Return the channels of the layers to choose from."""
        if self.backbone.startswith(RANDOM):
            layers = {name: tuple(range(n)) for name, n in RANDOM_LAYERS.items()}
        else:
            layers = dict(open_backbone(self.backbone, self.weights).layers)
        if self.layer == _ANY:
            return layers
        if self.layer not in layers:
            hint = nearest(self.layer, list(layers))
            raise UnknownNameError(f"{self.backbone} has no layer {shown(self.layer)}: {hint}")
        return {self.layer: layers[self.layer]}

    def sample_params(self, rng: np.random.Generator) -> FeatureVisParams:
        """Draw the channels, and how to climb."""
        layers = self._layers()
        names = list(layers)
        chances = np.ones(len(names))
        chances[0] = _FIRST_SHARE if len(names) > 1 else 1.0
        layer = names[int(np.searchsorted(np.cumsum(chances), rng.random() * chances.sum()))]
        living = layers[layer]
        n_channels = 2 if len(living) > 1 and rng.random() < _PAIR_SHARE else 1
        channels = rng.choice(np.array(living), n_channels, replace=False).tolist()
        share = rounded(rng.uniform(0.3, 0.7)) if n_channels == 2 else 1.0
        weights = (share, rounded(1.0 - share))
        return FeatureVisParams(
            backbone=self.backbone,
            weights=self.weights,
            targets=tuple(
                Target(layer, channel, weight)
                for channel, weight in zip(channels, weights, strict=False)
            ),
            side=self.canvas,
            steps=self.steps,
            rate=rounded(rng.uniform(0.07, 0.13)),
            decay=rounded(rng.uniform(0.95, 1.3)),
            turn=rounded(rng.uniform(0.0, 20.0)),
            zoom=rounded(rng.uniform(0.0, 0.15)),
            jitter=0.5,
            stream=int(rng.integers(2**62)),
            colors=choose(self.palette, rng).colors if self.palette != "any" else (),
        )

    def accepts(self, params: FeatureVisParams) -> bool:
        """Accept everything: a probe would cost as much as an image."""
        return True

    def render(self, params: FeatureVisParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        return next(self.render_batch([params], size))

    def batch_size(self) -> int:
        """Return how many images to draw at once: several on a GPU, one on a CPU."""
        require_torch()
        from fractalgen.families.feature_vis.ascent import best_device

        return _GPU_BATCH if best_device().type == "cuda" else 1

    def render_batch(
        self, images: Sequence[FeatureVisParams], size: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Draw images like `render`, together on a GPU.

        Raises
        ------
        RunError, UnknownNameError, MissingPackageError
            If the backbone cannot be opened or is not the recorded one, or memory is short.
        """
        require_torch()
        from fractalgen.families.feature_vis.ascent import best_device, climb_all, pixels

        for one in images:
            _check_targets(one)
        for one, spectrum in zip(images, climb_all(images, best_device()), strict=True):
            yield _recolored(pixels(spectrum, size), one.colors)


def _check_targets(params: FeatureVisParams) -> None:
    network = open_backbone(params.backbone, params.weights).network
    for target in params.targets:
        layer = network.convolutions.get(target.layer)
        if layer is None or target.channel >= layer.out_channels:
            raise RunError(
                f"{params.backbone} has no channel {target.channel} of a layer "
                f"{shown(target.layer)}"
            )


def _recolored(rgb: NDArray[np.uint8], colors: tuple[str, ...]) -> NDArray[np.uint8]:
    """Run the image's light along a gradient, from its darkest to its lightest hundredth."""
    if not colors:
        return rgb
    light = rgb.astype(np.float32) @ np.array([0.3, 0.6, 0.1], np.float32)
    low, high = np.percentile(light, (1, 99))
    places = (light - low) * ((_N_COLORS - 1) / max(high - low, 1e-3))
    gradient = srgb_gradient(colors, _N_COLORS)
    image: NDArray[np.uint8] = gradient[np.clip(places, 0, _N_COLORS - 1).astype(np.int32)]
    return image
