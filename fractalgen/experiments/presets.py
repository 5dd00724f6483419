"""Tables of the IPMix paper as grids: what is trained, and how it is shown.

Source: Huang et al., "IPMix: Label-Preserving Data Augmentation Method for Training Robust
Classifiers", NeurIPS 2023, tables 2 to 19.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fractalgen.bank.source import as_place
from fractalgen.errors import RunUsageError
from fractalgen.evaluation.comparison import short_names
from fractalgen.experiments.layout import SPLIT
from fractalgen.experiments.variant import Variant
from fractalgen.methods import find_method
from fractalgen.registry import Registry

__all__ = ["PRESETS", "Preset", "check_data", "find_preset"]

_THREE = ("clean-error", "mce", "rms")
_FIVE = ("clean-error", "mce", "mfr", "pgd-error", "rms")
_IMAGENET = (
    "clean-error",
    "mce",
    "imagenet-r-error",
    "mfr",
    "rms-corrupted",
    "imagenet-r-rms",
    "imagenet-a-rms",
    "imagenet-a-error",
    "imagenet-o-aupr",
)
_SETS = {
    "Fractal + FVis": "fractals+fvis",
    "FractalDB": "fractaldb",
    "RCDB": "rcdb",
    "Dead Leaves": "dead-leaves",
    "Spectrum": "spectrum",
    "fractals (ours)": "ipmix",
}
"""The recipes of the mixing sets of table 8, by the paper's names."""


@dataclass(frozen=True)
class Preset:
    """A table of the paper.

    Attributes
    ----------
    summary : str
        What it compares.
    datasets, models : tuple of str
        Defaults for the grid; no data sets if the user has to give one.
    methods : dict of str to str
        Variants, as `Variant.parse` reads them, by their labels.
    metrics : tuple of str
        The figures that the table shows.
    layout : str
        One of `fractalgen.experiments.layout.LAYOUTS`.
    corner : str
        The head of the rows' names.
    seeds : tuple of int
        Seeds of the runs.
    epochs : int or None
        Epochs; None for the data set's recipe.
    recipes : dict of str to str
        Recipes of the mixing sets to compare, by their labels; they are looked for in
        ``sets/RECIPE``.
    one_at_a_time : bool
        Whether runs at once would falsify the figures.
    needs : str
        How to get the data, if the user has to give it.
    """

    summary: str
    datasets: tuple[str, ...]
    models: tuple[str, ...]
    methods: dict[str, str]
    metrics: tuple[str, ...]
    layout: str = "metrics"
    corner: str = "Methods"
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int | None = None
    recipes: dict[str, str] | None = None
    one_at_a_time: bool = False
    needs: str = ""

    def variants(self, sets: Sequence[str] = ()) -> tuple[Variant, ...]:
        """Return the methods; with a row for each of the user's `sets`, or of the recipes."""
        found = []
        for label, text in self.methods.items():
            plain = Variant.parse(text)
            if self.recipes is None:
                found.append(Variant(plain.method, plain.options, label))
                continue
            places = {name: f"sets/{recipe}" for name, recipe in self.recipes.items()}
            if sets:
                places = {name: folder for folder, name in short_names(sets).items()}
            found += [
                Variant(plain.method, plain.options, name, place) for name, place in places.items()
            ]
        return tuple(found)


_COMMON = {
    "Vanilla": "vanilla",
    "MixUp": "mixup",
    "CutOut": "cutout",
    "CutMix": "cutmix",
    "AugMix": "augmix",
}
_LEVELS = {
    "IPMix": "ipmix",
    "w/o patch": "ipmix:levels=image+pixel",
    "w/o pixel": "ipmix:levels=image+patch",
    "w/o image": "ipmix:levels=patch+pixel",
}

_IN_OTHERS = {"table4": "the preset 'table3' has tables 3 and 4"}

