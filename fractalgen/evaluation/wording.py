"""Numbers and names as people write them."""

from __future__ import annotations

__all__ = ["count_of", "display_name", "percent", "printable", "spelled_out"]

_NAMES = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "digits": "Digits",
    "fashion-mnist": "Fashion-MNIST",
    "ipmix": "IPMix",
    "vanilla": "Vanilla",
}
_STARTS = {"resnet": "ResNet", "resnext": "ResNeXt", "vit": "ViT", "wrn": "WRN"}


def count_of(n: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun, such as ``1 kind`` or ``1,000 kinds``."""
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"


def percent(value: float, decimals: int = 2) -> str:
    """Write a share as a percentage."""
    return f"{100 * value:.{decimals}f}%"


def spelled_out(name: str) -> str:
    """Write a corruption's or perturbation's name as words."""
    words = name.replace("_", " ")
    return "JPEG" + words[4:] if words.startswith("jpeg") else words


def display_name(name: str) -> str:
    """Write the name of a data set, model or method with its capitals."""
    if name in _NAMES:
        return _NAMES[name]
    start, hyphen, rest = name.partition("-")
    return _STARTS.get(start, start) + hyphen + rest


def printable(text: str, encoding: str | None) -> str:
    """Replace what an encoding lacks, such as bytes of a file name that are not text."""
    encoding = encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace("±", "+/-").replace("\N{EN DASH}", "-")
        return text.encode(encoding, "replace").decode(encoding)
    return text