PRESETS: Registry[Preset] = Registry("preset")
for _name, _preset in {
    "table2": Preset(
        "the frameworks of IPMix",
        ("cifar100",),
        ("resnext-29-4x32",),
        {
            "Chain-Mixed": "ipmix:framework=chain",
            "Linear Mix": "ipmix:framework=linear",
            "Mixed Input": "ipmix:framework=input",
        },
        _THREE,
        corner="Framework",
    ),
    "table3": Preset(
        "clean error and mCE by model (tables 3 and 4)",
        ("cifar10", "cifar100"),
        ("wrn-40-4", "wrn-28-10", "resnext-29-4x32", "resnet-18"),
        {**_COMMON, "PixMix": "pixmix", "IPMix": "ipmix"},
        ("clean-error", "mce"),
        layout="models",
    ),
    "table5": Preset(
        "all metrics on ImageNet",
        (),
        ("resnet-50",),
        {**_COMMON, "AugMax": "augmax", "PixMix": "pixmix", "IPMix": "ipmix"},
        _IMAGENET,
        needs="ImageNet: give its folder with --dataset folder:DIR (train/ and val/, from "
        "image-net.org), and ImageNet-R, ImageNet-A and ImageNet-O with --natural-shift DIR "
        "(twice) and --imagenet-o DIR; another --dataset works without them",
    ),
    "table7": Preset(
        "the levels of IPMix", ("cifar100",), ("wrn-40-4",), _LEVELS, _THREE, corner=""
    ),
    "table8": Preset(
        "mixing sets",
        ("cifar100",),
        ("wrn-40-4",),
        {"IPMix": "ipmix"},
        _THREE,
        corner="Mixing sets",
        recipes=_SETS,
    ),
    "table10": Preset(
        "width k and depth t of IPMix",
        ("cifar100",),
        ("wrn-40-4",),
        {f"t = {t}{SPLIT}k = {k}": f"ipmix:k={k}:t={t}" for t in (2, 3) for k in (2, 3, 4)},
        ("clean-error", "mce"),
        layout="crossed",
    ),
    "table11": Preset(
        "the mixing operations of IPMix",
        ("cifar100",),
        ("wrn-40-4",),
        {
            "Addition + Multiplication": "ipmix:mixing_ops=add+multiply",
            "Random pixels mixing": "ipmix:mixing_ops=random-pixels",
            "Random elements mixing": "ipmix:mixing_ops=random-elements",
            "IPMix": "ipmix",
        },
        _THREE,
        corner="Mixing operations",
    ),
    "table12": Preset(
        "the patch shapes of IPMix",
        ("cifar100",),
        ("resnext-29-4x32",),
        {
            "IPMix-Square": "ipmix:patch_shapes=square",
            "IPMix-Scar": "ipmix:patch_shapes=scar",
            "IPMix": "ipmix",
        },
        _THREE,
        corner="Variants",
    ),
    "table15": Preset(
        "combinations of methods",
        ("cifar100",),
        ("wrn-40-4",),
        {
            "Vanilla": "vanilla",
            "MixUp": "mixup",
            "CutMix": "cutmix",
            "AugMix": "augmix",
            "AugMix→MixUp→CutMix": "augmix+mixup+cutmix",
            "AugMix→CutMix→MixUp": "augmix+cutmix+mixup",
            "Chosen Randomly (p=0.5)": "augmix+mixup+cutmix:combine=random:p=1",
            "Epoch-Dependent": "augmix+mixup+cutmix:combine=epoch:p=1",
        },
        _THREE,
        epochs=100,
    ),
    "table17": Preset(
        "time per epoch, also relative to vanilla (CIFAR-10 unless --dataset says otherwise)",
        ("cifar10",),
        ("resnet-18",),
        {
            **_COMMON,
            "PixMix": "pixmix",
            "AugMax": "augmax",
            "IPMix": "ipmix:jsd=false",
        },
        ("seconds", "relative-seconds"),
        corner="Method",
        seeds=(0,),
        epochs=3,
        one_at_a_time=True,
    ),
    "table19": Preset(
        "the levels of IPMix, with consistency and adversaries",
        ("cifar100",),
        ("wrn-40-4",),
        _LEVELS,
        _FIVE,
        corner="",
    ),
}.items():
    PRESETS.add(_name, _preset)


def find_preset(name: str) -> Preset:
    """Return a preset by its name; RunUsageError suggests the nearest, or lists them all."""
    if name in _IN_OTHERS:
        raise RunUsageError(_IN_OTHERS[name])
    if re.fullmatch(r"table\d+", name) and name not in PRESETS:  # another number is no typo
        raise RunUsageError(f"unknown preset '{name}': choose from {', '.join(PRESETS)}")
    try:
        return PRESETS[name]
    except KeyError as error:
        raise RunUsageError(str(error)) from None


def check_data(
    name: str,
    preset: Preset,
    datasets: Sequence[str],
    variants: Sequence[Variant],
    sets: Sequence[str],
) -> None:
    """Check that a preset's data sets are given and its mixing sets are there.

    Raises
    ------
    RunUsageError
        It says which are missing, and how to get them.
    """
    if not datasets:
        raise RunUsageError(f"the preset {name} needs {preset.needs}")
    needed = {}
    recipes = {f"sets/{recipe}": recipe for recipe in (preset.recipes or {}).values()}
    for variant in variants:
        if find_method(variant.method).uses_set:
            for folder in sets if variant.set_folder is None else [variant.set_folder]:
                place = as_place("sets", folder)
                if isinstance(place, Path) and not place.is_dir():
                    needed[folder] = recipes.get(folder, "ipmix")
    if needed:
        ways = "; ".join(
            f"'fractalgen build-set {folder} --recipe {recipe}'"
            for folder, recipe in needed.items()
        )
        raise RunUsageError(
            f"the preset {name} needs mixing sets that are not there: {', '.join(needed)}; draw "
            f"them with {ways}, or name other folders with --sets"
        )
